"""A session as archives take it: NWB that inspects clean, and BIDS around it."""

import csv
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pynwb
import pytest
from typer.testing import CliRunner

import recordings_registry
from eprop_rt.errors import ConfigError, RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.cli import assembled
from eprop_rt_services.recordings import Markers, Recording, Series, read_recording, write_recording
from eprop_rt_services.recordings.trials import Trials
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from recording_files import (
    add_units,
    brainflow_rows,
    nwb_file,
    save_nwb,
    write_brainflow,
    write_edf,
    write_reaching,
)

WHO = ("--subject", "M1", "--species", "Macaca mulatta", "--sex", "F", "--age", "P9Y")


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
    result = CliRunner().invoke(
        assembled(), ["export", *map(str, arguments)], catch_exceptions=False
    )
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
        tmp_path / "a.xdf", tmp_path / "out.nwb", *WHO, "--started", "2026-11-20T09:00:00+01:00"
    )

    read = read_recording(tmp_path / "out.nwb")
    assert read.signal.stamps[0] == 0.0
    assert read.markers.stamps == pytest.approx([0.1, 5.0])
    with pynwb.NWBHDF5IO(tmp_path / "out.nwb", mode="r") as source:
        file = source.read()
        assert file.subject.subject_id == "M1"
        assert file.session_start_time.isoformat() == "2026-11-20T09:00:00+01:00"
        assert file.notes == "second 0 is 100.0 s on the clock of a.xdf"
    assert "counts (400 x 4), labels velocity (400 x 2), 2 markers" in said


def inspected(path):
    """Return what the inspector of NWB finds that is grave."""
    nwbinspector = pytest.importorskip("nwbinspector", reason="nwbinspector is not installed")
    found = list(nwbinspector.inspect_nwbfile(nwbfile_path=str(path)))
    grave = nwbinspector.Importance.BEST_PRACTICE_VIOLATION
    return [str(each) for each in found if each.importance.value >= grave.value]


def jittered():
    """Return the session with samples lost, and stamps and labels that follow no rate exactly."""
    whole, draw = session(), np.random.default_rng(1)
    kept = np.flatnonzero(draw.random(400) < 0.9)
    signal, labels = whole.signal, whole.labels
    stamps = signal.stamps[kept] + draw.uniform(0, 1e-3, len(kept))
    return Recording(
        "s",
        Series(signal.info, stamps, signal.values[kept]),
        Series(labels.info, np.sort(labels.stamps + draw.uniform(0, 1e-3, 400)), labels.values),
        whole.trials,
        whole.markers,
    )


def units(path):
    """Write a file of sorted units, seen in two stretches, with a subject of its own."""
    file = nwb_file(session_id="fifth", subject=pynwb.file.Subject(
        subject_id="Jenkins", species="Macaca mulatta", sex="M",
        date_of_birth=datetime(2015, 5, 1, tzinfo=UTC),
    ))  # fmt: skip
    trains = [np.arange(0.05, 3.0, 0.1), np.arange(5.0, 8.0, 0.3)]
    add_units(file, trains, observed=[[0.0, 3.0], [5.0, 8.0]], electrodes=[0, 1])
    return save_nwb(path, file)


def test_an_export_passes_the_inspector_of_nwb(tmp_path):
    write_recording(tmp_path / "regular.nwb", session(), "x")
    write_recording(tmp_path / "jittered.xdf", jittered(), "x")
    units(tmp_path / "units.nwb")
    who = (*WHO, "--started", "2026-11-20")
    for name, options in (("regular.nwb", who), ("jittered.xdf", who), ("units.nwb", ())):
        out = tmp_path / f"out_{name}.nwb"
        export(tmp_path / name, out, *options)
        assert inspected(out) == [], name

    read = read_recording(tmp_path / "out_jittered.xdf.nwb")
    assert read.signal.stamps == pytest.approx(
        jittered().signal.stamps - jittered().signal.stamps[0]
    )


