"""Closed-loop simulations for people: their configuration, many at once, and their figures."""
