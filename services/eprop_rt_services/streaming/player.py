"""Tracks as live LSL streams: in step, in real time or at another speed."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64
from eprop_rt_services.lsl_link import LslMarkerOutlet, LslOutlet, local_clock
from eprop_rt_services.streaming.track import Track

# Who reads several streams subscribes to one after another.
SETTLE_S = 2.0
LOOK_EVERY_S = 0.1
# The last samples need time to leave, and an outlet that closes does not wait for them.
LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`speed` divides all time between stamps; samples leave together by `chunk_s`."""

    speed: float = 1.0
    chunk_s: float = 0.01
    loop: bool = False


class Voice:
    """A track and its outlet. Stamps are in seconds of play, from the first of all tracks on."""

    def __init__(self, track: Track, origin_s: float, speed: float) -> None:
        """Announce the stream, with its rate at this speed."""
        info = replace(track.info, sample_rate_hz=track.info.sample_rate_hz * speed)
        self._track = track
        self._outlet: LslOutlet | LslMarkerOutlet = (
            LslMarkerOutlet(info.name, track.source_id, track.type)
            if track.sample_format is None
            else LslOutlet(info, track.type, track.source_id, track.sample_format)
        )
        self._stamps: F64 = (track.stamps - origin_s) / speed
        self._due: F64 = self._stamps + track.lasts_s / speed
        self._at = 0

    @property
    def ends_s(self) -> float:
        """When its last sample is over."""
        return float(self._due[-1])

    @property
    def next_s(self) -> float:
        """When its next sample is due; infinity where none is left."""
        return float(self._due[self._at]) if self._at < len(self._due) else math.inf

    def rewind(self) -> None:
        """Begin anew."""
        self._at = 0

    def send(self, until_s: float, begun_s: float) -> int:
        """Send all that is due, stamped on the clock on which play began; returns how much."""
        end = int(np.searchsorted(self._due, until_s, side="right"))
        now, self._at = slice(self._at, end), max(end, self._at)
        stamps, values = begun_s + self._stamps[now], self._track.values[now]
        if isinstance(self._outlet, LslMarkerOutlet):
            for stamp, text in zip(stamps.tolist(), values, strict=True):
                self._outlet.push(stamp, str(text))
        elif len(stamps):
            self._outlet.push(stamps, _array(values))
        return len(stamps)

    def has_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._outlet.wait_for_reader(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet.close()


class Player:
    """Sends tracks; use it as a context manager. `sent` counts samples, `late_s` is the worst."""

    def __init__(self, tracks: Sequence[Track], pace: Pace) -> None:
        """Announce all streams; nothing is sent before `play`."""
        self._pace = pace
        self.sent, self.late_s = 0, 0.0
        origin_s = min(float(track.stamps[0]) for track in tracks)
        with ExitStack() as undo:
            self._voices = []
            for track in tracks:
                self._voices.append(Voice(track, origin_s, pace.speed))
                undo.callback(self._voices[-1].close)
            self._closing = undo.pop_all()
        self.pass_s = max(voice.ends_s for voice in self._voices)

    def wait_for_reader(self, ended: Callable[[], bool]) -> None:
        """Wait until somebody reads one of the streams, and has had time to find the others."""
        while not ended():
            if any(voice.has_reader(LOOK_EVERY_S / len(self._voices)) for voice in self._voices):
                break
        end_s = local_clock() + SETTLE_S
        while not ended() and (left_s := end_s - local_clock()) > 0:
            if all(voice.has_reader(0.0) for voice in self._voices):
                break
            time.sleep(min(left_s, LOOK_EVERY_S))

    def play(self, ended: Callable[[], bool]) -> None:
        """Send everything, from now on, until all is sent or `ended` says so."""
        begun_s = local_clock()
        while not ended():
            if not self._play_once(begun_s, ended) or not self._pace.loop:
                break
            begun_s += self.pass_s
            for voice in self._voices:
                voice.rewind()
        self._sleep_until(local_clock() + LINGER_S, ended)

    def _play_once(self, begun_s: float, ended: Callable[[], bool]) -> bool:
        """Send all tracks; False where it was ended before."""
        chunk_s = self._pace.chunk_s
        while (next_s := min(voice.next_s for voice in self._voices)) < math.inf:
            until_s = max(next_s, math.ceil(next_s / chunk_s) * chunk_s)  # it may round down
            if not self._sleep_until(begun_s + until_s, ended):
                return False
            self.late_s = max(self.late_s, local_clock() - begun_s - until_s)
            self.sent += sum(voice.send(until_s, begun_s) for voice in self._voices)
        return True

    def _sleep_until(self, end_s: float, ended: Callable[[], bool]) -> bool:
        while (left_s := end_s - local_clock()) > 0:
            if ended():
                return False
            time.sleep(min(left_s, LOOK_EVERY_S))
        return not ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


def _array(values: object) -> NDArray[np.generic]:
    return np.ascontiguousarray(values)
