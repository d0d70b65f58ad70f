"""Samples in and out over Lab Streaming Layer; with lsl_capture all that imports pylsl.

Nothing here fails to import where there is no liblsl: what needs it says so in one line.
"""

from eprop_rt_services.lsl_link.announced import (
    Found,
    SampleFormat,
    buffer_length,
    info_of,
    list_streams,
    look,
    number_formats,
    sighting_of,
)
from eprop_rt_services.lsl_link.inlet import CHUNK_SAMPLES, CHUNKS_A_PULL, Inlet, StreamLost
from eprop_rt_services.lsl_link.library import local_clock, lsl_available, require_lsl
from eprop_rt_services.lsl_link.outlets import LslOutlet, marker_outlet

__all__ = [
    "CHUNKS_A_PULL",
    "CHUNK_SAMPLES",
    "Found",
    "Inlet",
    "LslOutlet",
    "SampleFormat",
    "StreamLost",
    "buffer_length",
    "info_of",
    "list_streams",
    "local_clock",
    "look",
    "lsl_available",
    "marker_outlet",
    "number_formats",
    "require_lsl",
    "sighting_of",
]
