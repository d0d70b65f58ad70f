"""Markers to labels: which class, from when to when, known when, the same live and recorded."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.bins.grid import BinGrid
from eprop_rt.bins.labels import LabelBins
from eprop_rt.errors import ConfigError, DataError, RecordingError
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk, StreamInfo
from eprop_rt_services.classes import ClassLabels, ClassSettings, classes_of_channel, with_classes
from eprop_rt_services.classes.live import LiveClasses
from eprop_rt_services.config import load_config
from eprop_rt_services.recordings import Recording, Series
from eprop_rt_services.recordings.markers import Markers

BIN_S = 0.1


def settings(**more):
    return ClassSettings(labels=("rest", "fist"), **more)


def by_class(given, cues, newest_s=np.inf):
    """(class, first stamp, last stamp, known at) of each window."""
    labels = ClassLabels(given, BIN_S)
    labels.heed(MarkerChunk(np.array([s for s, _ in cues]), tuple(t for _, t in cues)))
    return [
        (int(chunk.values[0].argmax()), chunk.stamps[0], chunk.stamps[-1], end_s)
        for end_s, chunk in labels.reveal(newest_s)
    ]


def test_a_marker_names_the_class_until_the_next_one():
    (rest, first, last, known), fist = by_class(
        settings(), [(1.0, "rest"), (3.0, "fist"), (3.5, "rest")]
    )
    assert (rest, known) == (0, 3.0)
    assert 1.0 < first < 1.1
    assert 2.9 < last < 3.0
    assert (fist[0], fist[3]) == (1, 3.5)


def test_between_an_end_and_the_next_beginning_there_is_no_class():
    given = settings(begins={"f1": "fist"}, ends=("f0",), delay_s=0.5)
    windows = by_class(given, [(1.0, "f1"), (3.0, "f0"), (5.0, "f1"), (5.4, "f0"), (9.0, "f0")])
    assert [(number, known) for number, _, _, known in windows] == [(1, 3.0)]
    assert 1.5 < windows[0][1] < 1.6  # the second was over before it could begin


def test_a_marker_that_comes_again_ends_what_it_began():
    given = settings(begins={"0": "rest", "1": "fist"}, repeat_ends=True)
    cues = [(float(k), text) for k, text in enumerate(("0", "0", "1", "1", "1", "0"))]
    assert [(one[0], one[3]) for one in by_class(given, cues)] == [(0, 1.0), (1, 3.0), (1, 5.0)]


def test_a_class_that_is_held_ends_by_itself_or_at_the_next_marker():
    given = settings(hold_s=1.0, delay_s=0.25)
    cues = [(1.0, "fist"), (5.0, "rest"), (5.75, "fist")]
    assert [one[3] for one in by_class(given, cues)] == [2.25, 5.75, 7.0]
    assert [one[3] for one in by_class(given, cues, newest_s=6.9)] == [2.25, 5.75]


def test_unknown_markers_are_counted_and_those_out_of_order_taken_for_as_late():
    labels = ClassLabels(settings(), BIN_S)
    texts = ("rest", "coffee", "fist", "rest")
    labels.heed(MarkerChunk(np.array([1.0, 1.5, 0.5, 2.0]), texts))
    assert labels.events == {"marker_unknown": 1, "marker_not_in_order": 1}
    assert [int(chunk.values[0].argmax()) for _, chunk in labels.reveal(9.0)] == [1]


@pytest.mark.parametrize("phase", np.linspace(0, 0.0999, 7))
@pytest.mark.parametrize("length", [0.3, 1.0, 1.05, 3.77])
def test_every_bin_of_a_window_has_a_label_wherever_the_bins_begin(phase, length):
    labels = ClassLabels(settings(), BIN_S)
    labels.heed(MarkerChunk(np.array([2.0, 2.0 + length]), ("fist", "rest")))
    ((_, chunk),) = labels.reveal(99.0)
    grid = BinGrid(BIN_S)
    grid.start(phase)
    bins = LabelBins(grid, labels.info, 2)
    bins.push(chunk)
    for index in range(60):
        from_s = phase + index * BIN_S
        label = bins.take(index)
        if from_s >= 2.0 and from_s + BIN_S <= 2.0 + length:
            np.testing.assert_array_equal(label, [0, 1])
        elif from_s + BIN_S < 2.0 or from_s > 2.0 + length:
            assert np.isnan(label).all()


def signal(seconds=10, rate_hz=50.0):
    stamps = np.arange(int(seconds * rate_hz)) / rate_hz
    values = np.zeros((len(stamps), 1), np.float32)
    return Series(StreamInfo("emg", 1, rate_hz), stamps, values)


def test_a_recording_knows_what_a_live_stream_was_told_whatever_its_chunks_were():
    given = settings(ends=("stop",), delay_s=0.2, hold_s=1.5, repeat_ends=True)
    rng = np.random.default_rng(3)
    stamps = np.sort(rng.uniform(0, 9, 25))
    texts = tuple(rng.choice(["rest", "fist", "stop", "noise"], 25))
    recording = with_classes(
        Recording("s", signal(), None, markers=Markers(stamps, texts)), given, BIN_S
    )
    series, told = signal(), []
    live = LiveClasses(given, BIN_S)
    cuts = [0, *np.sort(rng.choice(np.arange(1, 500), 80, replace=False)).tolist(), 500]
    at = 0
    for a, b in pairwise(cuts):
        upto = int(np.searchsorted(stamps, series.stamps[b - 1]))
        if upto > at:
            live.heed(MarkerChunk(stamps[at:upto], texts[at:upto]))
            at = upto
        chunk = Chunk(series.stamps[a:b], series.values[a:b])
        for item in live.apply([chunk]):
            if isinstance(item, LabelChunk):
                assert item.stamps[-1] < series.stamps[a]  # never of what is still to come
                told.append(item)
    known = recording.labels
    many = sum(len(one.stamps) for one in told)
    assert many > 20
    np.testing.assert_array_equal(np.concatenate([c.stamps for c in told]), known.stamps[:many])
    np.testing.assert_array_equal(np.concatenate([c.values for c in told]), known.values[:many])
    assert (known.known_s >= known.stamps).all()


def test_numbers_in_a_channel_are_classes_and_others_no_label():
    given = settings(source="channel", begins={"7": "fist", "1": "rest"})
    values = np.array([[7], [1], [np.nan], [3], [7]], np.float32)
    rows = classes_of_channel(LabelChunk(np.arange(5.0), values), given).values
    assert rows[[0, 1, 4]].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert np.isnan(rows[[2, 3]]).all()
    with pytest.raises(DataError, match="one channel with a number"):
        classes_of_channel(LabelChunk(np.zeros(1), np.zeros((1, 2), np.float32)), given)
    plain = classes_of_channel(
        LabelChunk(np.arange(2.0), np.array([[0], [1]], np.float32)), settings(source="channel")
    )
    assert plain.values.tolist() == [[1, 0], [0, 1]]


def test_a_recording_without_what_says_its_classes_is_refused_in_one_line():
    bare = Recording("s", signal(), None)
    with pytest.raises(RecordingError, match="has no markers"):
        with_classes(bare, settings(), BIN_S)
    with pytest.raises(RecordingError, match="has no labels"):
        with_classes(bare, settings(source="channel"), BIN_S)
    other = Recording("s", signal(), None, markers=Markers(np.array([1.0]), ("coffee",)))
    with pytest.raises(RecordingError, match=r"no marker begins a class.*coffee"):
        with_classes(other, settings(), BIN_S)
    assert with_classes(bare, None, BIN_S) is bare


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"labels": ("a",)}, "at least 2"),
        ({"labels": ("a", "a")}, "twice"),
        ({"labels": ("a", "b"), "begins": {"x": "c"}}, "'c'"),
        ({"labels": ("a", "b"), "ends": ("a",)}, "both begins"),
        ({"labels": ("a", "b"), "source": "channel", "hold_s": 1.0}, "of markers"),
        ({"labels": ("a", "b"), "source": "channel", "delay_s": 1.0}, "of markers"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, told):
    with pytest.raises(ValidationError, match=told):
        ClassSettings(**given)


def test_what_is_published_has_the_names_of_the_classes(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("classes: {labels: [rest, fist, open]}")
    published = load_config(str(path)).publish
    assert published.names == ("rest", "fist", "open")
    assert published.units == ("1", "1", "1")
    with pytest.raises(ConfigError, match=r"publish.names"):
        load_config(str(path), ["publish.names=[a, b]", "publish.units=[]"])
    with pytest.raises(ConfigError, match=r"lsl.labels"):
        load_config(str(path), ["lsl.labels.type=Labels"])
