"""Samples in over Lab Streaming Layer.

What shaped it: `pull_chunk` with a timeout waits for a full buffer, so one sample is waited for
and the rest is drained; a call returns at most what its buffer holds; buffers of minutes hide old
samples, so they are kept short. liblsl's own recovery never takes a sender that comes back under
another source_id, and one that comes back with another rate it takes in silence, so it is off: a
lost stream is an error at once, and who holds the inlet looks for it again. Clocks are compared
here and not by liblsl's `proc_clocksync`, which does the same but holds up a pull. One thread at a
time may touch an inlet.
"""

import socket
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from eprop_rt.errors import StreamError
from eprop_rt.series import F64
from eprop_rt_services.lsl_link.announced import Found, buffer_length, info_of, number_formats
from eprop_rt_services.lsl_link.library import NOT_THERE

with suppress(*NOT_THERE):
    import pylsl
    import pylsl.util

CHUNK_SAMPLES = 1024
# A pull drains this many chunks at most, so that a backlog is worked off between bins.
CHUNKS_A_PULL = 64
# Clocks count from boot, so a clock this near to ours under our host name is our own: the estimate
# of some 0.05 ms is then noise, which would move samples across the edges of bins.
SAME_CLOCK_S = 0.01
# liblsl estimates clocks anew every few seconds; that a sender is gone is told by a pull alone.
LOOK_EVERY_S = 0.1


class StreamLost(StreamError):  # noqa: N818
    """The sender of an open stream is gone."""


class Tell(Protocol):
    """Takes the events of a subscription."""

    def __call__(self, event: str, text: str, /, **values: float) -> None:
        """Tell an event by its name, as a sentence, and with its values."""


class Inlet:
    """One subscription, its stamps on the local clock, read through a buffer that is reused.

    Raises StreamLost once the sender is gone: `wait` at once, `drain` within `LOOK_EVERY_S`.
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
        self._looked_s = pylsl.local_clock()
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
            self._available()
            self._fill(1, timeout_s)

    def drain(self) -> list[tuple[F64, Any]]:
        """Return all that has come, without waiting: stamps (n,) with samples (n, channels).

        Samples are float32 where the stream is numeric; of markers they are n texts.
        """
        parts: list[tuple[F64, Any]] = []
        available = self._available()
        try:
            if self._is_due():
                self._compare_clocks()
            elif not available:
                return [self._taken()] if self._filled else []
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

    def _available(self) -> int:
        """How many samples wait with liblsl: to ask takes far less time than to pull none."""
        available: int = self._inlet.samples_available()
        if available >= self._most:
            self._tell("buffer_full", "nobody took its samples in time: the oldest are lost")
        return available

    def _is_due(self) -> bool:
        """Whether it is time to look at the clock of the sender, and whether it is there."""
        now_s = pylsl.local_clock()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        return True

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
