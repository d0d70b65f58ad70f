"""The course: probes leave no trace, the dead array fails, perturbations do what they say."""

import numpy as np
import pytest

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.baselines.wiener import WienerDecoder
from eprop_rt.closed_loop.coupling import Coupling, OutputSettings
from eprop_rt.closed_loop.course import BenchSettings, Course, CourseSettings
from eprop_rt.closed_loop.labels import LabelSettings
from eprop_rt.closed_loop.perturbation import Perturbation, parse_perturbation
from eprop_rt.closed_loop.refitted import RefitSettings, RefittedDecoder
from eprop_rt.closed_loop.room import Room, RoomCursorSettings, RoomSettings
from eprop_rt.closed_loop.trials import TrialSettings
from eprop_rt.closed_loop.tuning import AccelerationTuning, HistoryTuning, draw_tuning
from eprop_rt.closed_loop.users import PromptUserSettings
from eprop_rt.config import RlsSettings, WienerSettings
from eprop_rt.errors import ConfigError, DataError

ROOM = RoomSettings(
    population=AccelerationTuning(),
    user=PromptUserSettings(),
    task=TrialSettings(kind="literature"),
    cursor=RoomCursorSettings(
        adds=True, max_speed_cm_s=20.0, smoothing_s=0.0, half_width_cm=1000.0
    ),
    bin_s=0.01,
)
LABELS = LabelSettings(kind="intention", after_s=0.0)
ZERO = (parse_perturbation("zero"),)


def literature(**course):
    given = {"learning_trials": 10, "probe_at": (0, 3), "probe_trials": 5}
    dead = {"dead_trials": 3, "dead_probe_trials": 5}
    return BenchSettings(room=ROOM, labels=LABELS, course=CourseSettings(**given | dead | course))


class Kept(RlsDecoder):
    """Recursive least squares that remember being built."""

    made: list["Kept"] = []  # noqa: RUF012  (of the test that reads it)


def rls(inputs, outputs, bin_s):
    decoder = Kept(RlsSettings(lags=1, forgetting=0.999), inputs, outputs, bin_s)
    Kept.made.append(decoder)
    return decoder


def taught(probe_at):
    """The weights after the same learning, probed at other times."""
    Kept.made.clear()
    Course(literature(probe_at=probe_at), rls, 0, 0).run(ZERO)
    return Kept.made[0].snapshot()


@pytest.mark.large
def test_probes_leave_no_trace():
    often, once = taught((0, 1, 2, 3, 5, 8)), taught((8,))
    assert often.keys() == once.keys()
    for name in often:
        assert np.array_equal(often[name], once[name]), name
    assert np.any(often["w"])


@pytest.mark.large
def test_the_same_seed_gives_the_same_figures_and_another_simulation_others():
    results = [Course(literature(), rls, 0, n).run(ZERO) for n in (0, 0, 1)]
    times = [[p.result.penalised_time_s for p in r.passed[0].probes] for r in results]
    assert times[0] == times[1]
    assert times[0] != times[2]


@pytest.mark.large
def test_least_squares_reproduce_the_published_protocol_in_the_simulator_of_the_literature():
    """Measured by others with least squares: .832 s after a shift, .842 s after a loss of 60 %."""
    settings = literature(learning_trials=50, probe_at=(100,))
    wanted = [parse_perturbation(text) for text in ("shift:0.6", "loss:0.6")]
    ran = [Course(settings, rls, 0, simulation).run(wanted) for simulation in range(3)]
    for at, published_s in enumerate((0.832, 0.842)):
        took = [
            trial.time_to_target_s if trial.success else 3.0
            for each in ran
            for trial in each.passed[at].learned
        ]
        assert len(took) == 300
        assert np.mean(took) == pytest.approx(published_s, rel=0.03)


