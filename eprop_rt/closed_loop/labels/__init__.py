"""Sources of labels in closed loop: who says, and when, what the decoder should have said."""

from eprop_rt.closed_loop.labels.build import build_label_source
from eprop_rt.closed_loop.labels.settings import LabelSettings, oldest_bins, waits_s
from eprop_rt.closed_loop.labels.source import Labels, LabelSource

__all__ = [
    "LabelSettings",
    "LabelSource",
    "Labels",
    "build_label_source",
    "oldest_bins",
    "waits_s",
]
