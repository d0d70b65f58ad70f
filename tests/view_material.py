"""A view with everything in it, for tests."""

import numpy as np

from eprop_rt_protocols.strictness import VERSION
from eprop_rt_protocols.view import View, ViewHeader


def view(bins=3, neurons=11):
    draw = np.random.default_rng(0)
    header = ViewHeader(
        version=VERSION,
        sequence=7,
        stamp_s=10.5,
        clock="lsl_local_clock",
        host="lab",
        pid=1,
        first=40,
        bins=bins,
        bin_s=0.02,
        newest_end_s=10.4,
        outputs=2,
        inputs=5,
        neurons=neurons,
        of_inputs=5,
        of_neurons=neurons,
        names=("vx", "vy"),
        units=("cm/s", "cm/s"),
        learning="on",
        data_age_s=None,
        norms={"input": 1.5},
        sample=4,
    )
    labels = draw.normal(size=(bins, 2)).astype(np.float32)
    labels[:1] = np.nan
    return View(
        header,
        draw.normal(size=(bins, 2)).astype(np.float32),
        labels,
        draw.normal(size=(bins, 5)).astype(np.float32),
        draw.random((bins, neurons)) > 0.5,
        draw.normal(size=4).astype(np.float32),
    )
