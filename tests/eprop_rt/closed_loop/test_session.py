import numpy as np
import pytest

from eprop_rt.closed_loop.session import ClosedLoop, LoopSettings, TimingSettings
from eprop_rt.closed_loop.user import UserSettings
from eprop_rt.errors import ConfigError, DataError

SETTINGS = LoopSettings()


class DeadPopulation:
    """An array on which nothing is heard: the control that every decoder must fail."""

    def __init__(self, units):
        self.units = units

    def counts(self, velocity_cm_s, dt_s):
        return np.zeros(self.units)

    def restart(self, seed):
        """There is nothing to draw."""


class RelayPopulation:
    """Two channels that carry the intention itself: with it, the decoder x / bin_s is perfect.

    What it yields for an interval is the intended displacement (2,) in cm. It shows what user, task
    and cursor allow at best.
    """

    units = 2

    def counts(self, velocity_cm_s, dt_s):
        return velocity_cm_s * dt_s

    def restart(self, seed):
        """There is nothing to draw."""


class Readout:
    """A fixed linear readout of one bin."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weights

    def learn_one(self, label: np.ndarray) -> None:
        raise AssertionError("a frozen decoder was taught")


class RecursiveLeastSquares:
    """Recursive least squares on the last five bins and a constant."""

    def __init__(self, units: int, forgetting: float = 0.9999) -> None:
        self.bins = np.zeros((5, units))
        self.weights = np.zeros((5 * units + 1, 2))
        self.covariance = np.eye(5 * units + 1)
        self.forgetting = forgetting

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        self.bins = np.vstack([x, self.bins[:-1]])
        self.features = np.append(self.bins.ravel(), 1.0)
        return self.features @ self.weights

    def learn_one(self, label: np.ndarray) -> None:
        if np.isnan(label[0]):
            return
        seen = self.covariance @ self.features
        gain = seen / (self.forgetting + self.features @ seen)
        self.weights += np.outer(gain, label - self.features @ self.weights)
        self.covariance = (self.covariance - np.outer(gain, seen)) / self.forgetting


class Diary:
    """Notes what it is asked, commands nothing."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.labels: list[np.ndarray] = []

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        self.calls.append(f"predict {x.dtype} {x.shape}")
        return np.zeros(2, dtype=np.float32)

    def learn_one(self, label: np.ndarray) -> None:
        self.calls.append("learn")
        self.labels.append(label)

    def rehearse(self) -> None:
        self.calls.append("rehearse")


def trained(loop: ClosedLoop, seconds: float) -> RecursiveLeastSquares:
    decoder = RecursiveLeastSquares(loop.units)
    loop.run_for(decoder, seconds, learning=True)
    return decoder


def test_a_perfect_decoder_nearly_always_succeeds_and_takes_about_a_second():
    perfect = Readout(np.eye(2) / SETTINGS.timing.bin_s)
    result = SETTINGS.build(0, RelayPopulation()).probe(perfect, 60, seed=100)
    assert result.success_rate > 0.98
    assert 0.8 < result.time_to_target_s < 1.1
    assert result.path_efficiency > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_least_squares_learn_from_zero_in_forty_seconds_of_use(seed):
    loop = SETTINGS.build(seed)
    result = loop.probe(trained(loop, 40), 24, seed=100 + seed)
    assert result.success_rate >= 0.97
    assert result.time_to_target_s < 1.0


def test_a_zero_decoder_never_succeeds():
    result = SETTINGS.build(0).probe(Readout(np.zeros((96, 2))), 12, seed=100)
    assert result.success_rate == 0.0
    assert result.penalised_time_s == SETTINGS.task.timeout_s


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_a_random_readout_fails(scale):
    rates = []
    for seed in range(3):
        readout = Readout(np.random.default_rng(seed).normal(0, scale, (96, 2)))
        rates.append(SETTINGS.build(seed).probe(readout, 8, seed=100 + seed).success_rate)
    assert np.mean(rates) < 0.1


def test_on_a_dead_array_whatever_was_learned_fails_when_frozen():
    loop = SETTINGS.build(0, DeadPopulation(96))
    decoder = trained(loop, 20)
    assert np.any(decoder.weights[-1])  # it did learn something: a bias
    assert loop.probe(decoder, 50, seed=100).success_rate <= 0.02


