"""Compile, or load from the cache, everything that a session will call, before its first bin."""

import numpy as np

from eprop_rt.autotune import candidates, with_schedule
from eprop_rt.conditioning.chain import Chain
from eprop_rt.conditioning.channels import ChannelsSettings
from eprop_rt.conditioning.stage import SampleSettings
from eprop_rt.conditioning.stages import Stages, stages_of
from eprop_rt.config import BinSettings, DecoderSettings, EpropSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import F64, Chunk, LabelChunk, StreamInfo

CHANNELS, OUTPUTS, BINS = 3, 2, 24


def warm_up(bins: BinSettings, decoder: DecoderSettings) -> None:
    """Run a tiny decoder of the same kind through a few bins, learning and rehearsing."""
    _condition(stages_of(bins))
    if isinstance(decoder, EpropSettings):
        small = shrunk(decoder, bins.bin_s)
        for schedule in candidates(small, bins.bin_s):
            _run(bins, with_schedule(small, schedule))
    else:
        _run(bins, decoder)


def _condition(stages: Stages) -> None:
    """Build each stage for a stream that is fast enough: that compiles what it calls."""
    for stage in stages:
        if isinstance(stage, SampleSettings) and not isinstance(stage, ChannelsSettings):
            Chain([stage], StreamInfo("warm-up", CHANNELS, 4 * stage.highest_hz()))


def _run(bins: BinSettings, small: DecoderSettings) -> None:
    bins = BinSettings(**bins.model_dump(include=set(BinSettings.model_fields)))
    info = StreamInfo("warm-up", CHANNELS, 1.0 / bins.bin_s)
    pipeline = Pipeline(
        bins, info, info, build_decoder(small, CHANNELS, OUTPUTS, bins.bin_s), OUTPUTS
    )
    stamps: F64 = np.arange(BINS, dtype=np.float64) * bins.bin_s
    wave = np.sin(np.arange(BINS * CHANNELS)).reshape(BINS, CHANNELS).astype(np.float32)
    pipeline.push_labels(LabelChunk(stamps, np.ascontiguousarray(wave[:, :OUTPUTS])))
    for _ in pipeline.push(Chunk(stamps, wave)):
        pass


def shrunk(settings: EpropSettings, bin_s: float) -> EpropSettings:
    """The same code paths with hardly any neurons and hardly any past."""
    network = settings.network.model_copy(update={"neurons": 8, "tau_groups": 2})
    rehearsal = settings.rehearsal.model_copy(
        update={
            "segment_s": 4 * bin_s,
            "warm_up_s": bin_s,
            "memory_s": BINS * bin_s,
            "segments_per_update": 1,
            "steps_per_bin": min(4.0, settings.rehearsal.steps_per_bin * 4),
        }
    )
    online = settings.online.model_copy(update={"label_delay_s": 0.0})
    return settings.model_copy(
        update={"network": network, "rehearsal": rehearsal, "online": online}
    )
