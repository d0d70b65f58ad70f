"""Tracks as live LSL streams: in step, in real time or at another speed."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.streaming.track import Texts, Track

# Who reads several streams subscribes to one after another.
SETTLE_S = 2.0
LOOK_EVERY_S = 0.1
# The last samples need time to leave, and an outlet that closes does not wait for them.
LINGER_S = 1.0
WINDOW = 1 << 14  # samples
ONE_INSTANT_S = 1.0

EMPTY = np.empty(0)

Values = NDArray[Any] | Texts


@dataclass(frozen=True, slots=True)
class Pace:
    """`speed` divides all time between stamps; samples leave together by `chunk_s`."""

    speed: float = 1.0
    chunk_s: float = 0.01
    loop: bool = False


class Voice:
    """A track and its outlet. Stamps are in seconds of play, from the first of all tracks on.

    Samples leave in the order in which they came: one whose stamp steps back is due with those
    before it. A window of them at a time is looked at, so that a track may be larger than memory.
    """

    def __init__(self, track: Track, origin_s: float, speed: float) -> None:
        """Announce the stream, with its rate at this speed."""
        info = replace(track.info, sample_rate_hz=track.info.sample_rate_hz * speed)
        self._track, self._origin_s, self._speed = track, origin_s, speed
        self._row, self._newest_s = 0, -math.inf  # of the recording, how far it was looked at
        self._at = 0  # of the window, how much was sent
        self._stamps: F64 = EMPTY
        self._due: F64 = EMPTY
        self._values: Values = EMPTY
        self._outlet = LslOutlet(info, track.type, track.source_id, track.sample_format)
        self.rewind()

    @property
    def last_s(self) -> float:
        """The last of its stamps."""
        return self._of_play(self._track.last_s)

    @property
    def ends_s(self) -> float:
        """When its last sample is over."""
        return self._of_play(self._track.last_s + self._track.lasts_s)

    @property
    def follows_s(self) -> float:
        """When a sample behind its last would come."""
        return self._of_play(self._track.last_s + self._track.interval_s)

    @property
    def next_s(self) -> float:
        """When its next sample is due; infinity where none is left."""
        return float(self._due[self._at]) if self._at < len(self._due) else math.inf

    def rewind(self) -> None:
        """Begin anew."""
        self._row, self._newest_s = 0, -math.inf
        self._load()

    def send(self, until_s: float, begun_s: float) -> int:
        """Send all that is due, stamped on the clock on which play began; returns how much."""
        sent = 0
        while self.next_s <= until_s:
            end = int(np.searchsorted(self._due, until_s, side="right"))
            now, self._at = slice(self._at, end), end
            stamps, values = begun_s + self._stamps[now], self._values[now]
            self._outlet.push(stamps, values)
            sent += now.stop - now.start
            if end == len(self._due):
                self._load()
        return sent

    def _load(self) -> None:
        """Look at the next window in which anything has a place in time, or at an empty one."""
        self._at, self._values = 0, EMPTY
        self._stamps = self._due = EMPTY
        while self._row < len(self._track.stamps) and len(self._due) == 0:
            part = slice(self._row, self._row + WINDOW)
            self._row = part.stop
            stamps, values = self._track.stamps[part], self._track.values[part]
            there = np.flatnonzero(np.isfinite(stamps))
            if len(there) == 0:
                continue
            newest = np.maximum.accumulate(np.maximum(stamps[there], self._newest_s))
            self._newest_s = float(newest[-1])
            self._stamps = (stamps[there] - self._origin_s) / self._speed
            self._due = (newest + self._track.lasts_s - self._origin_s) / self._speed
            self._values = (
                values[there]
                if isinstance(values, np.ndarray)
                else [values[at] for at in there.tolist()]
            )

    def _of_play(self, stamp_s: float) -> float:
        return (stamp_s - self._origin_s) / self._speed

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
        origin_s = min(track.first_s for track in tracks)
        with ExitStack() as undo:
            self._voices = []
            for track in tracks:
                self._voices.append(Voice(track, origin_s, pace.speed))
                undo.callback(self._voices[-1].close)
            self._closing = undo.pop_all()
        self.pass_s = _pass_s(self._voices, pace.speed)

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


def _pass_s(voices: Sequence[Voice], speed: float) -> float:
    """How long all voices take: until the last sample is over, and another one may come.

    Where that is one without an interval of its own, the next comes after what is usual between
    samples of its stream, and a recording of one instant once a second.
    """
    ends_s = max(voice.ends_s for voice in voices)
    last = [voice for voice in voices if voice.last_s >= ends_s]
    follows_s = max([ends_s, *(voice.follows_s for voice in last)])
    return follows_s if follows_s > 0 else ONE_INSTANT_S / speed
