"""Writing a recording as an NWB file: the signal in acquisition, labels in processing/behavior."""

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eprop_rt_services.recordings.foreign import optional_extra
from eprop_rt_services.recordings.recording import Recording, Series

if TYPE_CHECKING:
    import pynwb

INTERFACES = ("Velocity", "Position", "EMG")
OTHER_INTERFACE = "Labels"
MOST_SPATIAL_AXES = 3
STAMP_TOLERANCE_S = 1e-9


def write_nwb(
    path: Path, recording: Recording, description: str, *, started: datetime | None = None
) -> None:
    """Write a recording as a new NWB file; `started` is when its second 0 was, now by default.

    NWB allows no "/" and no ":" in a name and one unit a series: those characters become "_",
    several units become "mixed".
    """
    with optional_extra("pynwb"):
        import pynwb  # noqa: PLC0415  (an optional extra, and half a second to import)
    file = pynwb.NWBFile(
        session_description=description,
        identifier=str(uuid.uuid4()),
        session_start_time=started or datetime.now(UTC),
    )
    file.add_acquisition(_time_series(recording.signal))
    if recording.labels is not None:
        behavior = file.create_processing_module("behavior", "labels of the signal")
        behavior.add(_interface(recording.labels))
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)


def _interface(labels: Series) -> "pynwb.NWBContainer":
    """Return the labels inside the interface that their name speaks of."""
    from pynwb.behavior import BehavioralTimeSeries, Position  # noqa: PLC0415

    spoken_of = (name for name in INTERFACES if name.casefold() in labels.info.name.casefold())
    name = next(spoken_of, OTHER_INTERFACE)
    if name == "Position" and labels.info.channels <= MOST_SPATIAL_AXES:
        return Position(name=name, spatial_series=_time_series(labels, spatial=True))
    return BehavioralTimeSeries(name=name, time_series=_time_series(labels))


def _time_series(series: Series, *, spatial: bool = False) -> "pynwb.TimeSeries":
    from pynwb import H5DataIO, TimeSeries  # noqa: PLC0415
    from pynwb.behavior import SpatialSeries  # noqa: PLC0415

    info, stamps = series.info, series.stamps
    # Closed form where it holds; explicit stamps where samples were lost or the clock jitters.
    closed_form = info.sample_rate_hz > 0 and np.allclose(
        stamps[0] + np.arange(len(stamps)) / info.sample_rate_hz,
        stamps,
        rtol=0.0,
        atol=STAMP_TOLERANCE_S,
    )
    kind = SpatialSeries if spatial else TimeSeries
    return kind(
        name=re.sub(r"[/:]", "_", info.name) or "unnamed",
        data=H5DataIO(series.values, compression="gzip", shuffle=True),
        unit=_unit(info.units),
        description=_columns(info.channel_names),
        starting_time=float(stamps[0]) if closed_form else None,
        rate=info.sample_rate_hz if closed_form else None,
        timestamps=None if closed_form else H5DataIO(stamps, compression="gzip", shuffle=True),
    )


def _unit(units: tuple[str, ...]) -> str:
    distinct = set(units)
    if len(distinct) > 1:
        return "mixed"
    return (distinct.pop() if distinct else "") or "unknown"


def _columns(names: tuple[str, ...]) -> str:
    """Return the channel names as a description that the reader takes apart again."""
    return f"columns: {', '.join(names)}," if names else "no description"
