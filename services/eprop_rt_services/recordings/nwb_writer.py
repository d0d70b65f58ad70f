"""Writing a recording as an NWB file: what was recorded, and what a session says beside it.

The signal stands in acquisition, labels in processing/behavior, decoded commands in
processing/decoding, markers in a table of events, trials in that of trials.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eprop_rt_services.recordings.foreign import optional_extra
from eprop_rt_services.recordings.origin import Subject
from eprop_rt_services.recordings.rates import SLOW_HZ
from eprop_rt_services.recordings.recording import Recording, Series
from eprop_rt_services.recordings.trials import Trials

if TYPE_CHECKING:
    import pynwb

INTERFACES = ("Velocity", "Position", "EMG")
OTHER_INTERFACE = "Labels"
MOST_SPATIAL_AXES = 3
STAMP_TOLERANCE_S = 1e-9


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of a session beside what was recorded.

    `started` is when its second 0 was, `commands` what a decoder put out.
    """

    description: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    session_id: str = ""
    notes: str = ""
    subject: Subject | None = None
    commands: Series | None = None


def write_nwb(path: Path, recording: Recording, description: str) -> None:
    """Write a recording as a new NWB file; its second 0 is now."""
    write_session(path, recording, About(description))


def write_session(path: Path, recording: Recording, about: About) -> None:
    """Write a recording as a new NWB file, with what is known about it.

    NWB allows no "/" and no ":" in a name and one unit a series: those characters become "_",
    several units become "mixed".
    """
    with optional_extra("pynwb"):
        import pynwb  # noqa: PLC0415  (an optional extra, and half a second to import)
    who = about.subject
    file = pynwb.NWBFile(
        session_description=about.description,
        identifier=str(uuid.uuid4()),
        session_start_time=about.started,
        session_id=about.session_id or None,
        notes=about.notes or None,
        subject=None
        if who is None
        else pynwb.file.Subject(
            subject_id=who.subject_id,
            species=who.species,
            sex=who.sex,
            age=who.age,
            date_of_birth=who.date_of_birth,
        ),
    )
    file.add_acquisition(_time_series(recording.signal, "what was decoded from"))
    if recording.labels is not None:
        behavior = file.create_processing_module("behavior", "labels of the signal")
        behavior.add(_interface(recording.labels))
    if about.commands is not None:
        decoding = file.create_processing_module("decoding", "what a decoder put out")
        decoding.add(_time_series(about.commands, "commands as they were published"))
    if recording.trials is not None:
        _add_trials(file, recording.trials)
    if recording.markers is not None:
        table = pynwb.event.EventsTable(name="markers", description="text that was recorded")
        for stamp, text in zip(
            recording.markers.stamps.tolist(), recording.markers.texts, strict=True
        ):
            table.add_event(timestamp=stamp, annotation=text)
        file.add_events_table(table)
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)


def _add_trials(file: "pynwb.NWBFile", trials: Trials) -> None:
    """The table, with the columns that the reader knows."""
    file.add_trial_column("move_time", "from when on the cursor could be moved")
    file.add_trial_column("block", "the part of the session")
    for trial, block in enumerate(trials.block):
        file.add_trial(
            start_time=float(trials.start_s[trial]),
            stop_time=float(trials.stop_s[trial]),
            move_time=float(trials.moves_s[trial]),
            block=block,
        )


def _interface(labels: Series) -> "pynwb.NWBContainer":
    """Return the labels inside the interface that their name speaks of."""
    from pynwb.behavior import BehavioralTimeSeries, Position  # noqa: PLC0415

    spoken_of = (name for name in INTERFACES if name.casefold() in labels.info.name.casefold())
    name = next(spoken_of, OTHER_INTERFACE)
    if name == "Position" and labels.info.channels <= MOST_SPATIAL_AXES:
        return Position(name=name, spatial_series=_time_series(labels, "labels", spatial=True))
    return BehavioralTimeSeries(name=name, time_series=_time_series(labels, "labels"))


def _time_series(series: Series, what: str, *, spatial: bool = False) -> "pynwb.TimeSeries":
    from pynwb import H5DataIO, TimeSeries  # noqa: PLC0415
    from pynwb.behavior import SpatialSeries  # noqa: PLC0415

    info, stamps = series.info, series.stamps
    rate_hz = _rate(series)
    kind = SpatialSeries if spatial else TimeSeries
    return kind(
        name=re.sub(r"[/:]", "_", info.name) or "unnamed",
        data=H5DataIO(series.values, compression="gzip", shuffle=True),
        unit=_unit(info.units),
        description=_columns(info.channel_names, what),
        starting_time=None if rate_hz is None else float(stamps[0]),
        rate=rate_hz,
        timestamps=None
        if rate_hz is not None
        else H5DataIO(stamps, compression="gzip", shuffle=True),
    )


def _rate(series: Series) -> float | None:
    """The rate that says all stamps in closed form, announced or not; None where none does.

    Stamps stand in the file where samples were lost, the clock jitters, or samples come so slowly
    that their rate could be read as an interval.
    """
    stamps, announced_hz = series.stamps, series.info.sample_rate_hz
    span_s = float(stamps[-1] - stamps[0])
    mean_hz = (len(stamps) - 1) / span_s if span_s > 0 and len(stamps) > 2 else 0.0
    for rate_hz in (announced_hz, mean_hz):
        if rate_hz >= SLOW_HZ and np.allclose(
            stamps[0] + np.arange(len(stamps)) / rate_hz, stamps, rtol=0.0, atol=STAMP_TOLERANCE_S
        ):
            return rate_hz
    return None


def _unit(units: tuple[str, ...]) -> str:
    distinct = set(units)
    if len(distinct) > 1:
        return "mixed"
    return (distinct.pop() if distinct else "") or "unknown"


def _columns(names: tuple[str, ...], what: str) -> str:
    """Return the channel names as a description that the reader takes apart again."""
    return f"{what}; columns: {', '.join(names)}," if names else what
