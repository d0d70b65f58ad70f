"""What befalls a recording: drawn by seed, known to decoders only through what they are given."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from eprop_rt.config import BinSettings
from eprop_rt.errors import ConfigError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.replay.conditions import Condition, Perturbation, swept
from eprop_rt_services.replay.contestant import Setting, run_through

BINS, CHANNELS = 1000, 10
SETTINGS = BinSettings(bin_s=0.05)


def recording():
    rng = np.random.default_rng(0)
    stamps = np.arange(BINS) * 0.05
    counts = (1 + rng.poisson(2, (BINS, CHANNELS))).astype(np.float32)
    labels = np.arange(2 * BINS).reshape(BINS, 2).astype(np.float32)
    return Recording(
        "session",
        Series(StreamInfo("spikes", CHANNELS, 20.0), stamps, counts),
        Series(StreamInfo("velocity", 2, 20.0), stamps, labels),
    )


def test_a_loss_silences_its_share_of_channels_from_its_moment_on():
    given = recording()
    came = Condition(perturbation=Perturbation("loss", 0.3, 0.5)).apply(given, SETTINGS)
    half = BINS // 2
    np.testing.assert_array_equal(came.signal.values[:half], given.signal.values[:half])
    silent = (came.signal.values[half:] == 0).all(axis=0)
    assert silent.sum() == 3
    np.testing.assert_array_equal(
        came.signal.values[half:, ~silent], given.signal.values[half:, ~silent]
    )


def test_a_shuffle_gives_each_chosen_channel_the_units_of_another():
    given = recording()
    came = Condition(perturbation=Perturbation("shuffle", 0.4, 0.25)).apply(given, SETTINGS)
    before, after = given.signal.values[250:].T, came.signal.values[250:].T
    moved = [k for k in range(CHANNELS) if (before[k] != after[k]).any()]
    assert len(moved) == 4
    assert Counter(map(bytes, before)) == Counter(map(bytes, after))
    np.testing.assert_array_equal(came.signal.values[:250], given.signal.values[:250])


def test_thinned_labels_are_whole_bins_in_their_share_of_all():
    given = recording()
    came = Condition(label_share=0.2).apply(given, SETTINGS)
    labels = came.labels.values
    present = np.isfinite(labels).all(axis=1)
    assert present.mean() == pytest.approx(0.2, abs=0.04)
    assert np.isnan(labels[~present]).all()
    np.testing.assert_array_equal(labels[present], given.labels.values[present])
    assert np.isfinite(given.labels.values).all()


def test_samples_of_one_bin_share_its_draw():
    given = recording()
    came = Condition(label_share=0.5).apply(given, BinSettings(bin_s=0.2))
    present = np.isfinite(came.labels.values[:, 0]).reshape(-1, 4)
    assert (present.all(axis=1) | ~present.any(axis=1)).all()


@pytest.mark.parametrize(
    "condition",
    [Condition(label_share=0.3), Condition(perturbation=Perturbation("shuffle", 0.5, 0.5))],
)
def test_the_seed_decides(condition):
    given = recording()
    one, same, other = (replace(condition, seed=seed).apply(given, SETTINGS) for seed in (3, 3, 4))
    for series in ("signal", "labels"):
        values = [getattr(r, series).values for r in (one, same)]
        np.testing.assert_array_equal(*values)
    changed = [
        not np.array_equal(getattr(one, s).values, getattr(other, s).values, equal_nan=True)
        for s in ("signal", "labels")
    ]
    assert any(changed)


class Witness:
    """Writes down which label came for which bin."""

    def __init__(self):
        self.events = Counter()
        self.bins, self.seen = 0, {}

    def predict_one(self, x):
        self.bins += 1
        return np.zeros(2)

    def learn_one(self, label):
        self.newest = self.bins - 1
        if np.isfinite(label).all():
            self.seen[self.newest] = (0, label.copy())

    def relabel(self, age, label):
        self.seen[self.newest - age] = (age, label.copy())
        return True

    def rehearse(self):
        pass

    def reset(self):
        pass

    def cost(self):
        from eprop_rt.baselines.constant import no_products

        return no_products({})


@pytest.mark.parametrize(("delay_s", "age"), [(0.0, 0), (0.05, 1), (0.5, 10), (2.0, 40)])
def test_every_label_comes_so_many_bins_late_and_for_its_own_bin(delay_s, age):
    given = recording()
    witness = Witness()
    setting = Setting(SETTINGS, Condition(label_delay_s=delay_s))
    arrays, facts = run_through(given, witness, setting, lambda _: None)
    assert len(arrays["index"]) == BINS
    assert "late_label" not in facts["events"]
    assert {came for came, _ in witness.seen.values()} == {age}
    assert sorted(witness.seen) == list(range(BINS - age))
    for index, (_, label) in witness.seen.items():
        np.testing.assert_array_equal(label, given.labels.values[index])


def test_each_value_is_a_condition_of_its_own_after_the_recording_as_it_is():
    came = swept("0,0.5", "1,0.2", "loss:0.3@0.5, shuffle:.5@0", 7)
    assert [c.name for c in came] == [
        "as recorded",
        "labels 0.5 s late",
        "20 % of the labels",
        "loss of 30 % at 50 %",
        "shuffle of 50 % at 0 %",
    ]
    assert {c.seed for c in came} == {7}
    assert swept("", "", "", 0) == [Condition()]


@pytest.mark.parametrize(
    "given",
    [
        ("-1", "", ""),
        ("soon", "", ""),
        ("nan", "", ""),
        ("", "1.5", ""),
        ("", "20%", ""),
        ("", "", "loss"),
        ("", "", "loss:0.3"),
        ("", "", "loss:0@0.5"),
        ("", "", "loss:0.3@1"),
        ("", "", "burn:0.3@0.5"),
    ],
)
def test_a_value_that_is_none_is_refused_in_one_line(given):
    with pytest.raises(ConfigError, match="expected") as raised:
        swept(*given, 0)
    assert "\n" not in str(raised.value)
