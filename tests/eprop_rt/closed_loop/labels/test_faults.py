"""What is wrong with labels, as asked for: late, noisy, few, mistaken."""

import numpy as np
import pytest

from eprop_rt.closed_loop.labels import Labels, LabelSettings, build_label_source, waits_s
from eprop_rt.closed_loop.scene import Event
from eprop_rt.errors import ConfigError
from label_scenes import scene, walk

BIN_S = 0.02
ALL = {
    "delay_s": 0.1,
    "noise_deg": 20.0,
    "noise_cm_s": 1.0,
    "share": 0.5,
    "mistakes": 0.4,
}


def source(seed=0, **settings):
    return build_label_source(LabelSettings(**settings), BIN_S, seed)


def said(built, scenes) -> list[Labels]:
    return [built.label(one) for one in scenes]


def flat(labels: list[Labels]) -> np.ndarray:
    """Everything that was said, as rows of bin, age, x, y."""
    rows = [
        (at, age, *label)
        for at, one in enumerate(labels)
        for age, label in ((0, one.now), *one.earlier)
    ]
    return np.array(rows)


def by_bin(labels: list[Labels]) -> dict[int, np.ndarray]:
    """The last label that each bin was given, by the age it came with."""
    known = {}
    for at, one in enumerate(labels):
        for age, label in ((0, one.now), *one.earlier):
            if not np.isnan(label).any():
                known[at - age] = label
    return known


@pytest.mark.parametrize("kind", ["direct", "retrospective", "intention"])
@pytest.mark.parametrize("delay_s", [0.02, 0.05, 1.0])
def test_late_labels_are_the_same_labels_of_the_same_bins(kind, delay_s):
    scenes = walk(1)
    on_time, late = (by_bin(said(source(kind=kind, delay_s=d), scenes)) for d in (0, delay_s))
    bins = int(np.ceil(delay_s / BIN_S - 1e-9))
    assert set(late) <= set(on_time)
    assert set(late) >= {at for at in on_time if at < len(scenes) - bins - 40}
    assert all(np.array_equal(late[at], on_time[at]) for at in late)


def test_a_late_label_comes_with_its_age_and_not_before():
    labels = said(source(delay_s=0.1, after_s=0.0), walk(2)[:30])
    assert all(np.isnan(one.now).all() for one in labels)
    assert [len(one.earlier) for one in labels[:6]] == [0, 0, 0, 0, 0, 1]
    assert {age for one in labels for age, _ in one.earlier} == {5}


def test_a_late_label_that_nobody_handles_is_taken_for_the_bin_of_now():
    scenes = walk(2)
    on_time = said(source(), scenes)
    naive = said(source(delay_s=0.1, delay_handled=False), scenes)
    assert all(one.earlier == () for one in naive)
    assert all(np.isnan(one.now).all() for one in naive[:5])
    pairs = zip(naive[5:], on_time[:-5], strict=True)
    assert all(np.array_equal(late.now, was.now, equal_nan=True) for late, was in pairs)


def test_noise_of_direction_turns_labels_by_angles_of_that_deviation():
    scenes = walk(3, bins=3000)
    clean, noisy = (said(source(noise_deg=d, after_s=0), scenes) for d in (0.0, 30.0))
    pairs = [
        (complex(*a.now), complex(*b.now)) for a, b in zip(clean, noisy, strict=True) if a.now.any()
    ]
    pairs = [(a, b) for a, b in pairs if np.isfinite(a)]
    assert np.allclose([abs(a) for a, _ in pairs], [abs(b) for _, b in pairs])
    turned = np.degrees([np.angle(b / a) for a, b in pairs])
    assert np.std(turned) == pytest.approx(30.0, rel=0.08)
    assert abs(np.mean(turned)) < 3


def test_noise_of_velocity_is_added_to_each_axis():
    scenes = walk(3, bins=3000)
    clean, noisy = (said(source(noise_cm_s=s, after_s=0), scenes) for s in (0.0, 3.0))
    added = np.array([b.now - a.now for a, b in zip(clean, noisy, strict=True)])
    added = added[~np.isnan(added).any(axis=1)]
    assert np.allclose(added.std(axis=0), 3.0, rtol=0.08)
    assert np.allclose(added.mean(axis=0), 0.0, atol=0.25)


def test_noise_of_direction_needs_a_direction():
    with pytest.raises(ConfigError, match=r"give labels\.noise_cm_s instead"):
        source(noise_deg=5.0).label(scene((0.0,), (5.0,), (0.0,), (0.0,), intent=(1.0,)))


