"""Streams in sight, and whether the one that is wanted is among them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eprop_rt.errors import StreamError
from eprop_rt_protocols.streams import StreamRequirement


@dataclass(frozen=True, slots=True)
class StreamSighting:
    """A stream as it announces itself before anybody has opened it; rate 0 means irregular."""

    name: str
    type: str
    source_id: str
    host: str
    channels: int
    sample_rate_hz: float
    is_text: bool = False

    def __str__(self) -> str:
        """Say everything by which a person tells one stream from another."""
        rate = f"{self.sample_rate_hz:g} Hz" if self.sample_rate_hz else "irregular"
        return (
            f"name='{self.name}' type='{self.type}' source_id='{self.source_id}' "
            f"({self.channels} channels, {rate}, on {self.host})"
        )


class StreamAmbiguous(StreamError):  # noqa: N818
    """Several streams answer to one description."""


def none_found(
    wanted: StreamRequirement, in_sight: Sequence[StreamSighting], waited_s: float
) -> StreamError:
    """Return the error for a stream that never came."""
    return StreamError(
        f"no stream with {wanted.predicate()} came within {waited_s:g} s; in sight: "
        f"{_listed(in_sight)}; start the sender, or require one of these"
    )


def check_the_one(
    wanted: StreamRequirement, found: Sequence[StreamSighting], markers: bool = False
) -> None:
    """Raise StreamError unless `found` is one stream and as `wanted` requires.

    StreamAmbiguous where it is several. Markers may be text, and have one channel; anything else is
    numeric.
    """
    if len(found) > 1:
        raise StreamAmbiguous(
            f"{len(found)} streams with {wanted.predicate()} are in sight, one was expected: "
            f"{_listed(found)}; require a source_id, or stop all but one"
        )
    stream = found[0]
    if markers and stream.channels != 1:
        raise StreamError(
            f"stream {stream} came, one channel of markers was expected: require another stream"
        )
    if stream.is_text and not markers:
        raise StreamError(f"stream {stream} sends text, numbers were expected: require another")
    if wanted.channels not in (None, stream.channels):
        raise StreamError(
            f"stream {stream} came, {wanted.channels} channels were expected: "
            "correct the required channels, or require another stream"
        )
    rate_hz = wanted.sample_rate_hz
    if rate_hz is not None and not math.isclose(rate_hz, stream.sample_rate_hz, rel_tol=1e-4):
        raise StreamError(
            f"stream {stream} came, {rate_hz:g} Hz were expected: "
            "correct the required sample_rate_hz, or require another stream"
        )


def _listed(sightings: Sequence[StreamSighting]) -> str:
    return ", ".join(map(str, sightings)) or "none"
