"""Every rule, signal, neuron, penalty and schedule of online learning, as whole bins of the engine.

Each against `engine_oracle`, which keeps a matrix for every trace and applies every rule by the
letter; it asserts that neurons spike, that surrogates are not zero and that all states agree.
"""

import numpy as np
import pytest

from engine_oracle import BIN_S, INPUTS, NEURONS, OUTPUTS, eprop, network, session, side_by_side
from eprop_rt.config import (
    AnnealingSettings,
    HomeostasisSettings,
    OnlineSettings,
    PenaltySettings,
    ReadoutSettings,
    SurrogateSettings,
)
from eprop_rt.engine import Engine
from eprop_rt.errors import DataError

LIF = {"adaptive_fraction": 0.0}
CURRENT = {"synapse_tau_s": 0.025, "input_gain": 0.9}
ESCAPE = {
    "spikes": "escape",
    "surrogate": SurrogateSettings(kind="logistic", height=None, width=0.3),
}
PLUS = {"convention": "eprop_plus", "eligibility_tau_s": 0.2, "readout_gain": 0.5}
NEURON_KINDS = {
    "lif": LIF,
    "lif and alif": {},
    "current-based": LIF | CURRENT,
    "current-based, adaptive": CURRENT,
    "escape noise": ESCAPE,
    "escape noise, current-based, refractory": ESCAPE | CURRENT | {"refractory_s": BIN_S},
    "eprop_plus": PLUS,
    "eprop_plus, current-based": PLUS | CURRENT,
    "sparse": {"connectivity": 0.6, "input_gain": 2.0},
    "an eligibility filter of its own": {"eligibility_tau_s": 0.4},
}


def online(**changes):
    return OnlineSettings(**{"learning_rate": 0.02, **changes})


def delta():
    return ReadoutSettings(rule="delta", learning_rate=0.02, lags=1)


def moves(start, end, name="weights.w", least=0.02):
    return np.abs(end[name] - start[name]).max() > least


@pytest.mark.parametrize("kind", NEURON_KINDS)
@pytest.mark.parametrize("schedule", ["dense", "deferred", "event", "accumulated"])
def test_every_neuron_learns_by_every_schedule(kind, schedule):
    lif = LIF if schedule == "event" else {}
    settings = online(
        schedule=schedule,
        deferral_bins=7,
        update_every=5 if schedule == "accumulated" else 1,
        learning_rate=0.005 if "plus" in kind else 0.02,
    )
    start, end, _ = side_by_side(
        eprop(network=network(**NEURON_KINDS[kind] | lif), online=settings)
    )
    assert moves(start, end)


@pytest.mark.parametrize("optimiser", ["sgd", "rms", "momentum", "adam"])
@pytest.mark.parametrize("every", [1, 6])
def test_every_optimiser_at_every_bin_and_accumulated(optimiser, every):
    rate = 0.002 if optimiser == "momentum" else 0.01
    settings = online(optimiser=optimiser, update_every=every, learning_rate=rate)
    start, end, _ = side_by_side(eprop(online=settings))
    assert moves(start, end)


@pytest.mark.parametrize("schedule", ["deferred", "accumulated"])
def test_rms_is_per_neuron_and_goes_with_every_schedule(schedule):
    settings = online(optimiser="rms", schedule=schedule, learning_rate=0.01)
    start, end, _ = side_by_side(eprop(online=settings))
    assert moves(start, end)


@pytest.mark.parametrize("feedback", ["symmetric", "random", "adaptive"])
def test_every_feedback(feedback):
    settings = online(feedback=feedback, feedback_decay=0.01)
    start, end, _ = side_by_side(eprop(online=settings, readout=delta()))
    assert moves(start, end)
    if feedback != "symmetric":
        assert moves(start, end, "feedback.matrix") == (feedback == "adaptive")


