"""Samples in and out over Lab Streaming Layer; the one file that imports pylsl.

What shaped it: `pull_chunk` with a timeout waits for a full buffer, so one sample is waited for
and the rest is drained; a call returns at most what its buffer holds; buffers of minutes hide old
samples, so they are kept short; a stamp comes from a clock that may not be ours, so it is gated.
Clocks are compared here and not by liblsl's own `proc_clocksync`, which does the same but holds up
a pull for seconds after a sender came back. One thread at a time may touch a source.
"""

import math
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError, StreamError
from eprop_rt.series import F32, F64, Chunk, LabelChunk, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.sightings import StreamSighting, check_the_one, none_found

_UNAVAILABLE = ""
try:
    import pylsl
    import pylsl.util
except (ImportError, RuntimeError, OSError, AttributeError) as error:
    _UNAVAILABLE = str(error).partition("\n")[0] or type(error).__name__

CHUNK_SAMPLES = 1024
# A pull drains this many chunks at most, so that a backlog is worked off between bins.
CHUNKS_A_PULL = 64
# liblsl counts the buffer of an irregular stream in hundreds of samples.
IRREGULAR_HUNDREDS_A_SECOND = 10
OUTLET_BUFFER_S = 10
# Clocks count from boot, so a clock this near to ours under our host name is our own: the estimate
# of some 0.05 ms is then noise, which would move samples across the edges of bins.
SAME_CLOCK_S = 0.01


def lsl_available() -> bool:
    """Tell whether pylsl and liblsl are installed and load."""
    return not _UNAVAILABLE


def _require_lsl() -> None:
    if _UNAVAILABLE:
        raise StreamError(
            f"Lab Streaming Layer cannot be used: {_UNAVAILABLE}; install it with 'pip install "
            "pylsl' (x86-64 Linux) or 'conda install -c conda-forge liblsl', or point PYLSL_LIB "
            "to liblsl.so"
        )


def local_clock() -> float:
    """Read the clock of Lab Streaming Layer on this machine, in seconds."""
    _require_lsl()
    return pylsl.local_clock()


def list_streams(wait_s: float = 1.0) -> list[StreamSighting]:
    """Return every stream in sight within `wait_s`, by name."""
    _require_lsl()
    return _sightings(pylsl.resolve_streams(wait_s))


