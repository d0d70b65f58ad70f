"""Samples in and out over Lab Streaming Layer; with lsl_capture the only file that imports pylsl.

What shaped it: `pull_chunk` with a timeout waits for a full buffer, so one sample is waited for
and the rest is drained; a call returns at most what its buffer holds; buffers of minutes hide old
samples, so they are kept short. liblsl's own recovery never takes a sender that comes back under
another source_id, and one that comes back with another rate it takes in silence, so it is off: a
lost stream is an error at once, and who holds the inlet looks for it again. Clocks are compared
here and not by liblsl's `proc_clocksync`, which does the same but holds up a pull. One thread at a
time may touch an inlet.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError, StreamError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.sightings import StreamSighting

_UNAVAILABLE = ""
try:
    import pylsl
    import pylsl.util
except (ImportError, RuntimeError, OSError, AttributeError) as error:
    _UNAVAILABLE = str(error).partition("\n")[0] or type(error).__name__

CHUNK_SAMPLES = 1024
# A pull drains this many chunks at most, so that a backlog is worked off between bins.
CHUNKS_A_PULL = 64
OUTLET_BUFFER_S = 10
# liblsl counts the buffer of an irregular stream in hundreds of samples, and drops the oldest
# without a word. 384 channels have some 40 000 spike events a second; each takes about 28 bytes.
IRREGULAR_HUNDREDS_A_SECOND = 500
MOST_HUNDREDS = 10_000
# Clocks count from boot, so a clock this near to ours under our host name is our own: the estimate
# of some 0.05 ms is then noise, which would move samples across the edges of bins.
SAME_CLOCK_S = 0.01
# liblsl estimates anew every few seconds.
COMPARE_EVERY_S = 0.1

SampleFormat = Literal["float32", "double64", "int8", "int16", "int32", "int64"]


class StreamLost(StreamError):  # noqa: N818
    """The sender of an open stream is gone."""


def lsl_available() -> bool:
    """Tell whether pylsl and liblsl are installed and load."""
    return not _UNAVAILABLE


def require_lsl() -> None:
    """Raise StreamError where pylsl or liblsl is missing."""
    if _UNAVAILABLE:
        raise StreamError(
            f"Lab Streaming Layer cannot be used: {_UNAVAILABLE}; install it with 'pip install "
            "pylsl' (x86-64 Linux) or 'conda install -c conda-forge liblsl', or point PYLSL_LIB "
            "to liblsl.so"
        )


def local_clock() -> float:
    """Read the clock of Lab Streaming Layer on this machine, in seconds."""
    require_lsl()
    return pylsl.local_clock()


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


class Tell(Protocol):
    """Takes the events of a subscription."""

    def __call__(self, event: str, text: str, /, **values: float) -> None:
        """Tell an event by its name, as a sentence, and with its values."""


class Inlet:
    """One subscription, its stamps on the local clock, read through a buffer that is reused.

    Raises StreamLost from any call once the sender is gone.
    """

    def __init__(self, found: Found, max_buffer_s: int, timeout_s: float, tell: Tell) -> None:
        """Subscribe; raises StreamError where the sender does not answer within `timeout_s`.

        `tell` takes the events `clock_jump` (the sender's clock was estimated anew, and is another,
        `by_s`) and `buffer_full` (what came was not taken for `max_buffer_s`: liblsl drops).
        """
        described = found.handle
        self.found, self.name = found, found.sighting.name
        self._tell = tell
        self._on_this_host = found.sighting.host == socket.gethostname()
        rate_hz = described.nominal_srate()
        buffer = buffer_length(rate_hz, max_buffer_s)
        self._most = int(buffer * (rate_hz or 100))  # samples
        try:
            self._inlet = pylsl.StreamInlet(described, max_buflen=buffer, recover=False)
            self.info = info_of(self._inlet.info(timeout_s))
            self._inlet.open_stream(timeout_s)
            self._correction_s = self._first_correction_s(timeout_s)
        except pylsl.util.LostError as error:
            raise self._lost(error) from None
        except pylsl.util.TimeoutError:
            raise StreamError(
                f"stream '{self.name}' announces itself but did not answer within "
                f"{timeout_s:g} s: check the firewall, or restart the sender"
            ) from None
        except RuntimeError as error:  # liblsl knows some more, and what is unknown to it
            raise StreamError(f"stream '{self.name}' cannot be subscribed to: {error}") from None
        self._compared_s = pylsl.local_clock()
        self._is_text = found.sighting.is_text
        dtype, _ = number_formats().get(described.channel_format(), (np.float32, "float32"))
        self._buffer = np.empty((CHUNK_SAMPLES, described.channel_count()), dtype)
        self._stamps = np.empty(CHUNK_SAMPLES)
        self._texts: tuple[str, ...] = ()
        self._filled = 0

    def _first_correction_s(self, timeout_s: float) -> float:
        # It takes most of a second; on this machine there is nothing to wait for.
        if self._on_this_host:
            return 0.0
        return self._inlet.time_correction(timeout_s)

    def wait(self, timeout_s: float) -> None:
        """Wait for one sample, which opens what `drain` returns."""
        if not self._filled:
            self._look_at_buffer()
            self._fill(1, timeout_s)

    def drain(self) -> list[tuple[F64, Any]]:
        """Return all that has come, without waiting: stamps (n,) with samples (n, channels).

        Samples are float32 where the stream is numeric; of markers they are n texts.
        """
        parts: list[tuple[F64, Any]] = []
        self._look_at_buffer()
        try:
            self._compare_clocks()
            for _ in range(CHUNKS_A_PULL):
                asked = CHUNK_SAMPLES - self._filled
                came = self._fill(asked, 0.0)
                if self._filled:
                    parts.append(self._taken())
                if came < asked:
                    break
        except StreamLost:
            if not parts:
                raise
        return parts

    def flush(self) -> int:
        """Drop all that has come, and return how many samples that were."""
        held, self._filled, self._texts = self._filled, 0, ()
        return held + self._inlet.flush()

    def _look_at_buffer(self) -> None:
        if self._inlet.samples_available() >= self._most:
            self._tell("buffer_full", "nobody took its samples in time: the oldest are lost")

    def _fill(self, samples: int, timeout_s: float) -> int:
        """Put up to so many samples behind those in the buffer; return how many have come."""
        rows = self._buffer[self._filled : self._filled + samples]
        into = None if self._is_text else rows.data
        try:
            values, stamps = self._inlet.pull_chunk(timeout_s, samples, into, as_numpy=True)
        except RuntimeError as error:
            raise self._lost(error) from None
        came = len(stamps)
        if self._is_text:
            self._texts += tuple(text.decode("utf-8", "replace") for text in values[:, 0])
        self._stamps[self._filled : self._filled + came] = stamps
        self._filled += came
        return came

    def _taken(self) -> tuple[F64, Any]:
        filled, self._filled = self._filled, 0
        texts, self._texts = self._texts, ()
        values = texts if self._is_text else self._buffer[:filled].astype(np.float32)
        return self._stamps[:filled] + self._correction_s, values

    def _compare_clocks(self) -> None:
        now_s = pylsl.local_clock()
        if now_s - self._compared_s < COMPARE_EVERY_S:
            return
        self._compared_s = now_s
        try:
            estimate_s = self._inlet.time_correction(0.0)
        except pylsl.util.TimeoutError:
            return
        except RuntimeError as error:
            raise self._lost(error) from None
        same_clock = self._on_this_host and abs(estimate_s) < SAME_CLOCK_S
        correction_s = 0.0 if same_clock else estimate_s
        by_s, self._correction_s = correction_s - self._correction_s, correction_s
        if abs(by_s) > SAME_CLOCK_S:
            text = f"its clock is {by_s:+.3f} s from where it was taken to be"
            self._tell("clock_jump", text, by_s=by_s)

    def _lost(self, error: RuntimeError) -> StreamLost:
        why = "its sender is gone" if isinstance(error, pylsl.util.LostError) else str(error)
        return StreamLost(f"stream '{self.name}' was lost: {why}")


class LslOutlet:
    """Announces a stream as soon as it is made, and sends samples on it.

    A stable `source_id` lets readers find the stream again after a restart of the sender.
    """

    def __init__(
        self,
        info: StreamInfo,
        stream_type: str,
        source_id: str,
        sample_format: SampleFormat = "float32",
    ) -> None:
        require_lsl()
        self._channels = info.channels
        channel_format = next(
            n for n, (_, name) in number_formats().items() if name == sample_format
        )
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            _announcement(info, stream_type, source_id, channel_format),
            0,
            buffer_length(info.sample_rate_hz, OUTLET_BUFFER_S),
        )

    def push(self, stamps: F64, values: NDArray[Any]) -> None:
        """Send samples: stamps (n,) on the clock of `local_clock`, values (n, channels)."""
        if values.shape != (len(stamps), self._channels):
            raise DataError(
                f"values of shape {values.shape} came with {len(stamps)} stamps, "
                f"({len(stamps)}, {self._channels}) was expected"
            )
        if self._outlet is None:
            raise StreamError("the outlet is closed: make a new one to send")
        self._outlet.push_chunk(values, stamps.tolist())

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._outlet is not None and self._outlet.wait_for_consumers(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LslTextOutlet:
    """Announces a stream of rows of texts as soon as it is made."""

    def __init__(self, info: StreamInfo, stream_type: str, source_id: str) -> None:
        require_lsl()
        announced = _announcement(info, stream_type, source_id, pylsl.cf_string)
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            announced, 0, buffer_length(info.sample_rate_hz, OUTLET_BUFFER_S)
        )

    def push(self, stamps: F64, rows: Sequence[Sequence[str]]) -> None:
        """Send rows of as many texts as there are channels, stamped as by `LslOutlet`."""
        if self._outlet is None:
            raise StreamError("the outlet is closed: make a new one to send")
        for stamp_s, row in zip(stamps.tolist(), rows, strict=True):
            self._outlet.push_sample(list(row), stamp_s)

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._outlet is not None and self._outlet.wait_for_consumers(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LslMarkerOutlet:
    """Announces a stream of texts as soon as it is made: one channel, irregular."""

    def __init__(self, name: str, source_id: str, stream_type: str = "Markers") -> None:
        self._texts = LslTextOutlet(StreamInfo(name, 1, 0.0, (name,)), stream_type, source_id)

    def push(self, stamp_s: float, text: str) -> None:
        """Send one marker, stamped on the clock of `local_clock`."""
        self._texts.push(np.array([stamp_s]), [(text,)])

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._texts.wait_for_reader(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._texts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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


def _announcement(
    info: StreamInfo, stream_type: str, source_id: str, channel_format: int
) -> "pylsl.StreamInfo":
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