def test_adaptive_feedback_becomes_the_readout():
    """Both get the same updates and decay: what set them apart at the start fades."""
    settings = eprop(online=online(feedback="adaptive", feedback_decay=0.02), readout=delta())
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    gaps = []
    for x, label in zip(*session(300), strict=True):
        kept = engine.snapshot()
        w_out, b = kept["weights.w_out"][:NEURONS], kept["feedback.matrix"]
        gaps.append(np.linalg.norm(b - w_out) / np.linalg.norm(w_out))
        engine.predict_one(x)
        engine.learn_one(label)
    assert gaps[0] > 0.5
    assert gaps[-1] < 0.05


def test_a_feedback_matrix_may_be_given_and_must_fit():
    settings = eprop(online=online(feedback="random"))
    given = np.arange(NEURONS * OUTPUTS, dtype=float).reshape(NEURONS, OUTPUTS)
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S, given)
    np.testing.assert_array_equal(engine.snapshot()["feedback.matrix"], given)
    with pytest.raises(DataError, match=r"\(2, 8\) came for 8 neurons and 2 outputs"):
        Engine(settings, INPUTS, OUTPUTS, BIN_S, given.T)
    with pytest.raises(DataError, match="set it to random"):
        Engine(eprop(), INPUTS, OUTPUTS, BIN_S, given)


@pytest.mark.parametrize("schedule", ["dense", "deferred"])
@pytest.mark.parametrize("shape", ["a number", "one a neuron"])
def test_a_learning_signal_of_ones_own_takes_the_place_of_the_error(schedule, shape):
    """The weights move by -eta L ebar in the bin that it is given for, and in no other."""
    frozen = ReadoutSettings(rule="none", lags=3)
    settings = eprop(online=online(feedback="external", schedule=schedule), readout=frozen)
    engine, twin = (Engine(s, INPUTS, OUTPUTS, BIN_S) for s in (settings, eprop(readout=frozen)))
    start = engine.weights().w
    given = 0.7 if shape == "a number" else np.random.default_rng(5).normal(size=NEURONS)
    absent = np.full(OUTPUTS, np.nan, np.float32)
    for t, (x, label) in enumerate(zip(*session(41), strict=True)):
        engine.predict_one(x)
        twin.predict_one(x)
        if t == 40:
            engine.reinforce(given)
        engine.learn_one(absent if t % 2 else label)
        twin.learn_one(absent)  # traces only, the same weights
        if t < 40:
            np.testing.assert_array_equal(engine.weights().w, start)
    trace = twin.snapshot()["online.passes.traces.ebar"].reshape(-1, NEURONS)
    expected = -0.02 * given * trace
    expected[INPUTS + np.arange(NEURONS), np.arange(NEURONS)] = 0
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(engine.weights().w - start, expected, rtol=0, atol=1e-12)


def test_a_learning_signal_that_does_not_fit_is_refused():
    engine = Engine(eprop(online=online(feedback="external")), INPUTS, OUTPUTS, BIN_S)
    with pytest.raises(DataError, match=r"\(3,\) came: give a number, or \(8,\)"):
        engine.reinforce(np.ones(3))
    with pytest.raises(DataError, match="not external"):
        Engine(eprop(), INPUTS, OUTPUTS, BIN_S).reinforce(1.0)


@pytest.mark.parametrize("rule", ["delta", "adam"])
def test_softmax_learns_classes_and_says_probabilities(rule):
    readout = ReadoutSettings(rule=rule, learning_rate=0.02, lags=2)
    start, end, _ = side_by_side(eprop(loss="softmax", readout=readout))
    assert moves(start, end)
    engine = Engine(eprop(loss="softmax"), INPUTS, OUTPUTS, BIN_S)
    assert engine.predict_one(session()[0][0]).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "penalties",
    [
        {"rate_strength": 3.0, "rate_target_hz": 2.0},
        {"spike_l1": 0.5},
        {"voltage_l2": 0.1},
        {"weight_decay": 0.2},
        {"rate_strength": 1.0, "spike_l1": 0.1, "voltage_l2": 0.05, "weight_decay": 0.1},
    ],
    ids=", ".join,
)
@pytest.mark.parametrize("schedule", ["dense", "deferred", "accumulated", "event"])
def test_every_penalty_by_every_schedule(penalties, schedule):
    net = network(**LIF) if schedule == "event" else network()
    plain = eprop(network=net, online=online(schedule=schedule))
    settings = plain.model_copy(update={"penalties": PenaltySettings(**penalties)})
    _, without, _ = side_by_side(plain, 150)
    _, end, _ = side_by_side(settings, 150)
    assert moves(without, end, least=1e-3)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_clamped_weights_stay_within_their_bound(optimiser):
    every = 4 if optimiser == "adam" else 1
    settings = eprop(
        online=online(optimiser=optimiser, update_every=every),
        penalties=PenaltySettings(weight_clamp=0.7),
    )
    _, end, _ = side_by_side(settings)
    assert 0.699 < np.abs(end["weights.w"]).max() <= 0.7


