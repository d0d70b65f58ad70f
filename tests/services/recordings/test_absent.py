"""Labels and markers that are named and not there: one line, whatever the format."""

import numpy as np
import pytest

from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Selection, read_recording
from eprop_rt_services.recordings.xdf_writer import XdfWriter
from recording_files import (
    add_units,
    binned_structure,
    brainflow_rows,
    nwb_file,
    save_nwb,
    write_binned_5,
    write_brainflow,
    write_edf,
    write_reaching,
)


def xdf(path):
    with XdfWriter(path) as writer:
        amp = writer.add_stream(StreamInfo("amp", 2, 10.0), "EEG", "s")
        writer.write(amp, np.arange(40) / 10, np.ones((40, 2), np.float32))


def nwb(path):
    file = nwb_file()
    add_units(file, [np.arange(0.0, 3.0, 0.1)])
    save_nwb(path, file)


def binned(path):
    wanted = ("timeframe", "spikeratedata", "spikeguide")
    write_binned_5(path, {name: binned_structure()[name] for name in wanted})


WRITERS = {
    "a.nwb": nwb,
    "a.xdf": xdf,
    "reaching.mat": lambda path: write_reaching(path, seconds=1.0),
    "binned.mat": binned,
    "a.csv": lambda path: write_brainflow(path, brainflow_rows(60)),
    "a.edf": lambda path: write_edf(path, ("C3",), np.zeros((200, 1), int), 100),
    "a.bdf": lambda path: write_edf(path, ("C3",), np.zeros((200, 1), int), 100, [(0.5, "go")]),
}
HAVE_MARKERS = {"a.csv": "markers", "a.bdf": "annotations"}


@pytest.mark.parametrize("name", WRITERS)
def test_names_that_are_not_there_are_refused_and_no_names_are_not(tmp_path, name):
    path = tmp_path / name
    if path.suffix in (".edf", ".bdf"):
        pytest.importorskip("mne", reason="the package mne is not installed")
    WRITERS[name](path)
    signal = "1-8" if path.suffix == ".csv" else None

    for asked in ("force", "intention" if name != "reaching.mat" else "torque"):
        with pytest.raises(RecordingError, match=rf"{name}: it has no .*(labels|cursor)"):
            read_recording(path, Selection(signal=signal, labels=asked))
    with pytest.raises(RecordingError, match=rf"{name}: it has no markers 'nosuch'"):
        read_recording(path, Selection(signal=signal, markers="nosuch"))
    for labels, markers in ((None, None), ("none", "none"), (None, HAVE_MARKERS.get(name))):
        read = read_recording(path, Selection(signal=signal, labels=labels, markers=markers))
        assert name == "reaching.mat" or read.labels is None
        assert (read.markers is not None) == (name in HAVE_MARKERS and markers != "none")
