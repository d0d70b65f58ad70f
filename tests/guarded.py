"""A small array, a small decoder and a guard that does in seconds what usually takes minutes."""

import numpy as np

from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

CHANNELS, OUTPUTS, BIN_S, RATE_HZ = 24, 2, 0.05, 200.0
A_BIN = round(BIN_S * RATE_HZ)

EPROP = EpropSettings(
    network=NetworkSettings(neurons=12, tau_groups=2, input_gain=2.0, recurrent_gain=1.0),
    online=OnlineSettings(learning_rate=1e-3),
    readout=ReadoutSettings(rule="delta"),
    rehearsal=RehearsalSettings(
        steps_per_bin=6,
        segment_s=4 * BIN_S,
        warm_up_s=BIN_S,
        segments_per_update=3,
        memory_s=40 * BIN_S,
    ),
)
QUICK = GuardSettings(
    usual_after_s=2,
    artefact_longest_s=1,
    rate_window_s=0.5,
    loss_window_s=0.5,
    late_window_s=0.5,
    calm_s=0.5,
    good_every_s=1,
    skips=3,
    exit_after_s=1,
)


def data_path(decoder=EPROP, guard=QUICK, channels=CHANNELS) -> Pipeline:
    return Pipeline(
        BinSettings(bin_s=BIN_S),
        StreamInfo("signal", channels, RATE_HZ),
        StreamInfo("velocity", OUTPUTS, 1 / BIN_S),
        build_decoder(decoder, channels, OUTPUTS, BIN_S),
        OUTPUTS,
        guard,
    )


def session(seconds, seed=0, channels=CHANNELS):
    """Counts (samples, channels) that follow two slow labels (bins, outputs)."""
    rng = np.random.default_rng(seed)
    bins = round(seconds / BIN_S)
    labels = 5 * np.sin(np.arange(bins)[:, None] * BIN_S * [4.0, 2.6]) + 1
    drive = labels @ rng.normal(0, 0.15, (OUTPUTS, channels))
    rates = np.repeat(0.3 * np.exp(drive), A_BIN, axis=0)
    return rng.poisson(rates).astype(np.float32), labels.astype(np.float32)


class Player:
    """Plays a session into a pipeline, some seconds at a time, in chunks of one bin or as told."""

    def __init__(self, pipeline, counts, labels):
        self.pipeline, self.counts, self.labels = pipeline, counts, labels
        self.at = 0
        self.outputs = []

    def play(self, seconds, chunk=A_BIN):
        """Returns the outputs of these seconds."""
        first = len(self.outputs)
        end = self.at + round(seconds / BIN_S) * A_BIN
        bins = np.arange(self.at // A_BIN, end // A_BIN)
        self.pipeline.push_labels(LabelChunk(bins * BIN_S, self.labels[bins]))
        while self.at < end:
            part = np.arange(self.at, min(self.at + chunk, end))
            piece = Chunk(part / RATE_HZ, self.counts[part])
            self.outputs.extend(self.pipeline.push(piece))
            self.at = int(part[-1]) + 1
        return self.outputs[first:]


def player(seconds, decoder=EPROP, guard=QUICK, channels=CHANNELS):
    return Player(data_path(decoder, guard, channels), *session(seconds, channels=channels))


def damage(pipeline, name, value):
    """Write `value` over one array of what the decoder has learned."""
    arrays = pipeline.decoder.snapshot()
    arrays[name][:] = value
    pipeline.decoder.restore(arrays)


def learned(pipeline):
    return {name: array.copy() for name, array in pipeline.decoder.learned().items()}


def bits(outputs):
    return [(o.index, o.values.tobytes(), o.learning, o.state) for o in outputs]


def snapshot_bits(pipeline):
    return {name: array.tobytes() for name, array in pipeline.decoder.snapshot().items()}