@pytest.mark.large
def test_on_a_dead_array_every_probe_fails():
    result = Course(literature(dead_probe_trials=150), rls, 0, 2).run(ZERO)
    for each in (result.dead, result.passed[0].silenced):
        assert each.trials == 150
        assert each.success_rate <= 0.02
    assert result.passed[0].probes[-1].result.success_rate == 1.0


@pytest.mark.large
def test_conditions_do_not_depend_on_which_came_before():
    wanted = [parse_perturbation(text) for text in ("loss:0.6", "drift:0.9", "shift:0.9")]
    both = Course(literature(), rls, 0, 0).run(wanted).passed[2]
    alone = Course(literature(), rls, 0, 0).run(wanted[2:]).passed[0]
    assert [p.result for p in both.probes] == [p.result for p in alone.probes]


def struck(text, units=40):
    """A population before and after."""
    settings, rng = HistoryTuning(units=units), np.random.default_rng(0)
    condition = parse_perturbation(text)
    spare = condition.spare(units)
    tuning, before = (
        draw_tuning(settings, 2, 0.01, np.random.default_rng(1), spare) for _ in range(2)
    )
    other = draw_tuning(settings, 2, 0.01, np.random.default_rng(2), spare)
    strike = Perturbation(condition, units, rng)
    strike.strike(tuning, other)
    return before, tuning, strike


def rows_changed(one, other):
    return int(np.sum(np.any(np.atleast_2d((one != other).T).T, axis=1)))


@pytest.mark.parametrize(("share", "hit"), [(0.3, 12), (0.6, 24), (0.9, 36)])
def test_a_share_of_the_units_is_hit_and_the_others_are_as_before(share, hit):
    before, after, _ = struck(f"shift:{share}")
    assert rows_changed(before.w, after.w) == hit
    before, after, _ = struck(f"loss:{share}")
    assert 40 - after.alive.sum() == hit
    before, after, _ = struck(f"baseline:{share}")
    assert rows_changed(before.floor_hz, after.floor_hz) == hit
    before, after, _ = struck(f"noisy:{share}")
    assert np.sum(~after.w.any(axis=1) & (after.span_hz == 0)) == hit


def test_a_shuffle_moves_units_to_other_channels_and_loses_none():
    before, after, _ = struck("shuffle:0.6")
    assert 18 <= rows_changed(before.w, after.w) <= 24
    assert np.array_equal(np.sort(before.w[:, 0]), np.sort(after.w[:, 0]))


def test_a_drift_comes_gradually_and_ends():
    _, after, strike = struck("drift:0.9")
    spreads = []
    for trial in (0, 10, 25, 50, 80):
        strike.go_on(after, trial)
        spreads.append(float(np.std(np.log(after.gain))))
    assert spreads[0] == 0.0
    assert spreads == sorted(spreads)
    assert spreads[3] == spreads[4] > 0.2


def test_added_channels_are_silent_until_they_begin_to_fire():
    before, after, _ = struck("added_noisy:0.5")
    assert len(before.b) == 60
    assert not np.any(before.alive[40:])
    assert np.all(after.floor_hz[40:] >= 5.0)
    _, dead, _ = struck("added_dead:0.5")
    assert not np.any(dead.alive[40:])


class Diary:
    """Notes what it is given, and says what it is told to."""

    def __init__(self, says=(0.0, 0.0)):
        self.says, self.calls, self.inputs, self.labels = np.array(says), [], [], []

    def predict_one(self, x):
        self.calls.append("predict")
        self.inputs.append(x.copy())
        return self.says

    def learn_one(self, label):
        self.calls.append("learn")
        self.labels.append(label)

    def rehearse(self):
        self.calls.append("rehearse")

    def reset(self):
        self.calls.append("reset")


def coupled(diary, output=None):
    from eprop_rt.closed_loop.labels import build_label_source

    return Coupling(Room(ROOM, 0), diary, build_label_source(LABELS, 0.01, 0), None, output)