def test_what_a_file_says_of_subject_and_session_is_kept(tmp_path):
    export(units(tmp_path / "a.nwb"), tmp_path / "out.nwb", "--sex", "U")

    with pynwb.NWBHDF5IO(tmp_path / "out.nwb", mode="r") as source:
        file = source.read()
        who = file.subject
        assert (who.subject_id, who.species, who.sex) == ("Jenkins", "Macaca mulatta", "U")
        assert who.date_of_birth == datetime(2015, 5, 1, tzinfo=UTC)
        assert (file.session_id, file.session_description) == ("fifth", "a test")
        assert file.session_start_time == datetime(2026, 11, 22, tzinfo=UTC)


def started(path, *options):
    out = path.with_name(f"out_{path.name}.nwb")
    export(path, out, *WHO, *options)
    with pynwb.NWBHDF5IO(out, mode="r") as source:
        return source.read().session_start_time


def test_the_time_of_the_first_sample_is_what_the_file_says(tmp_path):
    """In an NWB file it is so long after the beginning of the session; others say their own."""
    write_recording(tmp_path / "a.nwb", session(start_s=90.0), "x")
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", mode="r") as source:
        began = source.read().session_start_time
    assert (started(tmp_path / "a.nwb") - began).total_seconds() == 90.0

    with XdfWriter(tmp_path / "a.xdf", started=datetime(2026, 11, 20, 9, tzinfo=UTC)) as writer:
        amp = writer.add_stream(StreamInfo("amp", 1, 10.0), "EEG", "s")
        writer.write(amp, 500 + np.arange(9) / 10, np.ones((9, 1), np.float32))
    assert started(tmp_path / "a.xdf") == datetime(2026, 11, 20, 9, tzinfo=UTC)

    write_edf(tmp_path / "a.edf", ("C3",), np.zeros((300, 1), int), 100)
    local = datetime(2026, 11, 22, 10).astimezone()
    assert started(tmp_path / "a.edf") == local

    values = brainflow_rows()
    write_brainflow(tmp_path / "a.csv", values)
    seconds = started(tmp_path / "a.csv", "--signal", "1-8").timestamp()
    assert seconds == pytest.approx(values[0, 30], abs=1e-3)


def test_what_no_file_says_is_asked_for_in_one_line(tmp_path):
    write_reaching(tmp_path / "a.mat", seconds=1.0)
    with pytest.raises(ConfigError, match=r"give --subject, --species, --age, --started \("):
        export(tmp_path / "a.mat", tmp_path / "out.nwb")
    with pytest.raises(ConfigError, match=r"give --started, --task \("):
        export(tmp_path / "a.mat", tmp_path / "set", *WHO)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mat"]
    export(
        tmp_path / "a.mat",
        tmp_path / "out.nwb",
        *WHO,
        "--started",
        "2026-11-20",
        "--age",
        "unknown",
    )
    with pynwb.NWBHDF5IO(tmp_path / "out.nwb", mode="r") as source:
        assert source.read().subject.age == "P0D/"


def test_no_export_writes_over_its_source_or_unasked_over_anything(tmp_path):
    write_recording(tmp_path / "a.nwb", session(), "x")
    (tmp_path / "link.nwb").symlink_to(tmp_path / "a.nwb")
    before = (tmp_path / "a.nwb").read_bytes()
    for target in ("a.nwb", "link.nwb"):
        with pytest.raises(ConfigError, match=r"is the recording itself: export it to another"):
            export(tmp_path / "a.nwb", tmp_path / target, *WHO, "--force")
    assert (tmp_path / "a.nwb").read_bytes() == before

    (tmp_path / "out.nwb").write_bytes(b"dear")
    with pytest.raises(ConfigError, match=r"out\.nwb exists already: .* or give --force"):
        export(tmp_path / "a.nwb", tmp_path / "out.nwb", *WHO)
    assert (tmp_path / "out.nwb").read_bytes() == b"dear"
    export(tmp_path / "a.nwb", tmp_path / "out.nwb", *WHO, "--force")
    assert read_recording(tmp_path / "out.nwb").signal.info.name == "counts"


