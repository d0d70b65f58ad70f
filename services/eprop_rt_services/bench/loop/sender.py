"""An amplifier, simulated: channels that fire with a velocity, and the velocity as labels.

Stamps lie on the exact grid of the sampling; beside each, the file has the instant of its push.
How late the sender itself was woken is thus in no figure. Labels come at every place within a bin
in turn, for with the sample that completes one they are most in the way.
"""

import sys
from pathlib import Path

import numpy as np

from eprop_rt.config import Positive, Settings
from eprop_rt.series import F32, StreamInfo
from eprop_rt_services.bench.loop.log import SENT, rows
from eprop_rt_services.closed_loop.ticks import Ticks
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.realtime import RealtimeSettings, apply

PATTERN_S = 20.0
TURN_S = (4.0, 3.1)
SPIKES_HZ, DEPTH = 20.0, 0.8
LABELS_A_PLACE = 100


class SenderSettings(Settings):
    """What is sent: `chunk` samples a push, one label every `label_every` samples.

    After `LABELS_A_PLACE` one comes a sample later.
    """

    signal_id: str
    labels_id: str
    file: Path
    channels: int
    rate_hz: Positive
    chunk: int
    label_every: int
    realtime: RealtimeSettings


def pattern(channels: int, rate_hz: float) -> tuple[F32, F32]:
    """Counts (n, channels) and velocities (n, 2) of `PATTERN_S`, sent again and again."""
    draw = np.random.default_rng(0)
    at_s = np.arange(round(PATTERN_S * rate_hz)) / rate_hz
    velocity = np.sin(2 * np.pi * at_s[:, None] / np.array(TURN_S))
    towards = draw.uniform(0, 2 * np.pi, channels)
    tuning = velocity @ np.stack([np.cos(towards), np.sin(towards)]) / np.sqrt(2)
    counts = draw.poisson(SPIKES_HZ / rate_hz * (1 + DEPTH * tuning))
    return counts.astype(np.float32), velocity.astype(np.float32)


def run(settings: SenderSettings) -> None:
    """Send until ended."""
    apply(settings.realtime)
    rate_hz, chunk = settings.rate_hz, settings.chunk
    counts, velocity = pattern(settings.channels, rate_hz)
    counts, velocity = (a[: len(a) // chunk * chunk] for a in (counts, velocity))
    signal = StreamInfo("bench amplifier", settings.channels, rate_hz)
    labels = StreamInfo("bench velocity", 2, rate_hz / settings.label_every)
    back_s = np.arange(1 - chunk, 1) / rate_hz
    with (
        LslOutlet(labels, "Labels", settings.labels_id) as label_outlet,
        LslOutlet(signal, "Spikes", settings.signal_id) as outlet,
        rows(settings.file, SENT) as sent,
    ):
        ticks, sample, labelled = Ticks(chunk / rate_hz), 0, 0
        while True:
            newest_s = ticks.wait()
            stamps = newest_s + back_s
            first = sample % len(counts)
            label_at = labelled * settings.label_every + labelled // LABELS_A_PLACE
            if sample + chunk > label_at:
                label_outlet.push(stamps[:1], velocity[first : first + 1])
                labelled += 1
            pushed_s = local_clock()
            outlet.push(stamps, counts[first : first + chunk])
            sent.add(newest_s, pushed_s)
            sample += chunk


if __name__ == "__main__":
    run(SenderSettings.model_validate_json(sys.argv[1]))
