"""Decoders for a session: what the settings leave to this machine is decided here, and said."""

import logging
import time

from eprop_rt.autotune import resolved
from eprop_rt.config import DecoderSettings, EpropSettings
from eprop_rt.decoder import Decoder, build_decoder
from eprop_rt_services.checkpoint import Checkpoint

log = logging.getLogger("eprop_rt")


def decoder_for(
    settings: DecoderSettings,
    inputs: int,
    outputs: int,
    bin_s: float,
    start: Checkpoint | None = None,
) -> Decoder:
    """The decoder that the settings name, where `start` left off; logs what `auto` came to.

    The settings must be those that `start` was found to fit. Raises RestoreError where it was made
    for another number of inputs or outputs.
    """
    if isinstance(settings, EpropSettings) and settings.online.schedule == "auto":
        settings, choice = resolved(settings, inputs, outputs, bin_s, time.perf_counter)
        log.info("%s", choice)
    decoder = build_decoder(settings, inputs, outputs, bin_s)
    if start is not None:
        start.check_shape(inputs, outputs)
        decoder.restore(start.arrays)
    return decoder
