import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    InputScaleSettings,
    MeanSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import DataError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

K, M, BIN_S, RATE_HZ = 3, 2, 0.05, 1001.5
TINY = NetworkSettings(neurons=6, tau_groups=2, input_gain=2.0, recurrent_gain=1.0)
EPROP = EpropSettings(
    network=TINY,
    online=OnlineSettings(learning_rate=0.01),
    readout=ReadoutSettings(rule="delta", lags=1),
    rehearsal=RehearsalSettings(
        steps_per_bin=6,
        segment_s=4 * BIN_S,
        warm_up_s=BIN_S,
        segments_per_update=3,
        memory_s=20 * BIN_S,
    ),
)
RLS = RlsSettings(lags=2)


def path(decoder=EPROP, rate_hz=RATE_HZ, label_rate_hz=60.0, guard=None, **bins) -> Pipeline:
    given_bins = BinSettings(**{"bin_s": BIN_S, **bins})
    return Pipeline(
        given_bins,
        StreamInfo("signal", K, rate_hz),
        StreamInfo("velocity", M, label_rate_hz),
        build_decoder(decoder, K, M, given_bins.bin_s),
        M,
        guard,
    )


def recording(seconds=2.0, seed=0, rate_hz=RATE_HZ, jitter=0.0):
    """Counts that follow two slow labels, at an awkward rate."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate_hz)
    stamps = 321.7 + np.arange(n) / rate_hz + rng.normal(0, jitter / rate_hz, n)
    wave = np.sin((stamps[:, None] - 321.7) * [4.0, 2.6])
    counts = rng.poisson(0.5 * np.exp(wave @ rng.normal(0, 0.7, (M, K))))
    label_stamps = 321.7 + np.arange(int(seconds * 60)) / 60
    labels = 5 * np.sin((label_stamps[:, None] - 321.7) * [4.0, 2.6]) + 1
    labels[rng.random(len(labels)) < 0.05] = np.nan
    return (
        Chunk(stamps, counts.astype(np.float32)),
        LabelChunk(label_stamps, labels.astype(np.float32)),
    )


def cut(chunk, edges):
    kind = type(chunk)
    values = chunk.samples if kind is Chunk else chunk.values
    return [kind(chunk.stamps[a:b], values[a:b]) for a, b in itertools.pairwise(edges)]


def run(pipeline, signal, labels=(), sink=lambda output: None):
    """Labels first, then the signal, each as chunks; returns the outputs."""
    for chunk in labels:
        pipeline.push_labels(chunk)
    outputs = []
    for chunk in signal:
        for output in pipeline.push(chunk):
            outputs.append(output)
            sink(output)
    return outputs


def bits(outputs):
    return [(o.index, o.bin_end_s, o.origin_s, o.values.tobytes(), o.learning) for o in outputs]


def snapshot_bits(pipeline):
    return {name: array.tobytes() for name, array in pipeline.decoder.snapshot().items()}


@pytest.mark.parametrize("decoder", [EPROP, RLS], ids=["eprop", "rls"])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    rate_hz=st.sampled_from([1001.5, 250.0, 30000 / 7]),
    jitter=st.sampled_from([0.0, 0.4, 4.0]),
    reduce=st.sampled_from(["sum", "mean", "rms"]),
    cuts=st.lists(st.floats(0, 1), max_size=12),
    label_cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_one_sample_at_a_time_is_one_big_chunk_to_the_bit(
    decoder, seed, rate_hz, jitter, reduce, cuts, label_cuts
):
    signal, labels = recording(0.9, seed, rate_hz, jitter)
    n, m = len(signal.stamps), len(labels.stamps)
    some = [0, *sorted(int(c * n) for c in cuts), n]
    some_labels = [0, *sorted(int(c * m) for c in label_cuts), m]
    runs = []
    for edges, label_edges in (
        ([0, n], [0, m]),
        (range(n + 1), range(m + 1)),
        (some, some_labels),
    ):
        one = path(decoder, rate_hz, reduce=reduce)
        outputs = run(one, cut(signal, edges), cut(labels, label_edges))
        runs.append((bits(outputs), snapshot_bits(one), one.events, one.updates))
    assert len(runs[0][0]) >= 16
    assert np.unique([output[3] for output in runs[0][0]]).size > 8
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("k", [0, 7, 25])
def test_a_label_never_reaches_an_output_up_to_its_own_bin(k):
    signal, labels = recording()
    expected = run(path(), [signal], [labels])
    changed = labels.values.copy()
    changed[labels.stamps >= 321.7 + k * BIN_S - 1e-9] += 50
    came = run(path(), [signal], [LabelChunk(labels.stamps, changed)])
    assert bits(came)[: k + 1] == bits(expected)[: k + 1]
    assert bits(came)[-1] != bits(expected)[-1]


@pytest.mark.parametrize("k", [0, 7, 25])
def test_a_sample_never_reaches_an_output_before_its_own_bin(k):
    signal, labels = recording()
    expected = run(path(), [signal], [labels])
    changed = signal.samples.copy()
    changed[signal.stamps >= 321.7 + k * BIN_S, 0] += 0.1
    came = run(path(), [Chunk(signal.stamps, changed)], [labels])
    assert bits(came)[:k] == bits(expected)[:k]
    assert bits(came)[-1] != bits(expected)[-1]


def test_an_output_is_given_out_before_anything_is_learned_from_its_bin():
    signal, labels = recording()
    one = path()
    updates = []
    outputs = run(one, [signal], [labels], lambda _: updates.append(one.updates))
    assert updates == list(range(len(outputs)))
    assert one.updates == len(outputs)


def test_a_label_that_comes_while_its_command_goes_out_is_in_time():
    signal, labels = recording()
    expected = run(path(), [signal], [labels])
    one = path()

    def reveal(output):
        now = (labels.stamps + 0.5 / 60 - 321.7) // BIN_S == output.index
        one.push_labels(LabelChunk(labels.stamps[now], labels.values[now]))

    assert bits(run(one, [signal], [], reveal)) == bits(expected)
    assert one.events["late_label"] == 0


def test_an_output_tells_its_bin_and_its_newest_sample():
    signal, _ = recording(1.0, rate_hz=1000.0)
    outputs = run(path(rate_hz=1000.0), [signal])
    assert [o.index for o in outputs] == list(range(20))
    assert [o.bin_end_s for o in outputs] == pytest.approx(321.7 + 0.05 * np.arange(1, 21))
    assert [o.origin_s for o in outputs] == signal.stamps[49::50].tolist()
    assert all(o.values.shape == (M,) and o.values.dtype == np.float64 for o in outputs)


def test_samples_and_labels_are_left_untouched():
    signal, labels = recording()
    for array in (signal.stamps, signal.samples, labels.stamps, labels.values):
        array.flags.writeable = False
    assert len(run(path(), [signal], [labels])) > 30


def test_the_same_session_twice_is_the_same_to_the_bit():
    signal, labels = recording()
    runs = [path(), path()]
    one, other = (bits(run(p, [signal], [labels])) for p in runs)
    assert one == other
    assert snapshot_bits(runs[0]) == snapshot_bits(runs[1])


@pytest.mark.parametrize("decoder", [EPROP, RLS], ids=["eprop", "rls"])
def test_frozen_leaves_all_that_is_learned_as_it_is(decoder):
    """Else than by its state, which moves on: after a reset nothing tells of the frozen bins."""
    signal, labels = recording()
    edges = [0, 800, len(signal.stamps)]
    one, other = path(decoder), path(decoder)
    for p in (one, other):
        run(p, cut(signal, edges)[:1], [labels])
    one.freeze()
    assert not one.learning
    outputs = run(one, cut(signal, edges)[1:])
    assert len(outputs) > 20
    assert not any(o.learning for o in outputs)
    assert one.updates == other.updates
    for p in (one, other):
        p.decoder.reset()
    before, after = other.decoder.snapshot(), one.decoder.snapshot()
    for name, array in before.items():
        if name not in ("bin", "output"):  # the newest bin itself
            np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_frozen_outputs_are_what_the_decoder_says_without_learning():
    signal, labels = recording(rate_hz=1000.0)
    edges = [0, 900, 2000]
    frozen, silent = path(rate_hz=1000.0), path(rate_hz=1000.0)
    for p in (frozen, silent):
        run(p, cut(signal, edges)[:1], [labels])
    frozen.freeze()
    came = [o.values for o in run(frozen, cut(signal, edges)[1:])]
    bins = signal.samples[900:].reshape(22, 50, K).sum(axis=1)
    np.testing.assert_array_equal(came, [silent.decoder.predict_one(x) for x in bins])


def test_thawed_it_learns_again():
    signal, labels = recording()
    one = path()
    edges = [0, 600, 1200, len(signal.stamps)]
    parts = cut(signal, edges)
    run(one, parts[:1], [labels])
    one.freeze()
    run(one, parts[1:2])
    updates, before = one.updates, snapshot_bits(one)
    assert one.decoder.snapshot()["online.passes.traces.ebar"].any()
    one.thaw()
    assert one.learning
    assert not one.decoder.snapshot()[
        "online.passes.traces.ebar"
    ].any()  # frozen bins were never traced
    outputs = run(one, parts[2:])
    assert all(o.learning for o in outputs)
    assert one.updates == updates + len(outputs)
    assert snapshot_bits(one)["weights.w"] != before["weights.w"]


def test_thaw_without_freeze_changes_nothing():
    signal, labels = recording()
    expected, one = bits(run(path(), [signal], [labels])), path()
    assert bits(run(one, [signal], [labels], lambda _: one.thaw())) == expected


def test_from_the_moment_of_freezing_nothing_more_is_learned():
    """Even from the bin whose command goes out at that moment."""
    signal, labels = recording()
    one = path()
    at = {}

    def freeze(output):
        if output.index == 11:
            one.freeze()
            at.update(weights=snapshot_bits(one)["weights.w"], updates=one.updates)

    run(one, [signal], [labels], freeze)
    assert at["updates"] == one.updates == 11
    assert snapshot_bits(one)["weights.w"] == at["weights"]


def test_a_bin_that_was_told_to_be_frozen_is_never_learned_from():
    """A thaw that comes while its command goes out holds from the next bin on."""
    signal, labels = recording()
    one = path()
    one.freeze()
    outputs = run(one, [signal], [labels], lambda o: o.index == 11 and one.thaw())
    assert [o.learning for o in outputs] == [k > 11 for k in range(len(outputs))]
    assert one.updates == sum(o.learning for o in outputs)


def test_values_that_are_not_finite_are_told_and_harm_nothing():
    signal, labels = recording()
    samples = signal.samples.copy()
    samples[100:300, 0] = np.nan
    samples[400:600] = np.inf
    samples[1500:, 2] = np.nan
    one = path()
    outputs = run(one, [Chunk(signal.stamps, samples)], [labels])
    assert np.isfinite([o.values for o in outputs]).all()
    assert one.events["value_not_finite"] == 200 + 200 + len(samples) - 1500
    assert one.events["output_held"] == 0
    for name, array in one.decoder.snapshot().items():
        if "labels" not in name:
            assert np.isfinite(array).all(), name


MALFORMED = st.one_of(
    # Values that are no label, of any time.
    st.tuples(st.floats(-3, 3), st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30])),
    # Labels of a time that is none of this session.
    st.tuples(
        st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e13, 1e7, -1e7, -1e4]),
        st.floats(-5, 5, width=32),
    ),
)


def labelled(decoder, disturb):
    """A session whose labels come in time; `disturb(pipeline, at, part)` after each part of it."""
    signal, labels = recording()
    edges = np.linspace(0, len(signal.stamps), 41).astype(int).tolist()
    pipeline, outputs, taken = path(decoder), [], 0
    for at, part in enumerate(cut(signal, edges)):
        until = int(np.searchsorted(labels.stamps, part.stamps[-1]))
        pipeline.push_labels(LabelChunk(labels.stamps[taken:until], labels.values[taken:until]))
        taken = until
        disturb(pipeline, at, part)
        outputs += pipeline.push(part)
    return bits(outputs), pipeline.decoder.snapshot()


@pytest.mark.parametrize("decoder", [EPROP, RLS], ids=["eprop", "rls"])
@settings(max_examples=25, deadline=None)
@given(malformed=st.lists(st.lists(MALFORMED, max_size=6), min_size=40, max_size=40))
def test_malformed_labels_between_sound_ones_change_nothing(decoder, malformed):
    """Early, late, and of bins that have a label: weights and outputs are those without them."""

    def disturb(pipeline, at, part):
        if rows := malformed[at]:
            stamps = part.stamps[-1] + np.array([ahead_s for ahead_s, _ in rows])
            values = np.repeat([[value] for _, value in rows], M, axis=1)
            pipeline.push_labels(LabelChunk(stamps, values.astype(np.float32)))

    outputs, learned = labelled(decoder, disturb)
    same, before = labelled(decoder, lambda *_: None)
    assert outputs == same
    assert {name: a.tobytes() for name, a in learned.items()} == {
        name: a.tobytes() for name, a in before.items()
    }


@pytest.mark.parametrize("absent", [np.nan, np.inf, 1e30])
def test_where_a_late_label_is_absent_on_an_axis_the_one_before_stands(absent):
    def disturb(pipeline, at, part):
        again = LabelChunk(part.stamps[-1:] - 0.3, np.array([[7.0, absent]], np.float32))
        pipeline.push_labels(again)

    _, learned = labelled(EPROP, disturb)
    _, before = labelled(EPROP, lambda *_: None)
    for name in ("memory.labels", "online.history.label"):
        if name in learned:
            assert np.array_equal(learned[name][:, 1], before[name][:, 1], equal_nan=True)
    assert (learned["memory.labels"][:, 0] == 7).sum() > 10


@pytest.mark.parametrize("reduce", ["sum", "mean", "rms"])
@pytest.mark.parametrize("clip", [20.0, None])
def test_an_artefact_of_any_size_leaves_every_number_finite(clip, reduce):
    """The largest number that a sample can be, on all channels at once."""
    signal, labels = recording()
    samples = signal.samples.copy()
    samples[700:720] = np.finfo(np.float32).max
    samples[1200] = -np.finfo(np.float32).max
    scale = InputScaleSettings(clip=clip)
    one = path(EPROP.model_copy(update={"inputs": scale}), reduce=reduce)
    with np.errstate(all="ignore"):  # what cannot be learned from is refused, and told
        outputs = run(one, [Chunk(signal.stamps, samples)], [labels])
    assert np.isfinite([o.values for o in outputs]).all()
    for name, array in one.decoder.snapshot().items():
        if "labels" not in name:
            assert np.isfinite(array).all(), name


def test_settings_of_a_common_size_do_not_run_away():
    """96 channels, ten lagged bins of them, all else as it is by default."""
    decoder = build_decoder(
        EpropSettings(
            network=NetworkSettings(neurons=16),
            readout=ReadoutSettings(lags=10),
            rehearsal=RehearsalSettings(steps_per_bin=0, memory_s=12),
        ),
        96,
        M,
        BIN_S,
    )
    rng = np.random.default_rng(0)
    for t in range(80):
        with np.errstate(all="ignore"):
            y = decoder.predict_one(rng.poisson(1.0, 96).astype(np.float32))
            decoder.learn_one(np.sin(np.array([t / 9, t / 7])).astype(np.float32))
        assert np.abs(y).max() < 100, f"bin {t}: {y}"


def test_an_output_that_is_not_finite_is_held_back_and_the_last_one_stands():
    signal, labels = recording()
    one = path(RLS, guard=GuardSettings(zero_after_s=None))
    first, second = cut(signal, [0, 1000, len(signal.stamps)])
    last = run(one, [first], [labels])[-1].values.copy()
    broken = one.decoder.snapshot()
    broken["w"][:] = np.nan
    one.decoder.restore(broken)
    one.freeze()
    outputs = run(one, [second])
    assert len(outputs) > 5
    for output in outputs:
        np.testing.assert_array_equal(output.values, last)
        output.values[:] = 99  # what a consumer does to its output is its own affair
    assert one.events["output_held"] == len(outputs)


def after_gap(gap_s, **bins):
    """Outputs of 1 s, a gap, 1 s; and the pipeline."""
    signal, labels = recording(2.0, rate_hz=1000.0)
    first, second = cut(signal, [0, 1000, 2000])
    one = path(rate_hz=1000.0, reset_after_gap_s=0.5, **bins)
    outputs = run(one, [first], [labels])
    outputs += run(one, [Chunk(second.stamps + gap_s, second.samples)])
    return one, outputs


def test_after_a_long_gap_the_network_starts_from_rest():
    one, outputs = after_gap(0.7)
    assert one.events["reset_after_gap"] == 1
    assert one.events["gap"] == 1
    assert [o.index for o in outputs] == [*range(20), *range(34, 54)]
    signal, labels = recording(2.0, rate_hz=1000.0)
    rested = path(rate_hz=1000.0)
    run(rested, cut(signal, [0, 1000]), [labels])
    rested.decoder.reset()
    bin_20 = signal.samples[1000:1050].sum(axis=0)
    np.testing.assert_array_equal(outputs[20].values, rested.decoder.predict_one(bin_20))


def test_a_short_gap_resets_nothing():
    one, outputs = after_gap(0.4)
    assert one.events["reset_after_gap"] == 0
    assert [o.index for o in outputs] == [*range(20), *range(28, 48)]


def test_bins_that_follow_each_other_are_no_gap_however_long_they_are():
    signal, labels = recording(8.0, rate_hz=100.0)
    one = path(rate_hz=100.0, bin_s=1.0, reset_after_gap_s=0.3)
    assert len(run(one, [signal], [labels])) == 8
    assert not one.events


def test_what_was_learned_outlives_a_gap():
    signal, labels = recording(2.0, rate_hz=1000.0)
    without = path(rate_hz=1000.0)
    run(without, cut(signal, [0, 1000]), [labels])
    one, _ = after_gap(0.7)
    snapshots = one.decoder.snapshot(), without.decoder.snapshot()
    assert snapshots[0]["memory.written"][0] == 40
    np.testing.assert_array_equal(
        snapshots[0]["memory.inputs"][:0], snapshots[1]["memory.inputs"][:0]
    )
    assert snapshots[0]["target_scale.seen"][0] > 15


def test_events_of_every_part_come_together():
    signal, labels = recording(2.0, rate_hz=1000.0)
    stamps, samples = signal.stamps.copy(), signal.samples.copy()
    stamps[500] = np.nan
    samples[20, 0] = np.nan
    stamps[999] -= 0.0605
    one = path(rate_hz=1000.0)
    run(one, [Chunk(stamps[:1500], samples[:1500])], [labels])
    one.push_labels(LabelChunk(np.array([300.0]), np.zeros((1, M), np.float32)))
    run(one, [Chunk(stamps[1500:], samples[1500:])])
    assert {name: count for name, count in one.events.items() if name != "gap"} == {
        "stamp_not_finite": 1,
        "value_not_finite": 1,
        "stamp_out_of_order": 1,
        "late_sample": 1,
        "late_label": 1,
    }
    assert one.events["gap"] == 2


def test_labels_are_read_after_the_command_and_do_not_pile_up_without_a_signal():
    signal, _ = recording()
    one = path()
    infinite = LabelChunk(np.array([321.7]), np.full((1, M), np.inf, np.float32))
    counted = []
    for _ in one.push(signal):
        one.push_labels(infinite)
        counted.append(one.events["label_not_finite"])
    assert counted == list(range(len(counted)))
    for _ in range(600):
        one.push_labels(infinite)
    assert one.events["label_not_finite"] > len(counted) + 300


def test_a_chunk_or_label_of_another_shape_is_refused():
    one = path()
    with pytest.raises(DataError, match="signal"):
        list(one.push(Chunk(np.zeros(2), np.zeros((2, K + 1), np.float32))))
    with pytest.raises(DataError, match="labels"):
        one.push_labels(LabelChunk(np.zeros(2), np.zeros((2, M + 1), np.float32)))
    with pytest.raises(DataError, match="labels"):
        one.push_labels(LabelChunk(np.zeros(2), np.zeros((3, M), np.float32)))


def test_without_labels_it_decodes_and_teaches_no_output():
    signal, _ = recording()
    one = Pipeline(
        BinSettings(bin_s=BIN_S),
        StreamInfo("signal", K, RATE_HZ),
        None,
        build_decoder(MeanSettings(), K, M, BIN_S),
        M,
    )
    outputs = run(one, [signal])
    assert len(outputs) > 30
    assert not np.any([o.values for o in outputs])


SESSION_AFTER_WARM_UP = """
import importlib, pkgutil
import numpy as np
from numba.core.dispatcher import Dispatcher
from eprop_rt import BinSettings, Chunk, LabelChunk, Pipeline, StreamInfo, build_decoder, kernels
from eprop_rt.config import PipelineSettings
from eprop_rt.warmup import warm_up

