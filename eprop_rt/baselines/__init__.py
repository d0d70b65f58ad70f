"""Decoders to compare with, each with the same `predict_one` and `learn_one`."""
