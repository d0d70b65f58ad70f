"""Streams as they were sent, for who records them; beside `lsl_link` all that imports pylsl.

Stamps stay on the sender's clock and numbers in their own type. How the clocks differ is measured
apart, so that a reader of the recording can put it right with all that was known in the end.
"""

from collections.abc import Sequence
from typing import Any, Self

import pylsl
import pylsl.util
from numpy.typing import NDArray

from eprop_rt.errors import StreamError
from eprop_rt.series import F64
from eprop_rt_services.lsl_link import (
    CHUNK_SAMPLES,
    CHUNKS_A_PULL,
    Found,
    StreamLost,
    buffer_length,
    info_of,
    number_formats,
    sighting_of,
)
from eprop_rt_services.recordings.xdf_writer import ChannelFormat

Captured = NDArray[Any] | Sequence[Sequence[str]]

# A recorder that falls behind loses nothing for so long, or for a million irregular samples.
BUFFER_S = 360


class Lookout:
    """All streams with `predicate` ("" means all), kept up to date in the background."""

    def __init__(self, predicate: str) -> None:
        self._resolver = (
            pylsl.ContinuousResolver(pred=predicate) if predicate else pylsl.ContinuousResolver()
        )

    def seen(self) -> list[Found]:
        """What is in sight now, without waiting."""
        return [Found(sighting_of(one), one.uid(), one) for one in self._resolver.results()]


class RawInlet:
    """One subscription; one thread uses it. Raises StreamLost from any call once it is gone."""

    def __init__(self, found: Found, timeout_s: float) -> None:
        """Subscribe; raises StreamError where the sender does not answer within `timeout_s`."""
        self.sighting = found.sighting
        self._inlet: pylsl.StreamInlet | None = pylsl.StreamInlet(
            found.handle,
            max_buflen=buffer_length(found.sighting.sample_rate_hz, BUFFER_S),
            recover=False,
        )
        try:
            described = self._inlet.info(timeout_s)
            self._inlet.open_stream(timeout_s)
        except pylsl.util.LostError:
            raise self._lost() from None
        except pylsl.util.TimeoutError:
            raise StreamError(
                f"stream {found.sighting} did not answer in {timeout_s:g} s"
            ) from None
        self.info = info_of(described)
        self.header = described.as_xml().encode("utf-8", "replace")
        _, named = number_formats().get(described.channel_format(), (None, None))
        self.channel_format: ChannelFormat = named or "string"

    def drain(self) -> list[tuple[F64, Captured]]:
        """What has come, without waiting: stamps (n,) of the sender, values (n, channels)."""
        parts: list[tuple[F64, Captured]] = []
        for _ in range(CHUNKS_A_PULL):
            try:
                values, stamps = self._open().pull_chunk(0.0, CHUNK_SAMPLES, as_numpy=True)
            except pylsl.util.LostError:
                if parts:
                    break
                raise self._lost() from None
            if len(stamps):
                parts.append((stamps.copy(), self._captured(values)))
            if len(stamps) < CHUNK_SAMPLES:
                break
        return parts

    def clock_offset_s(self) -> float | None:
        """What added to the sender's clock gives ours; None while nothing is known of it."""
        try:
            return self._open().time_correction(0.0)
        except pylsl.util.LostError:
            raise self._lost() from None
        except pylsl.util.TimeoutError:
            return None

    def close(self) -> None:
        """Unsubscribe."""
        self._inlet = None

    def _captured(self, values: NDArray[Any]) -> Captured:
        if self.channel_format != "string":
            return values.copy()
        return [tuple(text.decode("utf-8", "replace") for text in row) for row in values]

    def _open(self) -> pylsl.StreamInlet:
        if self._inlet is None:
            raise self._lost()
        return self._inlet

    def _lost(self) -> StreamLost:
        return StreamLost(f"stream '{self.sighting.name}' was lost: its sender is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
