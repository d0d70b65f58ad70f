"""Recordings in Neurodata Without Borders (NWB) files, through pynwb.

The signal is a time series of `acquisition`. Labels are time series of the processing modules,
either bare or inside an interface such as `Position`. A series is named by its own name, its
interface, or both (`Velocity/hand_velocity`), in any case. Labels of the name `intention` are
computed from a cursor's position and its target, unless a series of that name stands in the file.
"""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F32, F64, StreamInfo
from eprop_rt_services.recordings.foreign import errors_of, optional_extra
from eprop_rt_services.recordings.intention import INTENTION, intention
from eprop_rt_services.recordings.nwb_trials import trials_of
from eprop_rt_services.recordings.nwb_writer import write_nwb
from eprop_rt_services.recordings.recording import Recording, Selection, Series, channel_names
from eprop_rt_services.recordings.trials import Trials

if TYPE_CHECKING:
    import pynwb

__all__ = ["read_nwb", "write_nwb"]

DEFAULT_SIGNAL = "binned_spikes"
DEFAULT_LABELS = ("velocity", "position", "labels")
DEFAULT_CURSOR = ("position",)
DEFAULT_TARGET = ("target", "target_position")
ELECTRODE_NAME_COLUMNS = ("channel_name", "electrode_name", "label")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A time series, and where in the file it stands."""

    module: str
    interface: str
    series: "pynwb.TimeSeries"

    def answers_to(self, name: str) -> bool:
        inner = f"{self.interface}/{self.series.name}"
        names = (self.interface, self.series.name, inner, f"{self.module}/{inner}")
        return name.casefold() in {known.casefold() for known in names}

    def __str__(self) -> str:
        if self.interface == self.series.name:
            return self.series.name
        return f"{self.interface}/{self.series.name}"


def read_nwb(path: Path, selection: Selection) -> Recording:
    """Read the signal and the labels of an NWB file.

    The signal defaults to `binned_spikes`, or the only time series in acquisition; the labels to
    `Velocity`, then `Position`, then `Labels`, then none.

    Raises RecordingError for a file that is no NWB, or lacks a series that is asked for.
    """
    with optional_extra("pynwb"):
        import pynwb  # noqa: PLC0415  (an optional extra, and half a second to import)
    with errors_of(path, "cannot be read as NWB"), warnings.catch_warnings():
        # pynwb warns where a file departs from its schema. What matters of it here (lengths,
        # rates, shapes) is checked below and is an error.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(pynwb|hdmf)\b")
        with pynwb.NWBHDF5IO(path, mode="r") as source:
            file = source.read()
            signal = _pick_signal(_candidates({"acquisition": file.acquisition}), selection.signal)
            modules = {name: part.data_interfaces for name, part in file.processing.items()}
            trials = trials_of(file)
            labels = _labels(_candidates(modules), selection, trials)
            return Recording(path.stem, _load(signal), labels, trials)


def _labels(
    candidates: Sequence[_Candidate], selection: Selection, trials: Trials | None
) -> Series | None:
    if not selection.wants_labels:
        return None
    name = selection.labels
    if name is not None and name.casefold() == INTENTION and not _named(candidates, name):
        cursor = _pick_first(candidates, "cursor", selection.cursor, DEFAULT_CURSOR)
        target = _pick_first(candidates, "target", selection.target, DEFAULT_TARGET)
        return intention(_load(cursor), _load(target), trials, selection.reaction_s)
    picked = _pick_labels(candidates, name)
    return None if picked is None else _load(picked)


def _candidates(
    modules: Mapping[str, Mapping[str, "pynwb.NWBContainer"]],
) -> list[_Candidate]:
    import pynwb  # noqa: PLC0415

    found = []
    for module, interfaces in modules.items():
        for name, interface in interfaces.items():
            inside = (interface,) if isinstance(interface, pynwb.TimeSeries) else interface.children
            found += [
                _Candidate(module, name, part)
                for part in inside
                if isinstance(part, pynwb.TimeSeries)
            ]
    return found


def _pick_signal(candidates: Sequence[_Candidate], name: str | None) -> _Candidate:
    if not candidates:
        raise RecordingError(
            "it has no signal: expected a time series in acquisition (spike times in the units "
            "table are not read), bin the spikes first"
        )
    if name is not None:
        return _only(_named(candidates, name), candidates, f"signal {name!r}")
    default = _named(candidates, DEFAULT_SIGNAL) or candidates
    return _only(default, candidates, "signal by default (none was named)")


def _pick_labels(candidates: Sequence[_Candidate], name: str | None) -> _Candidate | None:
    if name is not None:
        return _only(_named(candidates, name), candidates, f"labels {name!r}")
    for default in DEFAULT_LABELS:
        found = _named(candidates, default)
        if found:
            return _only(found, candidates, f"labels {default!r} (none were named)")
    return None


def _pick_first(
    candidates: Sequence[_Candidate], what: str, name: str | None, defaults: Sequence[str]
) -> _Candidate:
    """The series named, else the first of the defaults that is there."""
    for each in defaults if name is None else (name,):
        found = _named(candidates, each)
        if found:
            return _only(found, candidates, f"{what} {each!r}")
    raise RecordingError(
        f"it has no {what} {name or ' or '.join(defaults)!r} to tell an intention from: name one "
        f"of {_listed(candidates)} by recording.{what}"
    )


def _named(candidates: Iterable[_Candidate], name: str) -> list[_Candidate]:
    return [candidate for candidate in candidates if candidate.answers_to(name)]


def _only(found: Sequence[_Candidate], candidates: Sequence[_Candidate], wanted: str) -> _Candidate:
    if len(found) == 1:
        return found[0]
    if found:
        raise RecordingError(f"{wanted} may be any of {_listed(found)}: name one")
    raise RecordingError(f"it has no {wanted}: name one of {_listed(candidates)}")


def _listed(candidates: Iterable[_Candidate]) -> str:
    return ", ".join(map(str, candidates)) or "(there are none)"


def _load(candidate: _Candidate) -> Series:
    series = candidate.series
    data = np.asarray(series.data)
    if data.dtype.kind not in "biuf" or data.ndim not in (1, 2) or data.size == 0:
        raise RecordingError(
            f"series {candidate} holds {data.dtype} values of shape {data.shape}; expected "
            "numbers, one row a sample"
        )
    if data.ndim == 1:
        data = data[:, None]
    channels = data.shape[1]
    stamps, rate_hz = _stamps(series, len(data), str(candidate))
    info = StreamInfo(
        name=series.name,
        channels=channels,
        sample_rate_hz=rate_hz,
        channel_names=channel_names(_names(series), channels),
        units=() if series.unit in ("", "unknown") else (series.unit,) * channels,
    )
    return Series(info, stamps, _scaled(series, data))


def _stamps(series: "pynwb.TimeSeries", samples: int, label: str) -> tuple[F64, float]:
    """Return the stamps and the sample rate, 0 where the stamps follow no rate."""
    if series.rate is None:
        stamps = np.ascontiguousarray(series.timestamps, dtype=np.float64)
        return stamps, _rate_of(stamps)
    if not series.rate > 0:
        raise RecordingError(f"series {label} has a rate of {series.rate} Hz; expected more than 0")
    return (series.starting_time or 0.0) + np.arange(samples) / series.rate, float(series.rate)


def _rate_of(stamps: F64) -> float:
    """Return the rate that nine of ten intervals keep to within a tenth, else 0.

    NWB cannot state a rate beside explicit stamps. Six digits: a clock's jitter leaves no more.
    """
    if len(stamps) < 2:
        return 0.0
    intervals = np.diff(stamps)
    typical = float(np.median(intervals))
    if not typical > 0 or np.mean(np.abs(intervals - typical) <= 0.1 * typical) < 0.9:
        return 0.0
    return float(f"{1.0 / typical:.6g}")


def _scaled(series: "pynwb.TimeSeries", data: NDArray[np.number | np.bool]) -> F32:
    """Return the values in the series' unit: data x conversion (x channel's own) + offset."""
    per_channel = getattr(series, "channel_conversion", None)
    gain = np.asarray(1.0 if per_channel is None else per_channel) * series.conversion
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes inf
        if np.all(gain == 1.0) and series.offset == 0.0:
            return np.ascontiguousarray(data, dtype=np.float32)
        return np.ascontiguousarray(data * gain + series.offset, dtype=np.float32)


def _names(series: "pynwb.TimeSeries") -> list[str]:
    """Return channel names from the electrodes, or from "columns: a, b" in the description."""
    electrodes = getattr(series, "electrodes", None)
    if electrodes is not None:
        for column in ELECTRODE_NAME_COLUMNS:
            if column in electrodes.table.colnames:
                names = electrodes.table[column].data[:]
                return [str(names[row]) for row in electrodes.data[:]]
    listed = re.search(r"\bcolumns:\s*([^;\n]+)", series.description or "")
    if listed is None:
        return []
    text = listed[1]
    return (
        [name.strip() for name in text.split(",") if name.strip()] if "," in text else text.split()
    )
