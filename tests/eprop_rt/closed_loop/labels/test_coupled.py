"""Late labels in a room: the decoder and the gain learn from the bins that they are about."""

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.closed_loop.assist import Assist, AssistSettings
from eprop_rt.closed_loop.coupling import Coupling, OutputSettings
from eprop_rt.closed_loop.labels import Labels, LabelSettings, build_label_source, waits_s
from eprop_rt.closed_loop.labels.direct import DirectSource
from eprop_rt.closed_loop.room import Room, RoomCursorSettings, RoomSettings
from eprop_rt.config import RlsSettings
from eprop_rt.errors import DataError

BIN_S, BINS = 0.02, 300


class Frozen:
    """Moves the same whatever it is told, so that labels change nothing of what is seen."""

    def __init__(self):
        self.labels: list[np.ndarray] = []

    def predict_one(self, x):
        phase = 0.05 * len(self.labels)
        return 8.0 * np.array([np.cos(phase), np.sin(phase)])

    def learn_one(self, label):
        self.labels.append(label)

    def relabel(self, age, label):
        self.labels[len(self.labels) - 1 - age] = label
        return True


def room(*, adds=False) -> Room:
    return Room(RoomSettings(cursor=RoomCursorSettings(adds=adds)), 5)


def coupled(labels: LabelSettings, bins: int, *, adds=False) -> tuple[Frozen, np.ndarray]:
    decoder = Frozen()
    output = OutputSettings(match_gain=True, bounds=(1.0, 1.0))  # counted, and without effect
    source = build_label_source(labels, BIN_S, 0)
    coupling = Coupling(room(adds=adds), decoder, source, output=output)
    coupling.restart(3)
    for _ in range(bins):
        coupling.run_bin(learning=True)
    return decoder, coupling.snapshot().own["squares"]


@pytest.mark.parametrize(("adds", "bins"), [(False, 25), (True, 25), (True, 700)])
def test_late_labels_reach_their_bins_and_the_gain_as_those_in_time(adds, bins):
    on_time, squares = coupled(LabelSettings(), BINS, adds=adds)
    late, late_squares = coupled(LabelSettings(delay_s=bins * BIN_S), BINS + bins, adds=adds)
    known = np.array(on_time.labels)
    assert np.array_equal(np.array(late.labels[:BINS]), known, equal_nan=True)
    assert np.isfinite(known).any()
    assert squares.all()
    # Bins without a label do not fade what the gain is matched by.
    assert np.array_equal(late_squares, squares)


class TooLate:
    """Speaks of a bin that nobody remembers."""

    def label(self, scene):
        return Labels(np.full(2, np.nan), ((10_000, np.zeros(2)),))

    def restart(self, seed):
        """Nothing is drawn."""


def test_a_label_of_a_bin_that_nobody_remembers_is_refused_and_meets_no_other_bin():
    coupling = Coupling(room(), Frozen(), TooLate())
    with pytest.raises(DataError, match="a label came 10000 bins after its own; expected at most"):
        coupling.run_bin(learning=True)


@pytest.mark.parametrize("name", ["delay_s", "lookback_s"])
def test_labels_are_late_and_look_back_by_a_minute_at_most(name):
    assert getattr(LabelSettings(**{name: 60.0}), name) == 60.0
    with pytest.raises(ValidationError, match="less than or equal to 60"):
        LabelSettings(**{name: 61.0})


@pytest.mark.parametrize("adds", [False, True])
def test_with_all_assist_the_user_wins_whatever_the_decoder_says(adds):
    labels = LabelSettings(after_s=0.0)
    help_only = Assist(AssistSettings(share=1.0, over_trials=1000), DirectSource(20.0, 5.0))
    source = build_label_source(labels, BIN_S, 0)
    coupling = Coupling(room(adds=adds), Frozen(), source, assist=help_only)
    coupling.restart(3)
    trials = coupling.run(5, learning=True)
    assert all(trial.success for trial in trials)


def test_in_a_room_least_squares_that_wait_learn_from_every_late_label():
    labels = LabelSettings(delay_s=0.3)
    weights = []
    for settings in (LabelSettings(), labels):
        waits = waits_s(settings, BIN_S)
        decoder = RlsDecoder(RlsSettings(lags=2, label_delay_s=waits), 96, 2, BIN_S)
        coupling = Coupling(room(), decoder, build_label_source(settings, BIN_S, 0))
        coupling.restart(3)
        for _ in range(BINS):
            coupling.run_bin(learning=True)
        weights.append(np.linalg.norm(decoder.learned()["w"]))
    assert weights[1] == pytest.approx(weights[0], rel=0.5)
