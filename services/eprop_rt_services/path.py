"""The data path of a session, built in one way live and in a replay."""

from eprop_rt.config import DecoderSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import StreamInfo
from eprop_rt.snapshot import Arrays
from eprop_rt_services.config import Config


def begin_path(
    config: Config,
    decoder: DecoderSettings,
    signals: tuple[StreamInfo, ...],
    labels: StreamInfo | None,
    outputs: int,
    learned: Arrays | None,
) -> Pipeline:
    """A data path at its beginning, with a decoder that knows what was `learned`, at rest.

    Raises RestoreError where that belongs to another decoder.
    """
    channels = sum(info.channels for info in signals)
    built = build_decoder(decoder, channels, outputs, config.bins.bin_s)
    if learned is not None:
        built.restore(learned)
    built.reset()  # whatever was decoded last was another session's
    pipeline = Pipeline(config.bins, signals, labels, built, outputs, config.guard)
    if learned is not None:
        pipeline.guard.recall(learned)
    return pipeline
