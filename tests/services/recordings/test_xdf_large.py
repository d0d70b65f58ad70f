"""XDF files larger than memory: the same numbers as pyxdf's, from scratch files."""

import os
import subprocess
import sys

import numpy as np
import pytest
import pyxdf

import recordings_registry
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Selection, read_recording, scratch, xdf
from eprop_rt_services.recordings.xdf_chunks import STAMP_BYTES, Tag, encode_chunk, encode_length
from eprop_rt_services.recordings.xdf_clock import lines, synchronise
from eprop_rt_services.recordings.xdf_writer import XdfWriter

XDF_NAMES = [name for name in recordings_registry.RECORDINGS if name.startswith("xdf_")]


@pytest.fixture
def as_large(monkeypatch):
    """Every file is too large to be read at once, every array to be in memory."""
    monkeypatch.setattr(xdf, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 0)


@pytest.mark.parametrize("name", XDF_NAMES)
def test_every_stream_reads_as_pyxdf_reads_it(as_large, name):
    path = recordings_registry.find(name)
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    numeric = [each for each in streams if each["info"]["channel_format"][0] != "string"]
    for each in numeric:
        if len(each["time_stamps"]) == 0:
            continue
        signal = read_recording(path, Selection(signal=f"#{each['info']['stream_id']}")).signal
        assert isinstance(signal.values.base, np.memmap) or isinstance(signal.values, np.memmap)
        assert np.array_equal(signal.values, each["time_series"].astype(np.float32))
        assert np.abs(signal.stamps - each["time_stamps"]).max() < 1e-4


@pytest.mark.parametrize("name", ["xdf_emg/three_machines", "xdf_edge/clock_resets"])
def test_markers_are_aligned_as_pyxdf_aligns_them(as_large, name):
    path = recordings_registry.find(name)
    markers = read_recording(path).markers

    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    (alone,) = [each for each in streams if each["info"]["type"][0] == "Markers"]
    order = np.argsort(alone["time_stamps"], kind="stable")
    assert markers.texts == tuple(alone["time_series"][at][0] for at in order)
    assert np.abs(markers.stamps - alone["time_stamps"][order]).max() < 1e-4


def test_samples_with_and_without_stamps_read_as_pyxdf_reads_them(as_large, tmp_path):
    draw, path = np.random.default_rng(8), tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("amp", 3, 100.0), "EEG", "s")
        writer.write(number, np.array([5.0]), np.zeros((1, 3), np.float32))
    data = path.read_bytes()
    for rows in (1, 7, 500, 40):
        body = encode_length(rows)
        for row in range(rows):
            stamp = b"" if draw.random() < 0.7 else np.float64(6 + row).tobytes()
            body += bytes([STAMP_BYTES if stamp else 0]) + stamp
            body += draw.standard_normal(3).astype("<f4").tobytes()
        data += encode_chunk(Tag.SAMPLES, body, number)
    path.write_bytes(data)

    signal = read_recording(path).signal
    (alone,), _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    assert len(signal.stamps) == 549
    assert np.array_equal(signal.stamps, alone["time_stamps"])
    assert np.array_equal(signal.values, alone["time_series"])


def test_damage_in_a_large_file_is_left_out_as_in_a_small_one(monkeypatch, tmp_path):
    path = recordings_registry.find("xdf_emg/ayush")
    data = bytearray(path.read_bytes()[:900_000])
    data[300_000:300_040] = b"\xff" * 40
    (tmp_path / "a.xdf").write_bytes(data)

    small = read_recording(tmp_path / "a.xdf").signal
    monkeypatch.setattr(xdf, "IN_MEMORY_BYTES", 0)
    large = read_recording(tmp_path / "a.xdf").signal
    assert 0 < len(large.stamps) < 40_000
    assert large.values.tobytes() == small.values.tobytes()


READ_WITH_LITTLE = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from eprop_rt.conditioning.stages import InputSettings
from eprop_rt_services.recordings import read_recording
from eprop_rt_services.replay.conditions import Perturbation, perturbed
from eprop_rt_services.replay.source import fitting_part

small, large, more_mib = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
bins = InputSettings.model_validate({"bin_s": 0.1, "conditioning": [{"kind": "common_average"}]})

def passed(path):
    recording = read_recording(path)
    fitting_part(perturbed(recording, Perturbation("shuffle", 0.5, 0.5), 0), bins, 0.8)
    return recording

passed(small)  # imports and compiles what it takes
said = Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]
most = int(said) * 1024 + (more_mib << 20)
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
recording = passed(large)
print(len(recording.signal.stamps), recording.signal.values[-1, 0])
"""


def block_of(path, blocks):
    """Write so many blocks of 4096 samples of 256 channels, 4 MiB each."""
    with XdfWriter(path) as writer:
        number = writer.add_stream(StreamInfo("array", 256, 1000.0), "EEG", "s")
        for block in range(blocks):
            stamps = (block * 4096 + np.arange(4096)) / 1000.0
            writer.write(number, stamps, np.full((4096, 256), block, np.float32))
    return path


def test_a_file_is_read_perturbed_and_binned_with_less_memory_than_it_is_long(tmp_path):
    """Private memory, limited by the system to less than a third of the file."""
    small, large = block_of(tmp_path / "small.xdf", 2), block_of(tmp_path / "large.xdf", 100)
    more_mib = 128
    assert large.stat().st_size > 3 * (more_mib << 20)
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_LITTLE, str(small), str(large), str(more_mib)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(100 * 4096), "99.0"]


@pytest.mark.parametrize("name", ["xdf_emg/three_machines", "xdf_emg/ayush"])
def test_half_of_the_clock_offsets_place_every_stream_as_the_other_half_does_to_5_ms(name):
    path = recordings_registry.find(name)
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    for each in streams:
        times, offsets, stamps = each["clock_times"], each["clock_values"], each["time_stamps"]
        even, odd = np.array(stamps), np.array(stamps)
        synchronise(even, lines(times[::2], offsets[::2]))
        synchronise(odd, lines(times[1::2], offsets[1::2]))
        assert abs(even[0] - stamps[0]) > 800  # how far the clocks are apart
        assert np.abs(even - odd).max() < 0.005
