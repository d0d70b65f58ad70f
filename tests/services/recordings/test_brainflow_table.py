"""BrainFlow's tables, written here in their layout."""

import importlib.util

import numpy as np
import pytest

from eprop_rt.config import BinSettings
from eprop_rt.errors import EpropError, RecordingError
from eprop_rt.intake import Intake
from eprop_rt.series import Chunk
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.replay.source import binned
from recording_files import brainflow_rows, write_brainflow

# brainflow itself asks for pkg_resources and does not bring it along.
HAS_BRAINFLOW = all(map(importlib.util.find_spec, ("brainflow", "pkg_resources")))


def test_a_table_of_brainflow_reads_with_columns_that_are_named(tmp_path):
    values = brainflow_rows()
    write_brainflow(tmp_path / "a.csv", values)
    recording = read_recording(tmp_path / "a.csv", Selection(signal="1-8,12"))

    signal = recording.signal
    assert signal.info.channel_names[0] == "column 1"
    assert signal.info.sample_rate_hz == 250.0
    assert signal.values == pytest.approx(values[:, [*range(1, 9), 12]], abs=1e-5)
    assert signal.stamps == pytest.approx(values[:, 30], abs=1e-6)
    assert recording.markers.texts == ("3", "1.5")
    assert recording.markers.stamps == pytest.approx(values[[20, 50], 30], abs=1e-6)


def test_a_table_that_nobody_says_the_board_of_is_refused_with_what_to_say(tmp_path):
    write_brainflow(tmp_path / "a.csv", brainflow_rows())

    with pytest.raises(RecordingError, match=r"it has 32 columns .*recording\.board"):
        read_recording(tmp_path / "a.csv")
    with pytest.raises(RecordingError, match=r"columns 30-40 came, it has columns 0 to 31"):
        read_recording(tmp_path / "a.csv", Selection(signal="30-40"))
    with pytest.raises(RecordingError, match=r"expected columns, as in"):
        read_recording(tmp_path / "a.csv", Selection(signal="eeg"))


def test_samples_of_one_packet_are_stamped_one_by_one(tmp_path):
    """Two have one stamp, the time of the last, as a Ganglion sends them."""
    values = brainflow_rows()
    when = values[:, 30].copy()
    values[::2, 30] = values[1::2, 30]
    write_brainflow(tmp_path / "a.csv", values)
    recording = read_recording(tmp_path / "a.csv", Selection(signal="1-8"))

    assert recording.signal.stamps == pytest.approx(when, abs=2e-5)
    assert recording.markers.stamps == pytest.approx(when[[20, 50]], abs=2e-5)
    index, _, _ = binned(recording, BinSettings(bin_s=0.008, reduce="mean"))
    assert len(index) == 125
    (seen,) = Intake(BinSettings(bin_s=0.1), (recording.signal.info,)).push(
        Chunk(recording.signal.stamps[:25], np.ones((25, 8), np.float32))
    )
    assert seen.values.tolist() == [25.0] * 8


def test_the_rate_of_a_table_is_told_to_six_digits(tmp_path):
    values = brainflow_rows(1025)
    values[:, 30] = 1.76e9 + np.arange(1025) / 1024.0
    write_brainflow(tmp_path / "a.csv", values)

    info = read_recording(tmp_path / "a.csv", Selection(signal="1-8")).signal.info
    assert info.sample_rate_hz == pytest.approx(1024.0, rel=1e-5)


@pytest.mark.skipif(not HAS_BRAINFLOW, reason="the package brainflow is not installed")
def test_a_board_is_known_by_its_id(tmp_path):
    values = brainflow_rows()
    write_brainflow(tmp_path / "a.csv", values)
    signal = read_recording(tmp_path / "a.csv", Selection(board=-1)).signal

    assert signal.values == pytest.approx(values[:, 1:17], abs=1e-5)
    assert (signal.info.sample_rate_hz, signal.info.channel_names[0]) == (250.0, "Fz")
    with pytest.raises(RecordingError, match=r"it has 32 columns, board 0 .* has 24"):
        read_recording(tmp_path / "a.csv", Selection(board=0))
    with pytest.raises(RecordingError, match="BrainFlow knows no board 9999"):
        read_recording(tmp_path / "a.csv", Selection(board=9999))


@pytest.mark.skipif(HAS_BRAINFLOW, reason="the package brainflow is installed")
def test_a_board_without_brainflow_says_what_to_install(tmp_path):
    write_brainflow(tmp_path / "a.csv", brainflow_rows())

    with pytest.raises(EpropError, match=r"pip install eprop-rt\[brainflow\]"):
        read_recording(tmp_path / "a.csv", Selection(board=-1))
