"""Recordings whose markers say classes, replayed: never taught by what is still to come."""

import json
from dataclasses import replace

import numpy as np
import pytest

import recordings_registry as registry
from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    NetworkSettings,
    NlmsSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
)
from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.classes import ClassSettings, with_classes
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from eprop_rt_services.replay import Contestant, compared
from eprop_rt_services.replay.conditions import Condition, swept
from eprop_rt_services.replay.contestant import AS_RECORDED, Setting
from eprop_rt_services.report import Chapter, making
from eprop_rt_services.report.page import page
from processes import program

BINS = BinSettings(bin_s=0.1, reduce="rms")
NAMES = ("rest", "fist", "open")
CLASSES = ClassSettings(labels=NAMES, ends=("stop",), delay_s=0.2)
LOGISTIC = NlmsSettings(loss="softmax", lags=2, step=0.5, label_delay_s=4.0)


def muscles(seconds=240, seed=0):
    """Three muscles at 100 Hz, each louder in a class of its own, and the markers of the cues."""
    rng = np.random.default_rng(seed)
    stamps = np.arange(seconds * 100) / 100
    loud = np.ones((len(stamps), 3))
    cues, texts, at = [], [], 1.0
    while at + 3 < seconds:
        k = int(rng.integers(0, 3))
        cues += [at, at + 2.0]
        texts += [NAMES[k], "stop"]
        loud[(stamps >= at) & (stamps < at + 2.0), k] = 4.0
        at += 2.0 + float(rng.uniform(0.3, 1.0))
    signal = (rng.normal(size=loud.shape) * loud).astype(np.float32)
    return Recording(
        "muscles",
        Series(StreamInfo("emg", 3, 100.0), stamps, signal),
        None,
        markers=Markers(np.array(cues), tuple(texts)),
    )


def played(recording, settings=LOGISTIC, condition=AS_RECORDED, name="it"):
    given = with_classes(recording, CLASSES, BINS.bin_s)
    setting = Setting(BINS, condition, classes=NAMES)
    return Contestant(name, settings, setting).replay(given, lambda _: None)


def test_what_markers_said_is_learned_in_one_pass():
    recording = muscles()
    score = played(recording).classes
    assert len(score.windows.true) == recording.markers.texts.count("stop")
    assert score.windows_last20.accuracy > 0.9
    assert score.bins_last20.accuracy > 0.8
    assert score.itr_bits_per_min > 20
    assert score.windows_last20.confusion.sum() == len(score.windows_last20.true)


def test_no_bin_of_a_window_is_decoded_by_what_was_learned_from_the_same_window():
    """Signals say nothing here, and the label of the newest bin would say it all."""
    recording = muscles()
    rng = np.random.default_rng(1)
    noise = rng.normal(size=recording.signal.values.shape).astype(np.float32)
    deaf = replace(recording, signal=replace(recording.signal, values=noise))
    eager = LOGISTIC.model_copy(update={"step": 1.9, "lags": 1})
    score = played(deaf, eager).classes
    assert score.bins.accuracy < 0.45
    known = with_classes(deaf, CLASSES, BINS.bin_s)
    told = replace(known, labels=replace(known.labels, known_s=None))
    setting = Setting(BINS, classes=NAMES)
    leaking = Contestant("it", eager, setting).replay(told, lambda _: None)
    assert leaking.classes.bins.accuracy > 0.8


def test_the_pass_is_the_same_to_the_bit_again_and_another_with_a_marker_less():
    recording = muscles(seconds=60)
    digests = [played(recording).digest for _ in range(2)]
    markers = recording.markers
    fewer = Markers(markers.stamps[2:], markers.texts[2:])
    digests.append(played(replace(recording, markers=fewer)).digest)
    assert digests[0] == digests[1] != digests[2]


def test_frozen_from_a_share_on_nothing_is_learned_after_it():
    recording = muscles(seconds=60)
    frozen = played(recording, condition=Condition(freeze_at=0.5))
    learned = played(recording)
    half = learned.bins // 2
    np.testing.assert_array_equal(frozen.predicted[:half], learned.predicted[:half])
    assert np.abs(frozen.predicted[half:] - learned.predicted[half:]).max() > 0.01
    values = recording.labels
    assert values is None
    other = replace(
        recording,
        markers=Markers(
            recording.markers.stamps,
            tuple(
                "stop" if s > 31 else t
                for s, t in zip(recording.markers.stamps, recording.markers.texts, strict=True)
            ),
        ),
    )
    np.testing.assert_array_equal(
        played(other, condition=Condition(freeze_at=0.5)).predicted, frozen.predicted
    )
    assert [c.name for c in swept("", "", "", 0, "0.8")] == ["as recorded", "frozen from 80 % on"]


def test_a_network_learns_classes_from_labels_that_come_when_the_window_is_over():
    settings = EpropSettings(
        loss="softmax",
        inputs={"per_channel": True, "centre": True},
        network=NetworkSettings(neurons=32, tau_groups=4),
        online=OnlineSettings(label_delay_s=4.0),
        readout=ReadoutSettings(rule="none"),
        rehearsal=RehearsalSettings(
            steps_per_bin=100, segment_s=3.0, segments_per_update=8, learning_rate=3e-3
        ),
    )
    replayed = played(muscles(), settings)
    assert replayed.events["late_label"] == 0
    assert replayed.classes.windows_last20.accuracy > 0.85


