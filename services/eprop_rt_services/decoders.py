"""Decoders for a session: what the settings leave to this machine is decided here, and said."""

import logging
import time

from eprop_rt.autotune import resolved
from eprop_rt.config import DecoderSettings, EpropSettings
from eprop_rt.decoder import Decoder, build_decoder

log = logging.getLogger("eprop_rt")


def settled(settings: DecoderSettings, inputs: int, outputs: int, bin_s: float) -> DecoderSettings:
    """The same settings with nothing left open; logs which schedule `auto` came to."""
    if not isinstance(settings, EpropSettings) or settings.online.schedule != "auto":
        return settings
    chosen, choice = resolved(settings, inputs, outputs, bin_s, time.perf_counter)
    log.info("%s", choice)
    return chosen


def decoder_for(settings: DecoderSettings, inputs: int, outputs: int, bin_s: float) -> Decoder:
    """The decoder that the settings name."""
    return build_decoder(settled(settings, inputs, outputs, bin_s), inputs, outputs, bin_s)
