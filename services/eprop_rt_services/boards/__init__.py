"""Amplifiers that BrainFlow knows, as live streams."""
