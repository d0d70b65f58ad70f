"""What a recording tells of its user's intention: from files written here, and a real one."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pynwb
import pytest
from pynwb.behavior import BehavioralTimeSeries, Position, SpatialSeries

import recordings_registry
from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import Selection, read_recording

BIN_S = 0.1
INTENTION = Selection(labels="intention", reaction_s=0.0)
# Ten bins at the centre, the target to the right and then above.
TARGET = np.where(np.arange(10)[:, None] < 5, [8.0, 0.0], [0.0, 6.0])
TRIALS = ((0.0, 0.5, 0.1, "first"), (0.5, 0.9, 0.7, "second"))


def written(
    folder: Path,
    *,
    cursor="Position",
    target=TARGET,
    trials=TRIALS,
    moves="move_time",
    target_rate=1 / BIN_S,
):
    """A file with a signal of ten bins, a cursor at the centre, a target, and trials."""
    file = pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=UTC))
    counts = np.arange(30, dtype=np.uint8).reshape(10, 3)
    rate = 1 / BIN_S
    signal = pynwb.TimeSeries(name="binned_spikes", data=counts, unit="count", rate=rate)
    file.add_acquisition(signal)
    module = file.create_processing_module("behavior", "a cursor and its target")
    place = SpatialSeries(name="cursor", data=np.zeros((10, 2)), unit="mm", rate=rate)
    module.add(Position(name=cursor, spatial_series=place))
    if target is not None:
        aim = pynwb.TimeSeries(name="target_position", data=target, unit="mm", rate=target_rate)
        module.add(BehavioralTimeSeries(name="Target", time_series=aim))
    if trials:
        for name in (moves, "block"):
            file.add_trial_column(name, "a column")
        for start, stop, move, block in trials:
            file.add_trial(start_time=start, stop_time=stop, **{moves: move, "block": block})
    path = folder / "session.nwb"
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)
    return path


def known(recording):
    return np.flatnonzero(np.isfinite(recording.labels.values).all(axis=1)).tolist()


def test_it_is_known_in_trials_and_while_the_cursor_can_be_moved(tmp_path):
    recording = read_recording(written(tmp_path), INTENTION)
    assert known(recording) == [1, 2, 3, 4, 7, 8]
    assert np.array_equal(recording.labels.values[[4, 7]], [[1, 0], [0, 1]])
    assert (recording.labels.info.name, recording.labels.info.units) == ("intention", ("1", "1"))


def test_a_go_cue_serves_as_well(tmp_path):
    path = written(tmp_path, moves="go_cue_time")
    assert known(read_recording(path, INTENTION)) == [1, 2, 3, 4, 7, 8]


def test_a_reaction_comes_after_each_trial_begins(tmp_path):
    path = written(tmp_path, moves="some_time")
    selection = Selection(labels="intention", reaction_s=0.3)
    assert known(read_recording(path, selection)) == [3, 4, 8]


def test_without_trials_every_target_counts(tmp_path):
    path = written(tmp_path, trials=())
    selection = Selection(labels="intention", reaction_s=0.2)
    assert known(read_recording(path, selection)) == [2, 3, 4, 7, 8, 9]


def test_a_target_of_another_rate_holds_until_the_next_sample(tmp_path):
    path = written(tmp_path, trials=(), target=TARGET[::5], target_rate=2.0)
    recording = read_recording(path, INTENTION)
    assert recording.labels.values[:, 0].tolist() == [1] * 5 + [0] * 5


def test_the_cursor_is_found_by_the_name_that_was_given(tmp_path):
    path = written(tmp_path, cursor="Screen")
    with pytest.raises(
        RecordingError, match=r"no cursor 'position or cursor_pos'.*recording\.cursor"
    ):
        read_recording(path, INTENTION)
    named = INTENTION.model_copy(update={"cursor": "screen", "target": "target_position"})
    assert len(known(read_recording(path, named))) == 6


def test_without_a_target_the_error_says_what_is_missing(tmp_path):
    path = written(tmp_path, target=None)
    with pytest.raises(RecordingError, match=r"session\.nwb: it has no target 'target or"):
        read_recording(path, INTENTION)


def test_a_target_of_other_axes_is_refused(tmp_path):
    path = written(tmp_path, target=np.zeros((10, 3)))
    with pytest.raises(RecordingError, match=r"2 axes, target 'target_position' 3"):
        read_recording(path, INTENTION)


def test_a_block_leaves_its_trials_only(tmp_path):
    recording = read_recording(written(tmp_path), Selection(labels="intention", block="second"))
    assert recording.signal.stamps.tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert recording.labels.stamps.tolist() == recording.signal.stamps.tolist()
    assert (recording.name, recording.trials.block) == ("session second", ("second",))


def test_a_block_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path):
    with pytest.raises(RecordingError, match=r"no block 'third': take one of first, second"):
        read_recording(written(tmp_path), Selection(block="third"))
    with pytest.raises(RecordingError, match=r"no block 'third': take one of \(it has none\)"):
        read_recording(written(tmp_path, trials=()), Selection(block="third"))


def test_trials_in_disorder_or_without_an_end_do_no_harm(tmp_path):
    trials = ((0.5, np.nan, np.nan, "b"), (0.0, 9.0, np.nan, "a"), (np.nan, 1.0, 1.0, "c"))
    recording = read_recording(written(tmp_path, trials=trials), INTENTION)
    assert recording.trials.block == ("a", "b")
    assert recording.trials.at(recording.signal.stamps).tolist() == [0] * 5 + [1] * 5


def test_stabilizedbci_tells_where_the_monkey_wanted_to_go():
    path = recordings_registry.find("stabilizedbci_20160325")
    recording = read_recording(path, Selection(labels="intention"))

    direction, trials = recording.labels.values, recording.trials
    labelled = np.isfinite(direction).all(axis=1)
    assert np.linalg.norm(direction[labelled], axis=1) == pytest.approx(1.0, abs=1e-6)
    first = np.searchsorted(recording.signal.stamps, trials.start_s - 1e-6)
    assert len(first) == 1252
    assert not labelled[first[:, None] + np.arange(6)].any()  # nobody has reacted yet
    assert labelled[first + 6].all()  # and from here on the cursor moved
    assert labelled.sum() == 38015 - 6 * 1252


def test_a_block_of_stabilizedbci_is_the_part_of_the_session_of_that_name():
    path = recordings_registry.find("stabilizedbci_20160325")
    recording = read_recording(path, Selection(block="gradualTrain"))

    assert len(recording.trials.block) == 144
    assert recording.signal.values.shape == (3329, 96)
