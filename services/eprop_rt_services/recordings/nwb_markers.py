"""Text in an NWB file: annotations."""

from typing import TYPE_CHECKING

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.hdf5 import checked
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.recording import Selection

if TYPE_CHECKING:
    import pynwb


def markers_of(file: "pynwb.NWBFile", selection: Selection) -> Markers | None:
    """The annotations that are named, else all of acquisition and stimulus, in order of time."""
    from pynwb.misc import AnnotationSeries  # noqa: PLC0415

    if not selection.wants_markers:
        return None
    there = [
        each
        for each in (*file.acquisition.values(), *file.stimulus.values())
        if isinstance(each, AnnotationSeries)
    ]
    wanted = selection.markers
    chosen = [each for each in there if wanted is None or each.name.casefold() == wanted.casefold()]
    if wanted is not None and not chosen:
        known = ", ".join(each.name for each in there) or "(it has none)"
        raise RecordingError(f"it has no markers {wanted!r}: name annotations of {known}")
    stamps, texts = [np.empty(0)], list[str]()
    for each in chosen:
        said = checked(each.data, f"annotations {each.name}")[:]
        stamps.append(np.asarray(each.timestamps, np.float64))
        texts += [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
                  for one in said]  # fmt: skip
    return Markers.ordered(np.concatenate(stamps), texts)
