"""A session as archives take it: NWB that inspects clean, and BIDS around it."""

import csv
import json

import numpy as np
import pynwb
import pytest
from typer.testing import CliRunner

import recordings_registry
from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.cli import app
from eprop_rt_services.recordings import Markers, Recording, Series, read_recording, write_recording
from eprop_rt_services.recordings.trials import Trials


def session(start_s=100.0):
    """Return counts, velocity, two trials and two markers, on a clock that began long before."""
    stamps = start_s + np.arange(400) / 50.0
    draw = np.random.default_rng(4)
    counts = StreamInfo("counts", 4, 50.0, ("a", "b", "c", "d"), ("count",) * 4)
    velocity = StreamInfo("velocity", 2, 50.0, ("vx", "vy"), ("cm/s",) * 2)
    return Recording(
        "s",
        Series(counts, stamps, draw.poisson(2.0, (400, 4)).astype(np.float32)),
        Series(velocity, stamps, draw.standard_normal((400, 2)).astype(np.float32)),
        Trials(start_s + np.array([0.0, 4.0]), start_s + np.array([3.0, 8.0]),
               start_s + np.array([0.5, 4.5]), ("calibration", "test")),
        Markers(start_s + np.array([0.1, 5.0]), ("go", "a long\ttext")),
    )  # fmt: skip


def export(*arguments):
    result = CliRunner().invoke(app, ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_everything_of_a_session_comes_back_from_nwb(tmp_path):
    written = session()
    write_recording(tmp_path / "a.nwb", written, "x")
    read = read_recording(tmp_path / "a.nwb")

    assert read.signal.values.tobytes() == written.signal.values.tobytes()
    assert read.markers.texts == written.markers.texts
    assert read.markers.stamps == pytest.approx(written.markers.stamps)
    assert read.trials.block == ("calibration", "test")
    assert read.trials.moves_s == pytest.approx(written.trials.moves_s)


def test_markers_come_back_from_xdf(tmp_path):
    write_recording(tmp_path / "a.xdf", session(), "x")

    assert read_recording(tmp_path / "a.xdf").markers.texts == ("go", "a long\ttext")


def test_an_export_begins_at_zero_and_says_by_how_much_it_was_moved(tmp_path):
    write_recording(tmp_path / "a.xdf", session(), "x")
    said = export(
        tmp_path / "a.xdf", tmp_path / "out.nwb", "--subject", "M1", "--species",
        "Macaca mulatta", "--sex", "F", "--age", "P9Y", "--started", "2026-11-20T09:00:00+01:00",
    )  # fmt: skip

    read = read_recording(tmp_path / "out.nwb")
    assert read.signal.stamps[0] == 0.0
    assert read.markers.stamps == pytest.approx([0.1, 5.0])
    with pynwb.NWBHDF5IO(tmp_path / "out.nwb", mode="r") as source:
        file = source.read()
        assert file.subject.subject_id == "M1"
        assert file.session_start_time.isoformat() == "2026-11-20T09:00:00+01:00"
        assert file.notes == "second 0 is 100.0 s on the clock of a.xdf"
    assert "counts (400 x 4), labels velocity (400 x 2), 2 markers" in said


def test_an_export_passes_the_inspector_of_nwb(tmp_path):
    nwbinspector = pytest.importorskip("nwbinspector", reason="nwbinspector is not installed")
    write_recording(tmp_path / "a.nwb", session(), "x")
    export(
        tmp_path / "a.nwb", tmp_path / "out.nwb", "--subject", "M1", "--species",
        "Macaca mulatta", "--sex", "F", "--age", "P9Y",
    )  # fmt: skip

    found = list(nwbinspector.inspect_nwbfile(nwbfile_path=str(tmp_path / "out.nwb")))
    grave = nwbinspector.Importance.BEST_PRACTICE_VIOLATION
    assert [str(each) for each in found if each.importance.value >= grave.value] == []


def test_a_folder_gets_the_names_and_side_files_of_bids(tmp_path):
    write_recording(tmp_path / "a.nwb", session(), "x")
    root = tmp_path / "set"
    for number in ("01", "02"):
        export(
            tmp_path / "a.nwb", root, "--subject", "M1", "--session", number, "--task", "reach",
            "--line-hz", "50",
        )  # fmt: skip

    stem = root / "sub-M1" / "ses-02" / "ieeg" / "sub-M1_ses-02_task-reach_"
    assert read_recording(stem.with_name(stem.name + "ieeg.nwb")).signal.info.name == "counts"
    about = json.loads(stem.with_name(stem.name + "ieeg.json").read_text())
    assert (about["TaskName"], about["SamplingFrequency"]) == ("reach", 50.0)
    assert about["PowerLineFrequency"] == 50.0
    assert about["RecordingDuration"] == pytest.approx(8.0)
    with stem.with_name(stem.name + "events.tsv").open() as file:
        events = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["trial_type"], row["value"]) for row in events] == [
        ("trial", "calibration"), ("marker", "go"), ("trial", "test"), ("marker", "a long text"),
    ]  # fmt: skip
    with stem.with_name(stem.name + "channels.tsv").open() as file:
        channels = list(csv.DictReader(file, delimiter="\t"))
    assert [row["name"] for row in channels] == ["a", "b", "c", "d"]
    assert (root / "participants.tsv").read_text() == "participant_id\nsub-M1\n"
    assert json.loads((root / "dataset_description.json").read_text())["DatasetType"] == "raw"


def test_a_name_that_bids_does_not_take_is_refused(tmp_path):
    write_recording(tmp_path / "a.nwb", session(), "x")

    with pytest.raises(RecordingError, match=r"the task is 'centre-out': BIDS takes letters"):
        export(tmp_path / "a.nwb", tmp_path / "set", "--task", "centre-out")
    assert not (tmp_path / "set").exists()


def test_a_recording_of_three_machines_exports_with_its_markers(tmp_path):
    source = recordings_registry.find("xdf_emg/three_machines")
    export(source, tmp_path / "set", "--modality", "emg", "--task", "gesture")

    path = tmp_path / "set/sub-01/ses-01/emg/sub-01_ses-01_task-gesture_emg.nwb"
    read, original = read_recording(path), read_recording(source)
    assert read.signal.values.tobytes() == original.signal.values.tobytes()
    assert read.markers.texts == original.markers.texts
    between = original.markers.stamps - original.signal.stamps.min()
    assert read.markers.stamps == pytest.approx(between, abs=1e-6)
