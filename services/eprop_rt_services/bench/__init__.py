"""Benchmarks: what a step costs on this machine, and what it costs peers."""
