"""Series of an NWB file that go together: channels that were stored apart, labels and a signal."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings import scratch
from eprop_rt_services.recordings.nwb_candidates import Candidate, are_channels, only
from eprop_rt_services.recordings.nwb_series import load
from eprop_rt_services.recordings.recording import Recording, Series

SLOW_HZ = 1.0
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


def with_labels_in_time(recording: Recording) -> Recording:
    """The recording, where the rate of its labels is one; else with their interval as that.

    Files of FALCON H1 (DANDI 000954) give an interval of .02 s as a rate of .02 Hz. It is taken for
    one where labels would last many times as long as the signal, and so last as long as it.
    """
    labels = recording.labels
    if labels is None or not 0 < labels.info.sample_rate_hz < SLOW_HZ:
        return recording
    said, long_s = labels.info.sample_rate_hz, recording.duration_s
    count = len(labels.stamps)
    if count / said < FAR * long_s or not long_s / NEAR < count * said < long_s * NEAR:
        return recording
    _LOG.warning(
        "%s: labels %s say a rate of %g Hz and would last %g s beside a signal of %g s: taken for "
        "their interval",
        recording.name, labels.info.name, said, count / said, long_s,
    )  # fmt: skip
    stamps = labels.stamps[0] + np.arange(count) * said
    info = replace(labels.info, sample_rate_hz=float(f"{1 / said:.9g}"))
    return replace(recording, labels=Series(info, stamps, labels.values))