def test_a_folder_gets_the_names_and_side_files_of_bids(tmp_path):
    write_recording(tmp_path / "a.nwb", session(), "x")
    root = tmp_path / "set"
    for number in ("01", "02"):
        export(
            tmp_path / "a.nwb", root, *WHO, "--session", number, "--task", "reach",
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
    participants = "participant_id\tspecies\tsex\nsub-M1\tmacaca mulatta\tF\n"
    assert (root / "participants.tsv").read_text() == participants
    assert json.loads((root / "dataset_description.json").read_text())["DatasetType"] == "raw"
    with pytest.raises(ConfigError, match=r"exists already"):
        export(tmp_path / "a.nwb", root, *WHO, "--session", "02", "--task", "reach")


def volts(path):
    """Write two channels of an array in volts, with labels by markers."""
    whole = session()
    info = StreamInfo("array", 4, 50.0, ("a", "b", "c", "d"), ("volts",) * 4)
    signal = Series(info, whole.signal.stamps, whole.signal.values)
    write_recording(path, Recording("s", signal, None, markers=whole.markers), "x")
    return path


def test_channels_of_an_array_are_of_the_type_that_was_said(tmp_path):
    path, root = volts(tmp_path / "a.nwb"), tmp_path / "set"
    export(path, root, *WHO, "--task", "rest", "--session", "1")
    export(path, root, *WHO, "--task", "rest", "--session", "2", "--electrodes", "ECOG")

    kinds = {}
    for number in "12":
        stem = root / "sub-M1" / f"ses-{number}" / "ieeg" / f"sub-M1_ses-{number}_"
        with Path(f"{stem}task-rest_channels.tsv").open() as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        kinds[number] = {(row["type"], row["units"]) for row in rows}
        assert Path(f"{stem}electrodes.tsv").read_text().count("n/a") == 16
        assert (
            json.loads(Path(f"{stem}coordsystem.json").read_text())["iEEGCoordinateUnits"] == "n/a"
        )
    assert kinds == {"1": {("OTHER", "V")}, "2": {("ECOG", "V")}}


def test_a_signal_without_a_rate_is_no_bids(tmp_path):
    with XdfWriter(tmp_path / "a.xdf") as writer:
        amp = writer.add_stream(StreamInfo("taps", 1, 0.0), "EEG", "s")
        writer.write(amp, np.array([1.0, 1.5, 9.0]), np.ones((3, 1), np.float32))

    with pytest.raises(RecordingError, match=r"'taps' has no rate, BIDS wants one"):
        export(tmp_path / "a.xdf", tmp_path / "set", *WHO, "--task", "rest")
    assert not (tmp_path / "set").exists()


def test_the_validator_of_bids_finds_no_error(tmp_path):
    beside = Path(sys.executable).with_name("bids-validator-deno")
    validator = str(beside) if beside.exists() else shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    write_recording(tmp_path / "counts.nwb", session(), "x")
    root = tmp_path / "set"
    export(tmp_path / "counts.nwb", root, *WHO, "--task", "reach")
    export(volts(tmp_path / "volts.nwb"), root, *WHO, "--task", "rest", "--session", "1")
    export(tmp_path / "volts.nwb", root, *WHO, "--task", "grasp", "--modality", "emg")
    done = subprocess.run([validator, root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_name_that_bids_does_not_take_is_refused(tmp_path):
    write_recording(tmp_path / "a.nwb", session(), "x")

    with pytest.raises(RecordingError, match=r"the task is 'centre-out': BIDS takes letters"):
        export(tmp_path / "a.nwb", tmp_path / "set", *WHO, "--task", "centre-out")
    assert not (tmp_path / "set").exists()


def test_a_recording_of_three_machines_exports_with_its_markers(tmp_path):
    source = recordings_registry.find("xdf_emg/three_machines")
    said = export(
        source, tmp_path / "set", "--modality", "emg", "--task", "gesture", "--subject", "01",
        "--species", "Homo sapiens", "--age", "unknown",
    )  # fmt: skip

    path = tmp_path / "set/sub-01/emg/sub-01_task-gesture_emg.nwb"
    assert "BIDS takes no NWB for emg" in said
    assert (tmp_path / "set/.bidsignore").read_text() == "**/emg/\n"
    with pynwb.NWBHDF5IO(path, mode="r") as opened:
        began = opened.read().session_start_time
    assert began.isoformat() == "2022-04-24T10:18:17-04:00"
    read, original = read_recording(path), read_recording(source)
    assert read.signal.values.tobytes() == original.signal.values.tobytes()
    assert read.markers.texts == original.markers.texts
    between = original.markers.stamps - original.signal.stamps.min()
    assert read.markers.stamps == pytest.approx(between, abs=1e-6)