@dataclass(slots=True)
class LslSource:
    """The signal stream, and beside it the label stream if there is one, as chunks.

    A stamp farther than `max_clock_error_s` from the local clock drops its sample. `events`
    counts `stamp_off_clock` (samples so dropped), `silence` (once each time that no signal came
    for `silence_s`), `backlog_dropped` (samples) and `clock_unknown` (once each time that the
    sender's clock had to be compared anew: its samples wait in the buffer). A stream that comes
    back under its source_id goes on.
    """

    signal: StreamRequirement
    labels: StreamRequirement | None = None
    resolve_timeout_s: float = 10.0
    settle_s: float = 1.0
    max_buffer_s: float = 2.0
    max_clock_error_s: float = 2.0
    silence_s: float = 1.0
    events: Counter[str] = field(default_factory=Counter, init=False)
    _signal_inlet: "_Inlet | None" = field(default=None, init=False, repr=False)
    _label_inlet: "_Inlet | None" = field(default=None, init=False, repr=False)
    _last_sample_s: float = field(default=0.0, init=False, repr=False)
    _silent: bool = field(default=False, init=False, repr=False)

    def open(self) -> tuple[StreamInfo, StreamInfo | None]:
        """Find and subscribe; returns what the signal and the labels announce.

        `settle_s` is spent looking for a second stream that answers to the same description.
        Raises StreamError unless exactly one answers and is what was required.
        """
        _require_lsl()
        self.close()
        signal = self._open_inlet(self.signal)
        labels = None if self.labels is None else self._open_inlet(self.labels)
        self._signal_inlet, self._label_inlet = signal, labels
        self._last_sample_s = pylsl.local_clock()
        return signal.info, labels.info if labels else None

    def _open_inlet(self, wanted: StreamRequirement) -> "_Inlet":
        found = _find(wanted, self.resolve_timeout_s, self.settle_s)
        seconds = max(1, math.ceil(self.max_buffer_s))
        hundreds = seconds * IRREGULAR_HUNDREDS_A_SECOND
        buffer = seconds if found.nominal_srate() else hundreds
        return _Inlet(found, buffer, self.resolve_timeout_s, self.events)

    def pull(self, timeout_s: float) -> list[Chunk | LabelChunk]:
        """Return what has come, labels first, after waiting for one sample of the signal at most.

        Raises StreamError when the stream is lost for good.
        """
        if self._signal_inlet is None:
            raise StreamError("the source is not open: call open() before pull()")
        self._signal_inlet.wait(timeout_s)
        labels = self._label_inlet.drain() if self._label_inlet else []
        signal = self._signal_inlet.drain()
        self._watch_for_silence(bool(signal))
        chunks: list[Chunk | LabelChunk] = [LabelChunk(*part) for part in self._gated(labels)]
        return chunks + [Chunk(*part) for part in self._gated(signal)]

    def drop_backlog(self) -> int:
        """Forget what has come since the last pull, and return how many samples that were."""
        inlets = [inlet for inlet in (self._signal_inlet, self._label_inlet) if inlet]
        dropped = sum(inlet.flush() for inlet in inlets)
        if dropped:
            self.events["backlog_dropped"] += dropped
        return dropped

    def _gated(self, parts: list[tuple[F64, F32]]) -> Iterator[tuple[F64, F32]]:
        for stamps, values in parts:
            plausible = np.abs(stamps - pylsl.local_clock()) <= self.max_clock_error_s
            if not plausible.all():
                self.events["stamp_off_clock"] += int(np.count_nonzero(~plausible))
            if plausible.any():
                yield stamps[plausible], values[plausible]

    def _watch_for_silence(self, came: bool) -> None:
        now_s = pylsl.local_clock()
        if came:
            self._last_sample_s, self._silent = now_s, False
        elif not self._silent and now_s - self._last_sample_s > self.silence_s:
            self._silent = True
            self.events["silence"] += 1

    def close(self) -> None:
        """Unsubscribe; `open` may follow."""
        self._signal_inlet = self._label_inlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LslOutlet:
    """Announces a stream as soon as it is made, and sends float32 samples on it.

    A stable `source_id` lets readers find the stream again after a restart of the sender.
    """

    def __init__(self, info: StreamInfo, stream_type: str, source_id: str) -> None:
        _require_lsl()
        self._channels = info.channels
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            _announcement(info, stream_type, source_id), 0, OUTLET_BUFFER_S
        )

    def push(self, stamps: F64, values: F32) -> None:
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