def test_a_decoder_that_learned_to_read_fails_once_the_array_is_dead():
    decoder = trained(SETTINGS.build(0), 20)
    dead = SETTINGS.build(0, DeadPopulation(96))
    assert dead.probe(decoder, 50, seed=100).success_rate <= 0.02


def test_a_user_who_does_not_push_gives_no_target_away():
    aimless = LoopSettings(user=UserSettings(push_cm_s=(0.0, 0.0)))
    loop = aimless.build(0)
    assert loop.probe(trained(loop, 20), 16, seed=100).success_rate < 0.1


def test_one_seed_gives_one_session():
    first, second, other = (SETTINGS.build(seed) for seed in (4, 4, 5))
    weights = [trained(loop, 10).weights for loop in (first, second, other)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_one_probe_seed_gives_every_decoder_the_same_targets():
    loop = SETTINGS.build(0)
    targets = []
    for scale in (0.0, 1.0):
        loop.restart(9)
        trials = loop.run(Readout(np.full((96, 2), scale)), 8, learning=False)
        targets.append([trial.target for trial in trials])
    assert targets[0] == targets[1]


def test_a_label_is_revealed_after_its_prediction_and_rehearsal_comes_last():
    loop, diary = SETTINGS.build(0), Diary()
    loop.run_for(diary, 2.0, learning=True)
    assert diary.calls == ["predict float32 (96,)", "learn", "rehearse"] * 100
    known = [bool(np.all(np.isfinite(label))) for label in diary.labels]
    assert any(known)
    assert not all(known)
    assert all(label.shape == (2,) and label.dtype == np.float32 for label in diary.labels)


def test_a_frozen_run_only_predicts():
    loop, diary = SETTINGS.build(0), Diary()
    loop.run(diary, 1, learning=False)
    assert set(diary.calls) == {"predict float32 (96,)"}


def test_a_run_returns_the_trials_that_ended_in_it():
    loop = SETTINGS.build(0)
    zero = Readout(np.zeros((96, 2)))
    assert len(loop.run(zero, 2, learning=False)) == 2
    assert len(loop.run(zero, 3, learning=False)) == 3


def test_a_recording_can_be_decoded_from_its_counts():
    session = SETTINGS.build(0).record(minutes=2.0, seed=1)
    counts, velocity = session.signal.samples, session.velocity.values
    lagged = np.hstack([np.roll(counts, lag, axis=0) for lag in range(5)] + [np.ones((6000, 1))])
    fit, test = slice(5, 4800), slice(4800, 6000)
    gram = lagged[fit].T @ lagged[fit] + np.eye(lagged.shape[1])
    weights = np.linalg.solve(gram, lagged[fit].T @ velocity[fit])
    error = velocity[test] - lagged[test] @ weights
    r2 = 1 - error.var(axis=0) / velocity[test].var(axis=0)
    assert np.all(r2 > 0.7), r2


def test_a_recording_holds_velocities_that_are_the_change_of_position():
    session = SETTINGS.build(0).record(minutes=0.25, seed=1, sample_s=0.01)
    assert session.signal.samples.shape == (1500, 96)
    assert np.array_equal(session.signal.stamps, session.velocity.stamps)
    assert session.signal.stamps[-1] == pytest.approx(14.99)
    assert session.trials
    assert all(trial.success for trial in session.trials)
    change = np.diff(session.position, axis=0) / 0.01
    assert session.velocity.values[1:] == pytest.approx(change, abs=1e-3)


def test_a_recording_depends_on_its_seed_and_not_on_what_ran_before():
    fresh, used = SETTINGS.build(0), SETTINGS.build(0)
    used.run_for(Readout(np.zeros((96, 2))), 3.0, learning=False)
    first, second = (loop.record(0.1, seed=1).signal.samples for loop in (fresh, used))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, fresh.record(0.1, seed=2).signal.samples)


def test_a_decoder_of_the_wrong_width_is_told_so():
    with pytest.raises(DataError, match=r"shape \(3,\); expected \(2,\)"):
        SETTINGS.build(0).run(Readout(np.zeros((96, 3))), 1, learning=False)


def test_a_bin_that_is_no_whole_number_of_ticks_is_refused():
    with pytest.raises(ConfigError, match=r"bin_s is 0\.025 s, .* ticks of 0\.01 s: set it to"):
        TimingSettings(bin_s=0.025)
    with pytest.raises(ConfigError, match="sample_s"):
        SETTINGS.build(0).record(0.1, seed=0, sample_s=0.015)
