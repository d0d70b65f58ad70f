"""One time series of an NWB file: its stamps, its values in its unit, the names of its channels."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F32, F64, StreamInfo
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.hdf5 import checked
from eprop_rt_services.recordings.nwb_candidates import Candidate
from eprop_rt_services.recordings.rates import rate_of
from eprop_rt_services.recordings.recording import Series, channel_names

if TYPE_CHECKING:
    import pynwb

ELECTRODE_NAME_COLUMNS = ("channel_name", "electrode_name", "label")
PART_BYTES = 64 << 20


def load(candidate: Candidate) -> Series:
    """Read it; raises RecordingError where it holds no samples, or something else than numbers."""
    series = candidate.series
    data = checked(series.data, f"series {candidate}")
    if not hasattr(data, "dtype"):
        data = np.asarray(data)
    if data.ndim > 0 and len(data) == 0:
        raise RecordingError(f"series {candidate} holds no samples: record some, or name another")
    if data.dtype.kind not in "biuf" or data.ndim not in (1, 2) or data.size == 0:
        raise RecordingError(
            f"series {candidate} holds {data.dtype} values of shape {data.shape}; expected "
            "numbers, one row a sample"
        )
    channels = 1 if data.ndim == 1 else data.shape[1]
    stamps, rate_hz = _stamps(series, len(data), str(candidate))
    info = StreamInfo(
        name=series.name,
        channels=channels,
        sample_rate_hz=rate_hz,
        channel_names=channel_names(_names(series), channels),
        units=() if series.unit in ("", "unknown") else (series.unit,) * channels,
    )
    return Series(info, stamps, _values(series, data, channels))


def _stamps(series: "pynwb.TimeSeries", samples: int, label: str) -> tuple[F64, float]:
    """Return the stamps and the sample rate, 0 where the stamps follow no rate."""
    if series.rate is None:
        stamps = np.ascontiguousarray(
            checked(series.timestamps, f"the dataset of stamps of series {label}"), dtype=np.float64
        )
        return stamps, rate_of(stamps)
    if not series.rate > 0:
        raise RecordingError(f"series {label} has a rate of {series.rate} Hz; expected more than 0")
    return (series.starting_time or 0.0) + np.arange(samples) / series.rate, float(series.rate)


def _values(series: "pynwb.TimeSeries", data: NDArray[np.number | np.bool], channels: int) -> F32:
    """The values in the series' unit, a part at a time."""
    values: F32 = scratch.empty((len(data), channels), np.float32, f"series {series.name!r}")
    rows = max(1, PART_BYTES // (8 * channels))
    for begin in range(0, len(data), rows):
        part = np.asarray(data[begin : begin + rows]).reshape(-1, channels)
        values[begin : begin + rows] = _scaled(series, part)
    return values


def _scaled(series: "pynwb.TimeSeries", data: NDArray[np.number | np.bool]) -> F32:
    """Return the values in the series' unit: data x conversion (x channel's own) + offset."""
    per_channel = getattr(series, "channel_conversion", None)
    gain = np.asarray(1.0 if per_channel is None else per_channel) * series.conversion
    if np.all(gain == 1.0) and series.offset == 0.0:
        return np.ascontiguousarray(data, dtype=np.float32)
    return np.ascontiguousarray(data * gain + series.offset, dtype=np.float32)


def _names(series: "pynwb.TimeSeries") -> list[str]:
    """Return channel names from the electrodes, the comments or the description.

    "columns: a, b" in the description, or "columns=[a,b]" in the comments, as archives have it.
    """
    electrodes = getattr(series, "electrodes", None)
    if electrodes is not None:
        for column in ELECTRODE_NAME_COLUMNS:
            if column in electrodes.table.colnames:
                names = electrodes.table[column].data[:]
                return [str(names[row]) for row in electrodes.data[:]]
    listed = re.search(r"\bcolumns=\[([^\]\n]+)\]", series.comments or "") or re.search(
        r"\bcolumns:\s*([^;\n]+)", series.description or ""
    )
    if listed is None:
        return []
    text = listed[1]
    return (
        [name.strip() for name in text.split(",") if name.strip()] if "," in text else text.split()
    )
