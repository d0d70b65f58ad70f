"""A fork reads a file of HDF5 first: how that ends is one line, and a slow disk is no damage."""

import os
import signal
import time

import h5py
import numpy as np
import pytest

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import hdf5_probe


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["texts"] = np.array([b"one", b"two"])
    return tmp_path / "a.h5"


def test_a_sound_file_is_let_through(path):
    hdf5_probe.probe(path)


def test_a_file_that_takes_more_memory_than_there_is_to_be_is_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5_probe, "MEMORY_BYTES", 128 << 20)
    with h5py.File(path, "a") as file:
        file.create_dataset("many", (1 << 20,), "S1024", chunks=(1024,))  # 1 GiB that is not there

    with pytest.raises(RecordingError, match=r"more than 128 MiB of text in one place"):
        hdf5_probe.probe(path)


def test_a_disk_may_be_slow_and_work_without_an_end_is_ended(path, monkeypatch):
    monkeypatch.setattr(hdf5_probe, "PATIENCE_S", 1)
    monkeypatch.setattr(hdf5_probe, "_look", lambda _: time.sleep(1.5))
    hdf5_probe.probe(path)

    def busy(_):
        while True:
            pass

    monkeypatch.setattr(hdf5_probe, "_look", busy)
    with pytest.raises(RecordingError, match=r"for 1 s of work without an end: it is damaged"):
        hdf5_probe.probe(path)


def test_a_crash_is_named_by_its_signal(path, monkeypatch):
    monkeypatch.setattr(hdf5_probe, "_look", lambda _: os.kill(os.getpid(), signal.SIGKILL))

    with pytest.raises(RecordingError, match=r"HDF5 crashes on it \(SIGKILL\)"):
        hdf5_probe.probe(path)
