"""Decoders for a session: what the settings leave to this machine is decided here, and said."""

import time

from eprop_rt.autotune import resolved
from eprop_rt.config import DecoderSettings, EpropSettings
from eprop_rt.decoder import Decoder, build_decoder
from eprop_rt.engine import Engine
from eprop_rt_services.checkpoint import Checkpoint


def decoder_for(
    settings: DecoderSettings,
    inputs: int,
    outputs: int,
    bin_s: float,
    start: Checkpoint | None = None,
) -> tuple[Decoder, list[str]]:
    """The decoder that the settings name, and what was decided for it, in lines to be shown.

    It goes on from `start`, which the settings were found to fit. Raises RestoreError where that
    was made for another number of inputs or outputs.
    """
    said = []
    if isinstance(settings, EpropSettings) and settings.online.schedule == "auto":
        settings, choice = resolved(settings, inputs, outputs, bin_s, time.perf_counter)
        said.append(str(choice))
    decoder = build_decoder(settings, inputs, outputs, bin_s)
    if start is not None:
        start.check_shape(inputs, outputs)
        decoder.restore(start.arrays)
    return decoder, said


def approximation(settings: DecoderSettings, decoder: Decoder) -> list[str]:
    """How far an approximate eligibility was from the full rule, in a line; none where it is."""
    if not (isinstance(settings, EpropSettings) and isinstance(decoder, Engine)):
        return []
    if settings.online.eligibility == "full":
        return []
    cosine = decoder.eligibility_cosine()
    if cosine is None:
        return []
    return [
        f"eligibility {settings.online.eligibility} approximates: cosine {cosine:.3f} to the "
        "gradient of e-prop, over the newest segment"
    ]
