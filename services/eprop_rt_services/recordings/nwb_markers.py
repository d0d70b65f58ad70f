"""Text in an NWB file: tables of events, and the annotations that were there before them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from eprop_rt_services.recordings.absent import marker_names
from eprop_rt_services.recordings.hdf5 import checked
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.recording import Selection

if TYPE_CHECKING:
    import pynwb

TIMESTAMP, ANNOTATION = "timestamp", "annotation"


def markers_of(file: "pynwb.NWBFile", selection: Selection) -> Markers | None:
    """The annotations or events that are named, else all there are, in order of time."""
    there = dict(_annotations(file)) | dict(_events(file))
    stamps, texts = [np.empty(0)], list[str]()
    for name in marker_names(selection, there):
        times, said = there[name]
        stamps.append(np.asarray(checked(times, name)[:], np.float64))
        texts += map(_text, checked(said, name)[:])
    return Markers.ordered(np.concatenate(stamps), texts)


def _annotations(file: "pynwb.NWBFile") -> Iterator[tuple[str, tuple[Any, Any]]]:
    from pynwb.misc import AnnotationSeries  # noqa: PLC0415

    for each in (*file.acquisition.values(), *file.stimulus.values()):
        if isinstance(each, AnnotationSeries):
            yield each.name, (each.timestamps, each.data)


def _events(file: "pynwb.NWBFile") -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, table in file.events.items():
        if ANNOTATION in table.colnames:
            yield name, (table[TIMESTAMP].data, table[ANNOTATION].data)


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