def written(path, recording, kind="Markers"):
    with XdfWriter(path) as writer:
        emg = writer.add_stream(recording.signal.info, "EMG", "emg")
        cues = writer.add_stream(StreamInfo("cues", 1, 0.0), kind, "cues", "string")
        writer.write(emg, recording.signal.stamps, recording.signal.values)
        markers = recording.markers
        writer.write(cues, markers.stamps, [[text] for text in markers.texts])


def replay(*arguments):
    return program("replay", *arguments)


def test_the_command_prints_accuracies_and_writes_them(tmp_path):
    written(tmp_path / "s.xdf", muscles(seconds=120))
    config = tmp_path / "c.yaml"
    config.write_text(
        "bins: {bin_s: 0.1, reduce: rms}\n"
        "classes: {labels: [rest, fist, open], ends: [stop]}\n"
        "decoder: {kind: nlms, loss: softmax, lags: 2, step: 0.5, label_delay_s: 4.0}\n"
    )
    options = ("-c", config, "--compare", "lda,mean", "--freeze-at", "0.8", "--no-cache")
    page_file, figures_file = tmp_path / "r.html", tmp_path / "f.json"
    done = replay(tmp_path / "s.xdf", *options, "--json", figures_file, "--report", page_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "windows of the last 20 %" in done.stdout
    assert "frozen from 80 % on" in done.stdout
    assert "R2" not in done.stdout
    figures = json.loads(figures_file.read_text())
    assert figures["classes"] == list(NAMES)
    own = figures["decoders"]["nlms"]
    assert 0.6 < own["accuracy"] <= own["windows"]["accuracy"] + 0.2
    assert own["accuracy_last20"] > 0.8
    assert np.array(own["confusion"]).shape == (3, 3)
    assert figures["decoders"]["lda"]["accuracy_last20"] > 0.8
    assert figures["conditions"][1]["freeze_at"] == 0.8
    text = page_file.read_text()
    assert "What nlms takes for what" in text
    assert "R² over time" not in text


def test_a_recording_without_markers_is_one_line(tmp_path):
    recording = muscles(seconds=20)
    with XdfWriter(tmp_path / "s.xdf") as writer:
        emg = writer.add_stream(recording.signal.info, "EMG", "emg")
        writer.write(emg, recording.signal.stamps, recording.signal.values)
    done = replay(tmp_path / "s.xdf", "-c", "preset:gesture")
    assert done.returncode == 2
    assert "has no markers" in done.stderr
    assert "Traceback" not in done.stderr


def test_texts_of_another_type_are_named_where_markers_are_missed(tmp_path):
    written(tmp_path / "s.xdf", muscles(seconds=20), "Annotations")

    recording = read_recording(tmp_path / "s.xdf")
    with pytest.raises(
        RecordingError, match=r"recording\.markers, of #2 'cues' \(type Annotations"
    ):
        with_classes(recording, CLASSES, BINS.bin_s)
    named = read_recording(tmp_path / "s.xdf", Selection(markers="cues"))
    assert with_classes(named, CLASSES, BINS.bin_s).labels is not None


def test_a_page_without_a_label_in_the_last_fifth_says_so():
    recording = muscles(seconds=60)
    kept = recording.markers.stamps < 30
    early = Markers(
        recording.markers.stamps[kept],
        tuple(t for t, keep in zip(recording.markers.texts, kept, strict=True) if keep),
    )
    given = with_classes(replace(recording, markers=early), CLASSES, BINS.bin_s)
    setting = Setting(BINS, classes=NAMES)
    results = [
        Contestant(name, one, setting).replay(given, lambda _: None)
        for name, one in compared("lda", LOGISTIC).items()
    ]
    chapter = Chapter(given, "0" * 64, BINS, [(AS_RECORDED, results)])
    text = page([chapter], making("eprop-rt", ""))
    assert "has no labels in its last 20 %" in text
    assert "There is no label in the last 20 %" in text


@pytest.fixture(scope="module")
def gestures(tmp_path_factory):
    path = registry.find("xdf_emg/ayush")
    out = tmp_path_factory.mktemp("gestures") / "figures.json"
    options = ("-c", "preset:gesture", "--compare", "lda", "--freeze-at", "0.8", "--no-cache")
    done = replay(path, *options, "--json", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text())


def test_gestures_of_the_last_fifth_are_known_after_one_pass_that_learns(gestures):
    online = gestures["decoders"]["eprop"]["windows"]
    assert online["count"] == 116
    assert online["count_last20"] >= 22
    assert online["accuracy_last20"] >= 0.9
    assert gestures["decoders"]["eprop"]["accuracy_last20"] >= 0.9


def test_a_linear_discriminant_knows_them_too(gestures):
    assert gestures["decoders"]["lda"]["windows"]["accuracy_last20"] >= 0.9
