"""Chapters of a report from real replays, short ones."""

import functools

import numpy as np

from eprop_rt.config import BinSettings, EpropSettings, NetworkSettings, RehearsalSettings
from eprop_rt.series import StreamInfo
from eprop_rt_services.gradients import GradientWatch
from eprop_rt_services.observing import SessionWatch
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.replay import Contestant, compared
from eprop_rt_services.replay.across_days import DayBreak
from eprop_rt_services.replay.conditions import swept
from eprop_rt_services.replay.contestant import Setting
from eprop_rt_services.report import Chapter, making

BINS = BinSettings(bin_s=0.05)
EPROP = EpropSettings(
    network=NetworkSettings(neurons=12, tau_groups=2),
    rehearsal=RehearsalSettings(steps_per_bin=4, segment_s=1.0, warm_up_s=0.25),
)


def session(name="session", bins=2000, axes=2, channels=5):
    rng = np.random.default_rng(1)
    stamps = np.arange(bins) * 0.05
    wave = np.sin(np.arange(bins)[:, None] * np.linspace(0.05, 0.08, axes)).astype(np.float32)
    weights = np.random.default_rng(9).normal(0, 1, (axes, channels))
    counts = rng.poisson(np.maximum(2 + wave @ weights, 0.1)).astype(np.float32)
    return Recording(
        name,
        Series(StreamInfo("spikes", channels, 20.0), stamps, counts),
        Series(StreamInfo("velocity", axes, 20.0, units=("cm/s",) * axes), stamps, wave),
    )


def chapters(*recordings, settings=EPROP, beside="rls,wiener", swept_by=("", "", "")):
    """As `eprop-rt replay` makes them, everything asked for."""
    watches = SessionWatch(), GradientWatch(20.0)
    conditions = swept(*swept_by, 0)
    lanes = []
    for condition in conditions:
        setting = Setting(BINS, condition)
        seen_by = watches if condition == conditions[0] else ()
        own = seen_by if settings.kind == "eprop" else seen_by[:1]
        lanes.append(
            [
                Contestant(name, one, setting, None, own if name == settings.kind else ())
                for name, one in compared(beside, settings).items()
            ]
        )
    made, before = [], None
    for recording in recordings:
        night = None if before is None else DayBreak(lanes[0][0], before, recording)
        outcomes = [
            (condition, [one.replay(recording, lambda _: None) for one in lane])
            for condition, lane in zip(conditions, lanes, strict=True)
        ]
        made.append(
            Chapter(
                recording,
                "0" * 64,
                BINS,
                outcomes,
                watches[0].take(),
                watches[1].take() if settings.kind == "eprop" else None,
                None if night is None else night.compare(outcomes[0][1]),
            )
        )
        before = recording
    return made


@functools.cache
def usual():
    """Everything there is, once for all tests."""
    return chapters(session(), swept_by=("0.5", "0.2", "loss:0.4@0.5"))


def how():
    return making("eprop-rt replay session.nwb --report out.html", "decoder: {kind: eprop}\n")
