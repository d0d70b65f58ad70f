"""Series of an NWB file that go together: channels that were stored apart, labels and a signal."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.nwb_candidates import Candidate, are_channels, only
from eprop_rt_services.recordings.nwb_series import load
from eprop_rt_services.recordings.rates import SLOW_HZ
from eprop_rt_services.recordings.recording import Recording, Series

FAR, NEAR = 10.0, 2.0  # times as long as the signal

_LOG = logging.getLogger(__name__)


def load_found(found: Sequence[Candidate], there: Sequence[Candidate], wanted: str) -> Series:
    """The one that was found, or the channels of one interface side by side.

    Raises RecordingError where there is none, or where several are no channels of each other.
    """
    return _side_by_side(found) if are_channels(found) else load(only(found, there, wanted))


def _side_by_side(found: Sequence[Candidate]) -> Series:
    """They are named by their series, and have one row of stamps."""
    interface, parts = found[0].interface, [load(each) for each in found]
    first = parts[0]
    if any(not np.array_equal(part.stamps, first.stamps, equal_nan=True) for part in parts):
        raise RecordingError(
            f"the channels of {interface} have stamps of their own: name one of "
            f"{', '.join(map(str, found))}"
        )
    values = scratch.empty((len(first.stamps), len(parts)), np.float32, f"joining {interface}")
    for channel, part in enumerate(parts):
        values[:, channel] = part.values[:, 0]
    units = [part.info.units[0] for part in parts if part.info.units]
    info = replace(
        first.info,
        name=interface,
        channels=len(parts),
        channel_names=tuple(part.info.name for part in parts),
        units=tuple(units) if len(units) == len(parts) else (),
    )
    return Series(info, first.stamps, values)


def load_labels(
    found: Sequence[Candidate], there: Sequence[Candidate], wanted: str, recording: Recording
) -> Series:
    """Likewise, of a recording that has none yet, and in time beside its signal."""
    return in_time(load_found(found, there, wanted), found[0], recording)


def in_time(labels: Series, candidate: Candidate, recording: Recording) -> Series:
    """The labels, told from a candidate; a rate that is an interval is taken for that.

    Files of FALCON H1 (DANDI 000954) give an interval of .02 s as a rate of .02 Hz. It is taken for
    one where labels would last many times as long as the signal, and so last as long as it. Stamps
    that stand in the file are what they are.
    """
    said, long_s, count = labels.info.sample_rate_hz, recording.duration_s, len(labels.stamps)
    if candidate.series.rate is None or not 0 < said < SLOW_HZ or count / said < FAR * long_s:
        return labels
    if not long_s / NEAR < count * said < long_s * NEAR:
        return labels
    _LOG.warning(
        "%s: labels %s say a rate of %g Hz and would last %g s beside a signal of %g s: taken for "
        "their interval",
        recording.name, labels.info.name, said, count / said, long_s,
    )  # fmt: skip
    stamps = labels.stamps[0] + np.arange(count) * said
    info = replace(labels.info, sample_rate_hz=float(f"{1 / said:.9g}"))
    return Series(info, stamps, labels.values)
