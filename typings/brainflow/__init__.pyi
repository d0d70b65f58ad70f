"""The part of BrainFlow (which has no types of its own) that this project uses."""
