"""Streams as they announce themselves, and those in sight."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from eprop_rt.series import StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_link.library import NOT_THERE, require_lsl
from eprop_rt_services.sightings import StreamSighting

with suppress(*NOT_THERE):
    import pylsl

# liblsl counts the buffer of an irregular stream in hundreds of samples, and drops the oldest
# without a word. 384 channels have some 40 000 spike events a second; each takes about 28 bytes.
IRREGULAR_HUNDREDS_A_SECOND = 500
MOST_HUNDREDS = 10_000

SampleFormat = Literal["float32", "double64", "int8", "int16", "int32", "int64"]


def list_streams(wait_s: float = 1.0) -> list[StreamSighting]:
    """Return every stream in sight within `wait_s`, by name."""
    require_lsl()
    return sorted(map(sighting_of, pylsl.resolve_streams(wait_s)), key=_by_name)


@dataclass(frozen=True, slots=True)
class Found:
    """A stream that answers to a description, ready to be opened; `uid` is of this one sender."""

    sighting: StreamSighting
    uid: str
    handle: Any = field(repr=False)


def look(wanted: StreamRequirement, wait_s: float, settle_s: float = 0.0) -> list[Found]:
    """Return what answers to `wanted` within `wait_s`, by name; waits no longer than for the first.

    The first answer ends the search, so `settle_s` more are what shows an ambiguity.
    """
    require_lsl()
    found = pylsl.resolve_bypred(wanted.predicate(), 1, wait_s)
    if found and settle_s > 0:
        found += pylsl.resolve_bypred(wanted.predicate(), 2, settle_s)
    distinct = {stream.uid(): stream for stream in found}
    seen = [Found(sighting_of(stream), uid, stream) for uid, stream in distinct.items()]
    return sorted(seen, key=lambda one: _by_name(one.sighting))


def buffer_length(rate_hz: float, seconds: int) -> int:
    """What liblsl calls max_buflen and max_buffered, for so long at that rate, 0 if irregular."""
    if rate_hz > 0:
        return seconds
    return min(seconds * IRREGULAR_HUNDREDS_A_SECOND, MOST_HUNDREDS)


def sighting_of(stream: "pylsl.StreamInfo") -> StreamSighting:
    """What a stream announces of itself."""
    return StreamSighting(
        name=stream.name(),
        type=stream.type(),
        source_id=stream.source_id(),
        host=stream.hostname(),
        channels=stream.channel_count(),
        sample_rate_hz=stream.nominal_srate(),
        is_text=stream.channel_format() == pylsl.cf_string,
    )


def _by_name(sighting: StreamSighting) -> tuple[str, str]:
    return sighting.name, sighting.source_id


def info_of(described: "pylsl.StreamInfo") -> StreamInfo:
    """What a sender says of its channels, once it was asked."""
    labels, units = [], []
    channel = described.desc().child("channels").child("channel")
    while not channel.empty():
        labels.append(channel.child_value("label"))
        units.append(channel.child_value("unit"))
        channel = channel.next_sibling("channel")
    channels = described.channel_count()
    return StreamInfo(
        name=described.name(),
        channels=channels,
        sample_rate_hz=described.nominal_srate(),
        channel_names=tuple(labels) if len(labels) == channels and any(labels) else (),
        units=tuple(units) if len(units) == channels and any(units) else (),
    )


def announcement(
    info: StreamInfo, stream_type: str, source_id: str, channel_format: int
) -> "pylsl.StreamInfo":
    """What a sender says of itself; the other way round of `info_of`."""
    announced = pylsl.StreamInfo(
        info.name, stream_type, info.channels, info.sample_rate_hz, channel_format, source_id
    )
    labels = info.channel_names or ("",) * info.channels
    units = info.units or ("",) * info.channels
    channels = announced.desc().append_child("channels")
    for label, unit in zip(labels, units, strict=True):
        channel = channels.append_child("channel")
        for key, value in (("label", label), ("unit", unit), ("type", stream_type)):
            if value:
                channel.append_child_value(key, value)
    return announced


def number_formats() -> dict[int, tuple[type[np.generic], SampleFormat]]:
    """The numeric formats of liblsl: what NumPy calls them, and what a file's header does."""
    return {
        pylsl.cf_float32: (np.float32, "float32"),
        pylsl.cf_double64: (np.float64, "double64"),
        pylsl.cf_int8: (np.int8, "int8"),
        pylsl.cf_int16: (np.int16, "int16"),
        pylsl.cf_int32: (np.int32, "int32"),
        pylsl.cf_int64: (np.int64, "int64"),
    }
