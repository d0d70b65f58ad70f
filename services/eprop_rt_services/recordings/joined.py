"""Parts of one session, recorded one after the other, as one recording."""

from collections.abc import Sequence

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.recording import Recording, Series

DISORDER_S = 1.0  # by so much a sender's samples may come in another order


def joined(parts: Sequence[Recording], name: str) -> Recording:
    """Signals, labels and markers of parts on one clock; between them there may be gaps.

    Raises RecordingError where a part is of other streams, or its clock has begun anew.
    """
    labels = [(part.name, part.labels) for part in parts if part.labels is not None]
    markers = [part.markers for part in parts if part.markers is not None]
    stamps = np.concatenate([np.empty(0), *(each.stamps for each in markers)])
    return Recording(
        name,
        joined_series([(part.name, part.signal) for part in parts]),
        joined_series(labels) if labels else None,
        markers=Markers.ordered(stamps, [text for each in markers for text in each.texts]),
    )


def joined_series(parts: Sequence[tuple[str, Series]]) -> Series:
    """Series of parts by their names, one after the other."""
    (first, series), rows = parts[0], sum(len(each.stamps) for _, each in parts)
    values = scratch.empty((rows, series.info.channels), np.float32, f"joining {series.info.name}")
    at, newest_s = 0, -np.inf
    for name, each in parts:
        if each.info != series.info:
            raise RecordingError(
                f"{name} has {each.info.channels} channels {each.info.name!r} at "
                f"{each.info.sample_rate_hz:g} Hz, unlike {first}, or names them otherwise: export "
                "them one by one"
            )
        known = each.stamps[np.isfinite(each.stamps)]
        if len(known) and known.min() < newest_s - DISORDER_S:
            raise RecordingError(
                f"the clock of {name} begins before what was recorded earlier ends, as after a "
                "restart of the machine: export the parts one by one"
            )
        newest_s = max(newest_s, float(known.max()) if len(known) else -np.inf)
        values[at : at + len(each.stamps)] = each.values
        at += len(each.stamps)
    return Series(series.info, np.concatenate([each.stamps for _, each in parts]), values)
