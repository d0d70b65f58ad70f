"""Recordings in Neurodata Without Borders (NWB) files, through pynwb.

The signal is a time series of `acquisition`, or the spike times of `units`, counted. Labels are
time series of the processing modules, either bare or inside an interface such as `Position`. A
series is named by its own name, its interface, or both (`Velocity/hand_velocity`), in any case, and
may then stand anywhere. Labels of the name `intention` are computed from a cursor's position and
its target, unless a series of that name stands in the file. Annotations are markers. An interface
whose series are single channels is read as one series.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.hdf5_probe import probe
from eprop_rt_services.recordings.intention import INTENTION, intention
from eprop_rt_services.recordings.nwb_candidates import (
    KINDS,
    Candidate,
    candidates,
    listed,
    named,
    only,
    spoken_of,
)
from eprop_rt_services.recordings.nwb_markers import markers_of
from eprop_rt_services.recordings.nwb_series import load
from eprop_rt_services.recordings.nwb_together import in_time, load_found, load_labels
from eprop_rt_services.recordings.nwb_trials import trials_of
from eprop_rt_services.recordings.nwb_units import UNITS, has_spikes, trains_of
from eprop_rt_services.recordings.nwb_writer import write_nwb
from eprop_rt_services.recordings.recording import Recording, Selection, Series
from eprop_rt_services.recordings.spike_times import counted

if TYPE_CHECKING:
    import pynwb

__all__ = ["read_nwb", "write_nwb"]

DEFAULT_SIGNAL = "binned_spikes"
ACQUISITION, ANALYSIS = "acquisition", "analysis"
DEFAULT_CURSOR = ("position", "cursor_pos")
DEFAULT_TARGET = ("target", "target_position", "target_pos")


def read_nwb(path: Path, selection: Selection) -> Recording:
    """Read the signal and the labels of an NWB file.

    The signal defaults to `binned_spikes`, then to spike times, then to the only electrical series
    of acquisition, then to its only series. Labels default to a velocity, then a position, then
    `Labels`, then none: by the whole name, else by a word of it (`hand_vel`), of several to hand,
    cursor, finger or wrist.

    Raises RecordingError for a file that is no NWB, or lacks a series that is asked for.
    """
    with optional_extra("pynwb"):
        import pynwb  # noqa: PLC0415  (an optional extra, and half a second to import)
    with errors_of(path, "cannot be read as NWB"), warnings.catch_warnings():
        # pynwb warns where a file departs from its schema. What matters of it here (lengths,
        # rates, shapes) is checked below and is an error.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(pynwb|hdmf)\b")
        probe(path)
        with pynwb.NWBHDF5IO(path, mode="r") as source:
            file = source.read()
            there = candidates(
                {ACQUISITION: file.acquisition, ANALYSIS: file.analysis}
                | {name: part.data_interfaces for name, part in file.processing.items()}
            )
            trials = trials_of(file)
            signal = _signal(file, there, selection)
            markers = markers_of(file, selection)
            recording = Recording(path.stem, signal, None, trials, markers)
            return replace(recording, labels=_labels(there, selection, recording))


def _signal(file: "pynwb.NWBFile", there: list[Candidate], selection: Selection) -> Series:
    """The one that is named, else counts, else spike times, else the only one recorded."""
    spikes, name = has_spikes(file), selection.signal
    if name is not None:
        found = named(there, name)
        if not found and spikes and name.casefold() == UNITS:
            return _counted(file, selection)
        return load_found(found, there, f"signal {name!r}{_or_units(spikes)}")
    found = named(there, DEFAULT_SIGNAL)
    if not found and spikes:
        return _counted(file, selection)
    if not found:
        recorded = [each for each in there if each.module == ACQUISITION]
        found = [each for each in recorded if _is_electrical(each)] or recorded
    if not found:
        raise RecordingError(
            "it has no signal: expected a time series in acquisition or spike times in units; name "
            f"one of {listed(there)} by recording.signal"
        )
    return load_found(found, there, "signal by default (none was named)")


def _counted(file: "pynwb.NWBFile", selection: Selection) -> Series:
    return counted(trains_of(file, selection.spikes_by or "unit"), UNITS, selection.spike_bin_s)


def _or_units(spikes: bool) -> str:
    return f" (its spike times are {UNITS!r})" if spikes else ""


def _is_electrical(candidate: Candidate) -> bool:
    from pynwb.ecephys import ElectricalSeries  # noqa: PLC0415

    return isinstance(candidate.series, ElectricalSeries)


def _labels(
    there: Sequence[Candidate], selection: Selection, recording: Recording
) -> Series | None:
    """For a recording without; of the processing modules, by name also of what was acquired."""
    if not selection.wants_labels:
        return None
    name = selection.labels
    if name is not None and name.casefold() == INTENTION and not named(there, name):
        cursor = _pick_first(there, "cursor", selection.cursor, DEFAULT_CURSOR)
        target = _pick_first(there, "target", selection.target, DEFAULT_TARGET)
        labels = intention(load(cursor), load(target), recording.trials, selection.reaction_s)
        return in_time(labels, cursor, recording)
    processed = [each for each in there if each.module not in (ACQUISITION, ANALYSIS)]
    if name is not None:
        found = named(processed, name) or named(there, name)
        if not found and name.casefold() in KINDS:
            found = spoken_of(processed, name.casefold())
        return load_labels(found, processed or there, f"labels {name!r}", recording)
    for kind in KINDS:
        found = spoken_of(processed, kind)
        if found:
            wanted = f"labels {kind!r} (none were named)"
            return load_labels(found, processed, wanted, recording)
    return None


def _pick_first(
    there: Sequence[Candidate], what: str, name: str | None, defaults: Sequence[str]
) -> Candidate:
    """The series named, else the first of the defaults that is there."""
    for each in defaults if name is None else (name,):
        found = named(there, each)
        if found:
            return only(found, there, f"{what} {each!r}")
    raise RecordingError(
        f"it has no {what} {name or ' or '.join(defaults)!r} to tell an intention from: name one "
        f"of {listed(there)} by recording.{what}"
    )