@pytest.mark.parametrize("schedule", ["dense", "deferred"])
def test_no_update_exceeds_the_bound_on_its_norm(schedule):
    """A step that might be longer is shortened; one that cannot be is left as it is."""
    bound = 0.01
    runs = {}
    for cap in (bound, 1e6, None):
        penalties = PenaltySettings(update_norm=cap)
        settings = eprop(online=online(schedule=schedule), penalties=penalties)
        engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
        before, steps = engine.weights().w, []
        for x, label in zip(*session(150), strict=True):
            engine.predict_one(x)
            engine.learn_one(label)
            after = engine.weights().w
            steps.append(np.linalg.norm(after - before))
            before = after
        runs[cap] = np.array(steps)
    np.testing.assert_array_equal(runs[1e6], runs[None])
    assert runs[None].max() > 2 * bound
    assert runs[bound].max() <= bound * (1 + 1e-9)
    assert runs[bound].max() > 0.4 * bound  # the bound on the norm is not far from the norm


@pytest.mark.parametrize("kind", ["unfiltered", "presynaptic_filter", "rank_one"])
def test_approximate_eligibility_is_what_its_name_says_and_keeps_no_matrix(kind):
    start, end, _ = side_by_side(eprop(online=online(eligibility=kind)), 200)
    assert moves(start, end)
    rows = INPUTS + NEURONS + 1
    grown = [name for name, array in end.items() if array.size >= rows * NEURONS]
    assert not [name for name in grown if name.startswith("online")]


def test_an_approximate_engine_says_how_far_it_is_from_the_full_rule():
    engine = Engine(eprop(online=online(eligibility="rank_one")), INPUTS, OUTPUTS, BIN_S)
    assert engine.eligibility_cosine() is None
    for x, label in zip(*session(200), strict=True):
        engine.predict_one(x)
        engine.learn_one(label)
    cosine = engine.eligibility_cosine()
    assert cosine is not None
    assert 0.2 < cosine < 0.999


