"""The part of pynwb (which has no types of its own) that this project uses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pynwb import event as event
from pynwb import file as file
from pynwb import misc as misc
from pynwb.epoch import DynamicTable, TimeIntervals
from pynwb.event import EventsTable
from pynwb.file import Subject

class H5DataIO:
    def __init__(
        self, data: NDArray[np.generic], *, compression: str | None = None, shuffle: bool = False
    ) -> None: ...

class NWBContainer:
    name: str
    children: Sequence[object]

class TimeSeries(NWBContainer):
    # On reading a dataset of h5py, which numpy takes as an array.
    data: NDArray[np.number | np.bool]
    timestamps: NDArray[np.float64] | None
    rate: float | None
    starting_time: float | None
    unit: str
    conversion: float
    offset: float
    description: str
    comments: str
    def __init__(
        self,
        name: str,
        data: H5DataIO | NDArray[np.number | np.bool],
        unit: str = ...,
        *,
        description: str = ...,
        conversion: float = ...,
        offset: float = ...,
        starting_time: float | None = None,
        rate: float | None = None,
        timestamps: H5DataIO | NDArray[np.float64] | None = None,
    ) -> None: ...

class ProcessingModule:
    data_interfaces: Mapping[str, NWBContainer]
    def add(self, container: NWBContainer) -> None: ...

class NWBFile:
    acquisition: Mapping[str, NWBContainer]
    analysis: Mapping[str, NWBContainer]
    stimulus: Mapping[str, NWBContainer]
    events: Mapping[str, DynamicTable]
    units: DynamicTable | None
    processing: Mapping[str, ProcessingModule]
    trials: TimeIntervals | None
    session_id: str | None
    session_description: str
    timestamps_reference_time: datetime
    subject: Subject | None
    def __init__(
        self,
        session_description: str,
        identifier: str,
        session_start_time: datetime,
        *,
        session_id: str | None = None,
        notes: str | None = None,
        subject: Subject | None = None,
    ) -> None: ...
    def add_trial_column(self, name: str, description: str) -> None: ...
    def add_trial(self, **values: float | str) -> None: ...
    def add_events_table(self, events: EventsTable) -> None: ...
    def add_acquisition(self, nwbdata: NWBContainer) -> None: ...
    def create_processing_module(self, name: str, description: str) -> ProcessingModule: ...

class NWBHDF5IO:
    def __init__(self, path: str | Path, mode: str = "r") -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def read(self) -> NWBFile: ...
    def write(self, container: NWBFile) -> None: ...
