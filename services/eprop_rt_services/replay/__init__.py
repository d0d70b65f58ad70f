"""Recorded sessions through the same loop as live ones, several decoders side by side."""

from eprop_rt_services.replay.comparable import COMPARABLE, compared
from eprop_rt_services.replay.contestant import Contestant, Replayed

__all__ = ["COMPARABLE", "Contestant", "Replayed", "compared"]