LATE = {
    "all at once": lambda t: (5,) if t >= 6 else (),
    "sooner or later": lambda t: (t % 6,) if t >= 6 else (),
    "in bursts": lambda t: range(5, -1, -1) if t % 6 == 5 else (),
    "twice, the second time too": lambda t: (2, 5) if t >= 6 else (),
    "some too late": lambda t: (t % 9,) if t >= 9 else (),
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("schedule", ["dense", "deferred"])
def test_a_label_that_comes_late_meets_the_eligibility_of_its_own_bin(late, schedule):
    """The oracle keeps every matrix of the past; the engine vectors only."""
    settings = eprop(online=online(label_delay_s=6 * BIN_S, schedule=schedule), readout=delta())
    start, end, _ = side_by_side(settings, late=LATE[late])
    assert moves(start, end)


def test_late_labels_cost_vectors():
    """Bytes a bin of delay: O(K + N), whatever the matrices."""
    sizes = []
    for delay in (10, 20):
        settings = eprop(online=online(label_delay_s=delay * BIN_S))
        engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
        sizes.append(sum(array.nbytes for array in engine.snapshot().values()))
    features = NEURONS + 3 * INPUTS + 1
    numbers = INPUTS + NEURONS + 1 + 3 * NEURONS + features + 2 * OUTPUTS
    assert (sizes[1] - sizes[0]) / 10 == 8 * numbers


def test_a_label_later_than_the_window_serves_rehearsal_and_a_still_later_one_nothing():
    engine = Engine(eprop(online=online(label_delay_s=4 * BIN_S)), INPUTS, OUTPUTS, BIN_S)
    label = np.array([1.0, 2.0], np.float32)
    for x in session(60)[0]:
        engine.predict_one(x)
        engine.learn_one(np.full(OUTPUTS, np.nan, np.float32))
    before = engine.snapshot()
    assert engine.relabel(50, label)
    after = engine.snapshot()
    changed = {n for n in before if not np.array_equal(before[n], after[n], equal_nan=True)}
    assert {name.split(".")[0] for name in changed} == {"memory", "target_scale"}
    assert not engine.relabel(60, label)


def test_threshold_and_width_move_at_a_constant_ratio_and_a_snapshot_keeps_them():
    annealing = AnnealingSettings(over_s=5.0, surrogate_width=(2.0, 0.5), threshold=(0.4, 0.8))
    settings = eprop(annealing=annealing)
    engine, other = (Engine(settings, INPUTS, OUTPUTS, BIN_S) for _ in range(2))
    for t, (x, label) in enumerate(zip(*session(150), strict=True)):
        passed = min(1, t * BIN_S / 5.0)
        kept = engine.snapshot()
        np.testing.assert_allclose(kept["slow.threshold"], 0.4 * 2**passed)
        np.testing.assert_allclose(kept["slow.shape"], [0.4, 2.0 * 0.25**passed])
        if t == 60:
            other.restore(kept)
        for each in (engine, other)[: 1 + (t >= 60)]:
            each.predict_one(x)
            each.learn_one(label)
    for name, array in engine.snapshot().items():
        np.testing.assert_array_equal(array, other.snapshot()[name], err_msg=name)


def test_a_surrogate_that_is_a_density_keeps_its_area_while_it_narrows():
    settings = eprop(
        network=network(surrogate=SurrogateSettings(height=None)),
        annealing=AnnealingSettings(over_s=1.0, surrogate_width=(2.0, 0.5)),
    )
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    for t, (x, label) in enumerate(zip(*session(30), strict=True)):
        height, width = engine.snapshot()["slow.shape"]
        assert height * width == pytest.approx(1)
        assert width == pytest.approx(2.0 * 0.25 ** min(1, t * BIN_S))
        engine.predict_one(x)
        engine.learn_one(label)


@pytest.mark.large
def test_homeostasis_brings_rates_to_their_target():
    settings = eprop(
        network=network(threshold=0.3),
        online=OnlineSettings(optimiser="none"),
        homeostasis=HomeostasisSettings(target_hz=1.5, tau_s=2.0, strength_per_s=0.3),
    )
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    spikes = []
    for x, label in zip(*session(6000), strict=True):
        engine.predict_one(x)
        spikes.append(engine.snapshot()["state.z"])
        engine.learn_one(label)
    rates_hz = np.array(spikes) / BIN_S
    assert np.abs(rates_hz[:200].mean(axis=0) - 1.5).max() > 2
    np.testing.assert_allclose(rates_hz[-2000:].mean(axis=0), 1.5, atol=0.4)


def test_frozen_thresholds_stay():
    settings = eprop(homeostasis=HomeostasisSettings(strength_per_s=1.0))
    engine = Engine(settings, INPUTS, OUTPUTS, BIN_S)
    bins, labels = session(40)
    for x, label in zip(bins[:20], labels[:20], strict=True):
        engine.predict_one(x)
        engine.learn_one(label)
    before = engine.snapshot()["slow.threshold"]
    for x in bins[20:]:
        engine.predict_one(x)
    np.testing.assert_array_equal(engine.snapshot()["slow.threshold"], before)
    assert (before != 0.8).any()
