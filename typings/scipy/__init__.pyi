"""The part of SciPy (which has no types of its own) that this project uses."""
