"""A data path that begins with what was learned before."""

import numpy as np

from eprop_rt.engine import Engine
from eprop_rt.series import StreamInfo
from eprop_rt_services.config import Config
from eprop_rt_services.path import begin_path

CHANNELS, OUTPUTS = 6, 2
CONFIG = Config.model_validate(
    {"decoder": {"kind": "eprop", "network": {"neurons": 12, "tau_groups": 3}}}
)


def begun(learned):
    signal = StreamInfo("spikes", CHANNELS, 100.0)
    labels = StreamInfo("velocity", OUTPUTS, 100.0)
    return begin_path(CONFIG, CONFIG.decoder, (signal,), labels, OUTPUTS, learned)


def learned_from_labels_around_40():
    engine = Engine(CONFIG.decoder, CHANNELS, OUTPUTS, CONFIG.bins.bin_s)
    random = np.random.default_rng(0)
    for _ in range(400):
        counts = random.poisson(1.0, CHANNELS).astype(np.float32)
        engine.study(counts, random.normal(40.0, 1.0, OUTPUTS).astype(np.float32))
    return engine.snapshot()


def test_the_first_output_after_a_restart_is_bounded_by_the_labels_before_it():
    guard = begun(learned_from_labels_around_40()).guard
    for far in (1e9, -1e9):
        values, state = guard.publish(np.full(OUTPUTS, far))
        assert state == "clipped"
        np.testing.assert_allclose(values, 40.0, atol=12.0)


def test_a_path_from_zero_knows_no_bound_yet():
    values, state = begun(None).guard.publish(np.full(OUTPUTS, 1e9))
    assert state == "decoded"
    np.testing.assert_array_equal(values, 1e9)