class _Inlet:
    """One subscription, its stamps on the local clock, read through a buffer that is reused."""

    def __init__(
        self, found: "pylsl.StreamInfo", max_buflen: int, timeout_s: float, events: Counter[str]
    ) -> None:
        self.name = found.name()
        self._events = events
        self._on_this_host = found.hostname() == socket.gethostname()
        self._correction_s: float | None = None
        with self._loss_explained():
            recover = bool(found.source_id())
            self._inlet = pylsl.StreamInlet(found, max_buflen=max_buflen, recover=recover)
            try:
                self.info = _stream_info(self._inlet.info(timeout_s))
                self._inlet.open_stream(timeout_s)
                # The first estimate takes most of a second: here it does not hold up a pull.
                self._correction_s = self._corrected(self._inlet.time_correction(timeout_s))
            except pylsl.util.TimeoutError:
                raise StreamError(
                    f"stream '{self.name}' announces itself but did not answer within "
                    f"{timeout_s:g} s: check the firewall, or restart the sender"
                ) from None
        dtype = _dtypes()[found.channel_format()]
        self._buffer = np.empty((CHUNK_SAMPLES, found.channel_count()), dtype)
        self._first: list[float] = []

    def wait(self, timeout_s: float) -> None:
        """Wait for one sample, which opens what `drain` returns."""
        end_s = pylsl.local_clock() + timeout_s
        if self._compare_clocks(timeout_s) and not self._first:
            self._first = self._fill(self._buffer[:1], max(0.0, end_s - pylsl.local_clock()))

    def drain(self) -> list[tuple[F64, F32]]:
        """Return all that has come as (stamps, values), without waiting."""
        parts: list[tuple[F64, F32]] = []
        if not self._compare_clocks(0.0):
            return parts
        for _ in range(CHUNKS_A_PULL):
            stamps = self._first + self._fill(self._buffer[len(self._first) :], 0.0)
            self._first = []
            if stamps:
                values = self._buffer[: len(stamps)].astype(np.float32)
                parts.append((np.array(stamps) + self._correction_s, values))
            if len(stamps) < CHUNK_SAMPLES:
                break
        return parts

    def flush(self) -> int:
        """Drop all that has come, and return how many samples that were."""
        held, self._first = len(self._first), []
        return held + self._inlet.flush()

    def _compare_clocks(self, timeout_s: float) -> bool:
        with self._loss_explained():
            try:
                self._correction_s = self._corrected(self._inlet.time_correction(timeout_s))
            except pylsl.util.TimeoutError:
                if self._correction_s is not None:
                    self._events["clock_unknown"] += 1
                self._correction_s = None
        return self._correction_s is not None

    def _corrected(self, estimate_s: float) -> float:
        same_clock = self._on_this_host and abs(estimate_s) < SAME_CLOCK_S
        return 0.0 if same_clock else estimate_s

    def _fill(self, rows: NDArray[Any], timeout_s: float) -> list[float]:
        with self._loss_explained():
            return self._inlet.pull_chunk(timeout_s, len(rows), rows.data)[1]

    @contextmanager
    def _loss_explained(self) -> Iterator[None]:
        try:
            yield
        except pylsl.util.LostError:
            raise StreamError(
                f"stream '{self.name}' was lost and has no source_id by which to find it again: "
                "restart the sender and this program, and give the stream a source_id"
            ) from None


def _find(wanted: StreamRequirement, timeout_s: float, settle_s: float) -> "pylsl.StreamInfo":
    found = pylsl.resolve_bypred(wanted.predicate(), 1, timeout_s)
    if not found:
        raise none_found(wanted, list_streams(settle_s), timeout_s)
    # The first answer ends the search, so a second look is what shows an ambiguity.
    found += pylsl.resolve_bypred(wanted.predicate(), 2, settle_s)
    distinct = list({stream.uid(): stream for stream in found}.values())
    check_the_one(wanted, _sightings(distinct))
    return distinct[0]


def _sightings(found: "list[pylsl.StreamInfo]") -> list[StreamSighting]:
    sightings = [
        StreamSighting(
            name=stream.name(),
            type=stream.type(),
            source_id=stream.source_id(),
            host=stream.hostname(),
            channels=stream.channel_count(),
            sample_rate_hz=stream.nominal_srate(),
            is_text=stream.channel_format() == pylsl.cf_string,
        )
        for stream in found
    ]
    return sorted(sightings, key=lambda stream: (stream.name, stream.source_id))


def _stream_info(described: "pylsl.StreamInfo") -> StreamInfo:
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


def _announcement(info: StreamInfo, stream_type: str, source_id: str) -> "pylsl.StreamInfo":
    announced = pylsl.StreamInfo(
        info.name, stream_type, info.channels, info.sample_rate_hz, pylsl.cf_float32, source_id
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


def _dtypes() -> dict[int, type[np.generic]]:
    return {
        pylsl.cf_float32: np.float32,
        pylsl.cf_double64: np.float64,
        pylsl.cf_int8: np.int8,
        pylsl.cf_int16: np.int16,
        pylsl.cf_int32: np.int32,
        pylsl.cf_int64: np.int64,
    }