@pytest.mark.large
def test_a_label_is_revealed_after_its_prediction_and_rehearsal_comes_last():
    diary = Diary()
    coupled(diary).run(1, learning=True)
    assert diary.calls[:6] == ["predict", "learn", "rehearse"] * 2
    frozen = Diary()
    coupled(frozen).run(1, learning=False)
    assert set(frozen.calls) == {"predict"}


@pytest.mark.large
def test_what_a_cursor_adds_up_is_taught_as_a_change_of_velocity():
    diary = Diary()
    coupled(diary).run(1, learning=True)
    sizes = np.linalg.norm(np.array(diary.labels), axis=1)
    assert sizes.max() == pytest.approx(6.0, abs=1e-5)  # .3 of 20 cm/s, from rest


@pytest.mark.large
def test_matched_gains_bring_every_decoder_to_the_size_of_the_labels():
    output = OutputSettings(match_gain=True, bounds=(0.1, 100.0))
    coupling = coupled(Diary((0.5, 0.0)), output)
    coupling.run(1, learning=True)
    labels = np.array(coupling.decoder.labels[-200:], np.float64)
    expected = np.sqrt(np.mean(np.sum(labels**2, axis=1))) / 0.5
    assert coupling.gain == pytest.approx(expected, rel=0.2)
    before = coupling.gain
    coupling.run(1, learning=False)
    assert coupling.gain == before
    assert coupled(Diary((0.5, 0.0))).gain == 1.0


@pytest.mark.large
def test_late_counts_are_those_of_bins_gone_by():
    prompt, late = Diary(), Diary()
    for diary, share in ((prompt, 0.0), (late, 0.6)):
        coupling = coupled(diary)
        coupling.way = coupling.way.__class__(late_share=share, latest_bins=3)
        coupling.run(1, learning=False)
    same = [np.array_equal(a, b) for a, b in zip(prompt.inputs, late.inputs, strict=True)]
    assert 0.3 < np.mean(same) < 0.6
    for at in range(3, len(late.inputs)):
        recent = prompt.inputs[at - 3 : at + 1]
        assert any(np.array_equal(late.inputs[at], each) for each in recent)


@pytest.mark.large
def test_a_restart_of_the_source_is_a_gap_and_a_reset():
    diary = Diary()
    coupling = coupled(diary)
    coupling.way = coupling.way.__class__(restart_share=1.0, gap_bins=50)
    coupling.run(3, learning=False)
    assert diary.calls.count("reset") == 2  # before the second and the third
    assert diary.calls.count("predict") == 3 * 300 - 2 * 50


def test_a_decoder_of_the_wrong_width_is_told_so():
    with pytest.raises(DataError, match=r"shape \(3,\); expected \(2,\)"):
        coupled(Diary((0.0, 0.0, 0.0))).run(1, learning=False)


@pytest.mark.large
def test_a_filter_that_is_fitted_again_and_again_learns_in_closed_loop():
    def build(inputs, outputs, bin_s):
        inside = WienerDecoder(WienerSettings(lags=1), inputs, outputs)
        return RefittedDecoder(RefitSettings(every_s=2.0), inside, inputs, outputs, bin_s)

    (passed,) = Course(literature(probe_at=(0, 10)), build, 0, 0).run(ZERO).passed
    assert [p.result.success_rate for p in passed.probes] == [0.0, 1.0]


@pytest.mark.parametrize("probe_at", [(20, 5), (5, 5), ()])
def test_probes_that_are_not_in_order_are_refused_in_one_line(probe_at):
    with pytest.raises(ConfigError, match=r"course\.probe_at is \[.*\]; expected .* write \["):
        CourseSettings(probe_at=probe_at)


def test_a_perturbation_that_is_none_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"'shifts': expected KIND or KIND:SHARE .* one of loss"):
        parse_perturbation("shifts")
    with pytest.raises(ConfigError, match="'loss:2'"):
        parse_perturbation("loss:2")
