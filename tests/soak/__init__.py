"""Faults against a real daemon: `python -m soak` (make soak), and in short as a test."""