@pytest.mark.parametrize("kind", ["direct", "retrospective"])
def test_a_share_of_the_bins_is_labelled(kind):
    scenes = walk(4, bins=4000)
    every, some = (by_bin(said(source(kind=kind, share=s), scenes)) for s in (1.0, 0.1))
    assert len(some) == pytest.approx(0.1 * len(every), rel=0.15)
    assert all(np.array_equal(some[at], every[at]) for at in some)


def test_no_share_is_no_label():
    assert by_bin(said(source(share=0.0), walk(4))) == {}


@pytest.mark.parametrize("kind", ["direct", "retrospective", "optimal", "intention"])
def test_a_share_of_the_trials_is_labelled_towards_another_target(kind):
    trials, length = 150, 40
    scenes = walk(5, bins=trials * length, trial=length)
    right, mistaken = (by_bin(said(source(kind=kind, mistakes=m), scenes)) for m in (0.0, 0.25))
    wrong = [
        [
            not np.allclose(mistaken[at], right[at])
            for at in range(first, first + length)
            if at in right
        ]
        for first in range(0, trials * length, length)
    ]
    assert np.mean([any(one) for one in wrong]) == pytest.approx(0.25, abs=0.1)
    # A trial is mistaken as a whole; what may agree by chance is a bin inside both targets.
    assert np.mean([np.mean(one) for one in wrong if any(one)]) > 0.9


def test_a_wrong_target_is_as_far_and_in_another_direction():
    built = source(mistakes=1.0)
    for shown in (one for one in walk(6) if one.event is Event.TARGET_ON):
        onset = built.label(shown)
        label = built.label(scene(shown.position, shown.target)).now
        direct = source().label(scene(shown.position, shown.target)).now
        assert np.isnan(onset.now).all()  # nobody has reacted yet
        assert np.hypot(*label) == pytest.approx(np.hypot(*direct))
        eighths = np.angle(complex(*label) / complex(*direct)) / (np.pi / 4)
        assert eighths == pytest.approx(round(eighths), abs=1e-6)
        assert round(eighths) != 0


def test_on_one_axis_the_wrong_target_is_on_the_other_side():
    one_axis = {"command": (0.0,), "velocity": (0.0,), "intent": (1.0,)}
    label = source(mistakes=1.0).label(scene((1.0,), (6.0,), **one_axis)).now
    assert label == pytest.approx(-20.0)


@pytest.mark.parametrize("kind", ["direct", "retrospective"])
def test_one_seed_gives_one_series_of_faults(kind):
    scenes = walk(7)
    first, second, other = (
        flat(said(source(seed, kind=kind, **ALL), scenes)) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second, equal_nan=True)
    assert not np.array_equal(first, other, equal_nan=True)


@pytest.mark.parametrize("kind", ["direct", "retrospective"])
def test_a_restart_is_a_new_source(kind):
    scenes, built = walk(8), source(5, kind=kind, **ALL)
    first = flat(said(built, scenes))
    said(built, walk(9)[:123])
    built.restart(5)
    assert np.array_equal(flat(said(built, scenes)), first, equal_nan=True)


def test_settings_say_what_the_labels_are():
    assert LabelSettings().described() == "direct"
    told = LabelSettings(kind="refit", delay_s=0.5, delay_handled=False, share=0.1).described()
    assert told == "refit, 0.5 s late, taken for the bin of now, 0.1 of the bins"


def test_how_long_a_decoder_must_wait():
    assert waits_s(LabelSettings(), BIN_S) == 0
    assert waits_s(LabelSettings(delay_s=0.2), BIN_S) == pytest.approx(0.22)
    assert waits_s(LabelSettings(delay_s=0.2, delay_handled=False), BIN_S) == 0
    both = LabelSettings(kind="retrospective", lookback_s=1.0, delay_s=0.2)
    assert waits_s(both, BIN_S) == pytest.approx(1.22)


@pytest.mark.parametrize(
    ("kind", "helps"), [("retrospective", "direct"), ("refit", "direct"), ("optimal", "optimal")]
)
def test_who_helps_knows_the_target_at_once(kind, helps):
    faulty = LabelSettings(kind=kind, speed_cm_s=12.0, after_s=0.1, **ALL)
    assert faulty.helping() == LabelSettings(kind=helps, speed_cm_s=12.0, after_s=0.1)
