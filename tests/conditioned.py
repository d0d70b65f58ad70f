"""Stages and chains of conditioning, run over arrays."""

import itertools

import numpy as np
from hypothesis import strategies as st
from pydantic import TypeAdapter

from eprop_rt.conditioning.stage import ROWS, Block
from eprop_rt.conditioning.stages import InputSettings, StageSettings
from eprop_rt.intake import Intake
from eprop_rt.series import Chunk, StreamInfo

STAGE = TypeAdapter(StageSettings)
some_cuts = st.lists(st.floats(0, 1), max_size=8)


def stage(channels=3, rate_hz=2000.0, /, **settings):
    """One stage, for a stream."""
    return STAGE.validate_python(settings).build(StreamInfo("signal", channels, rate_hz))


def edges(cuts, rows):
    """Where `cuts`, shares of the rows, lie."""
    return [0, *sorted(int(cut * rows) for cut in cuts), rows]


def through(one, values, cuts=()):
    """What a stage makes of values (n, C), NaN being absent; cut wherever, blocks at most."""
    out = []
    whole = edges(cuts, len(values))
    for a, b in itertools.pairwise(sorted({*whole, *range(0, len(values), ROWS)})):
        absent = np.isnan(values[a:b])
        marks = absent.astype(np.uint8)
        given = Block(
            np.where(absent, 0.0, values[a:b]), marks, absent.any(axis=1).astype(np.uint8)
        )
        came = one.apply(given)
        gone = (came.marks != 0) & (came.broken != 0)[:, None]
        out.append(np.where(gone, np.nan, came.values))
    return np.concatenate(out)


def intake(stages, channels=3, rate_hz=2000.0, **bins):
    """The way in for one stream."""
    settings = InputSettings.model_validate({"bin_s": 0.02, "conditioning": stages} | bins)
    return Intake(settings, (StreamInfo("signal", channels, rate_hz),))


def bins_of(path, stamps, samples, cuts=()):
    """All bins that come out, as bits and as values."""
    closed = []
    for a, b in itertools.pairwise(edges(cuts, len(stamps)) if not callable(cuts) else cuts()):
        closed += path.push(Chunk(stamps[a:b], samples[a:b]))
    bits = [(one.index, one.origin_s, one.absent, one.values.tobytes()) for one in closed]
    return bits, np.array([one.values for one in closed], np.float64)