names = [m.name for m in pkgutil.walk_packages(kernels.__path__, "eprop_rt.kernels.")]
modules = [importlib.import_module(name) for name in names]
known = {k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
assert len(known) > 30
compiled = lambda: {
    f"{k.py_func.__module__}.{k.py_func.__name__}": len(k.signatures) for k in known
}
for settings in SETTINGS:
    given = PipelineSettings.model_validate({"decoder": settings})
    bins, decoder = BinSettings(bin_s=0.02), given.decoder
    warm_up(bins, decoder)
    before = compiled()
    info = StreamInfo("signal", 5, 200.0)
    one = Pipeline(bins, info, info, build_decoder(decoder, 5, 3, 0.02), 3)
    stamps = np.arange(600) / 200 + 7.0
    samples = np.random.default_rng(0).poisson(1.0, (600, 5)).astype(np.float32)
    labels = np.ascontiguousarray(np.cumsum(samples[:, :3] - 1, axis=0))
    labels[::50] = np.nan
    one.push_labels(LabelChunk(stamps, labels))
    for part in (slice(0, 400), slice(500, 501), slice(501, 600)):
        for output in one.push(Chunk(stamps[part], samples[part])):
            pass
        one.freeze()
        one.thaw()
    one.decoder.restore(one.decoder.snapshot())
    one.decoder.reset()
    assert one.updates > 100
    after = compiled()
    assert sum(after.values()) > 0
    assert after == before, (settings, before, after)
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_after_warm_up_nothing_is_compiled_in_mid_session():
    """In a process of its own: here every kernel has been compiled by other tests."""
    rehearsal = {"segment_s": 0.2, "warm_up_s": 0.04, "segments_per_update": 2, "memory_s": 2}
    network = {"neurons": 12, "tau_groups": 3}
    lif, plus = network | {"adaptive_fraction": 0}, network | {"convention": "eprop_plus"}
    escape = network | {"spikes": "escape", "surrogate": {"kind": "logistic", "height": None}}
    common = {"kind": "eprop", "rehearsal": rehearsal, "network": network}
    given_settings = [
        common,
        common | {"online": {"optimiser": "adam", "update_every": 3}, "readout": {"rule": "adam"}},
        common | {"dtype": "float64", "readout": {"rule": "rls", "lags": 2}},
        common | {"network": lif, "readout": {"rule": "none"}},
        common | {"online": {"schedule": "deferred", "optimiser": "rms"}, "loss": "softmax"},
        common | {"network": lif | {"synapse_tau_s": 0.005}, "online": {"schedule": "event"}},
        common | {"network": escape | {"connectivity": 0.5}, "penalties": {"voltage_l2": 0.1}},
        common | {"network": plus, "online": {"label_delay_s": 0.2, "feedback": "adaptive"}},
        common | {"online": {"eligibility": "rank_one"}, "homeostasis": {}},
        {"kind": "rls", "lags": 2},
    ]
    script = SESSION_AFTER_WARM_UP.replace("SETTINGS:", f"{given_settings!r}:", 1)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
