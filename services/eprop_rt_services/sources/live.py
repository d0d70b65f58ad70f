"""The live source: signals, labels and markers over Lab Streaming Layer, as items of the loop."""

import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np

from eprop_rt.bins.joined import joined_info
from eprop_rt.errors import StreamError
from eprop_rt.series import F64, Chunk, Item, LabelChunk, MarkerChunk, StreamInfo
from eprop_rt_services.lsl_link import Inlet, list_streams, local_clock
from eprop_rt_services.recordings.markers import texts_of_numbers
from eprop_rt_services.sightings import none_found
from eprop_rt_services.sources.backlog import Backlog
from eprop_rt_services.sources.happenings import Happenings, Notice
from eprop_rt_services.sources.interleave import interleaved
from eprop_rt_services.sources.kind import Role, Standing
from eprop_rt_services.sources.pace import EARLY_S, Pace
from eprop_rt_services.sources.refusals import Refusals
from eprop_rt_services.sources.search import Wanted, open_the_one
from eprop_rt_services.sources.seeker import LEAVE_S, Seeker, end_all
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.sources.stamps import bounds_s, newest_s
from eprop_rt_services.sources.stream import LiveStream

# How often it is looked whether to go on searching.
POLL_S = 0.02
# A stream so far behind another is not the one to wait for.
STALLED_S = 0.1


class SearchEnded(StreamError):  # noqa: N818
    """The search for the streams was called off."""


class TooOldError(StreamError):
    """The signal is older than it may be, and `when_old` says that this is the end."""


def _never() -> bool:
    return False


def _nothing() -> None:
    return None


class LslSource:
    """Signals and, beside them, labels and markers if required; stamps on the local clock.

    A sender that goes is looked for until it is back, and `pull` returns meanwhile. Events, of
    labels and markers with their role before the name (`labels_clock_step`): `stamp_off_clock`
    (samples dropped), `clock_step`, `rate_implausible`, `clock_jump` (liblsl's estimate),
    `buffer_full` (nobody pulled for `max_buffer_s`: samples are lost), `stream_lost`,
    `stream_back`, `stream_changed` (another one answers and is not taken), `stream_ambiguous`
    (several do; of labels `labels_lost` and so on), `stream_refused` (at the start: it is not as
    required, or does not answer), `stream_search_failed` (liblsl failed; it is looked for again),
    `silence` (once each time that no signal came for `silence_s`), `backlog_dropped` (samples),
    `marker_stamp_not_finite`.
    """

    def __init__(self, settings: LslSettings) -> None:
        self._settings = settings
        self._happened = Happenings()
        self._signals: list[LiveStream] = []
        self._labels: LiveStream | None = None
        self._markers: LiveStream | None = None
        self._seekers: list[Seeker[Inlet]] = []
        self._backlog = Backlog()
        self._pace = Pace()

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        return self._happened.events

    @property
    def notices(self) -> deque[Notice]:
        """Lines about what happened, for who keeps a journal: take them from the left."""
        return self._happened.notices

    @property
    def signal_infos(self) -> tuple[StreamInfo, ...]:
        """What each signal announces, in the order of `Chunk.stream`."""
        return tuple(stream.info for stream in self._signals)

    @property
    def age_s(self) -> float:
        """How old what was handed on last is, of the signal that is worst off.

        It grows in silence, and in what has piled up it is that of the place in hand.
        """
        now_s = local_clock()
        return max((stream.watch.age_s(now_s) for stream in self._signals), default=0.0)

    @property
    def is_old(self) -> bool:
        """Whether commands would be about a past beyond `max_age_s`."""
        return self.age_s > self._settings.max_age_s

    @property
    def clock_offsets_s(self) -> dict[str, float]:
        """By how much each stream that keeps another clock is shifted, by its name."""
        streams = [*self._signals, *(s for s in (self._labels, self._markers) if s)]
        return {s.info.name: s.clock_offset_s for s in streams if s.clock_offset_s}

    def standing(self) -> list[tuple[Role, str, str, Standing]]:
        """Every stream's role, name, host and state."""
        now_s, told = local_clock(), list[tuple[Role, str, str, Standing]]()
        named: list[tuple[Role, LiveStream | None]] = [("signal", s) for s in self._signals]
        for role, stream in (*named, ("labels", self._labels), ("markers", self._markers)):
            if stream is None:
                continue
            state: Standing = "live" if stream.is_open else "lost"
            if role == "signal" and stream.is_open:
                state = "stale" if stream.watch.age_s(now_s) > self._settings.max_age_s else "live"
            told.append((role, stream.info.name, stream.host, state))
        return told

    def open(self, ended: Callable[[], bool] = _never) -> tuple[StreamInfo, StreamInfo | None]:
        """Find and subscribe; returns what the signals together and the labels announce.

        What stands in the way of a stream (several answer, it is not as required, its sender goes
        just now) may go by: it is an event, and looked for again until `wait_s` is over. Raises
        StreamError then, SearchEnded once `ended` says so.
        """
        self.close()
        wanted = self._wanted()
        try:
            inlets = self._search(wanted, ended)
        finally:
            self._end_search()
        streams = [
            LiveStream(inlet, one, self._settings, self._happened)
            for inlet, one in zip(inlets, wanted, strict=True)
        ]
        self._signals = [s for s, one in zip(streams, wanted, strict=True) if one.role == "stream"]
        by_role = {one.role: s for s, one in zip(streams, wanted, strict=True)}
        self._labels, self._markers = by_role.get("labels"), by_role.get("markers")
        return joined_info(self.signal_infos), self._labels.info if self._labels else None

    def _wanted(self) -> list[Wanted]:
        settings = self._settings
        asked = [("stream", one) for one in settings.signals]
        asked += [("labels", settings.labels)] if settings.labels else []
        asked += [("markers", settings.markers)] if settings.markers else []
        return [
            Wanted(role, one, settings.settle_s, settings.max_buffer_s, self._happened)
            for role, one in asked
        ]

    def _search(self, wanted: list[Wanted], ended: Callable[[], bool]) -> list[Inlet]:
        begun_s = local_clock()  # says in one line where there is no liblsl
        wait_s = self._settings.wait_s
        self._seekers = [Seeker(partial(open_the_one, one), one.role) for one in wanted]
        refusals = [Refusals(one.role, self._happened) for one in wanted]
        while True:
            for seeker, refused in zip(self._seekers, refusals, strict=True):
                refused.hear(seeker)
            found = [seeker.wait(0.0) for seeker in self._seekers]
            inlets = [inlet for inlet in found if inlet is not None]
            if len(inlets) == len(wanted):
                return inlets
            if ended():
                raise SearchEnded("the search for the streams was called off")
            missing = found.index(None)
            if wait_s is not None and local_clock() > begun_s + wait_s:
                raise self._why(self._seekers[missing], wanted[missing], wait_s)
            self._seekers[missing].wait(POLL_S)

    def _why(self, seeker: Seeker[Inlet], wanted: Wanted, wait_s: float) -> StreamError:
        """What stood in the way of a stream in the end."""
        if seeker.in_the_way is not None:
            return seeker.in_the_way
        seen = list_streams(min(self._settings.settle_s, 1.0))
        return none_found(wanted.requirement, seen, wait_s)

    def _end_search(self) -> None:
        end_all(self._seekers, LEAVE_S)
        self._seekers = []

    def pull(
        self,
        timeout_s: float,
        due_s: float | None = None,
        when_near: Callable[[], None] = _nothing,
    ) -> list[Item]:
        """Return what has come, labels and markers first, after waiting for one sample at most.

        Where the sample of stamp `due_s` is the one that matters, those before it may pile up
        until it is near; `when_near` is called then, and may take a millisecond. What has piled up
        comes in portions, a call each, without a wait. Raises TooOldError where the signal is older
        than `max_age_s` and that is to end the run.
        """
        if not self._signals:
            raise StreamError("the source is not open: call open() before pull()")
        beside: list[Item] = []
        if not self._backlog:
            if due_s is not None:
                self._rest(due_s, timeout_s, when_near)
            self._next().wait(timeout_s)
            beside = self._beside()
            came = [
                [Chunk(*part, at) for part in stream.drain()]
                for at, stream in enumerate(self._signals)
            ]
            if came[0]:
                self._pace.came(float(came[0][-1].stamps[-1]), local_clock())
            self._backlog.add(interleaved(came))
        young = self._young(self._backlog.portion())
        self._end_if_old()
        return [*beside, *young]

    def _rest(self, due_s: float, most_s: float, when_near: Callable[[], None]) -> None:
        """Sleep while the sample that is due cannot come."""
        left_s = self._pace.left_s(due_s, local_clock())
        if left_s is not None and left_s > EARLY_S:
            time.sleep(min(most_s, left_s - EARLY_S))
            when_near()

    def _beside(self) -> list[Item]:
        delay_s = self._settings.label_delay_s
        labels = self._labels.drain() if self._labels else []
        markers = self._markers.drain() if self._markers else []
        return [
            *(LabelChunk(stamps - delay_s if delay_s else stamps, v) for stamps, v in labels),
            *(self._marked(*part) for part in markers),
        ]

    def _next(self) -> LiveStream:
        """The signal to wait for: the one that is behind, unless it has stalled."""
        if len(self._signals) == 1:
            return self._signals[0]
        ahead_s = max(stream.watch.newest_s for stream in self._signals)
        going = [s for s in self._signals if s.watch.newest_s >= ahead_s - STALLED_S and s.is_open]
        return min(going or self._signals, key=lambda stream: stream.watch.newest_s)

    def _young(self, chunks: list[Chunk]) -> list[Chunk]:
        """Take note of the age of what goes on, and drop what is too old where it is to be."""
        oldest_s = local_clock() - self._settings.max_age_s
        kept: list[Chunk] = []
        for chunk in chunks:
            stamp_s = newest_s(chunk.stamps)
            if stamp_s is not None:
                self._signals[chunk.stream].watch.came(stamp_s)
            if self._settings.when_old != "latest" or bounds_s(chunk.stamps)[0] >= oldest_s:
                kept.append(chunk)
                continue
            old = chunk.stamps < oldest_s
            self._happened.count("backlog_dropped", int(np.count_nonzero(old)))
            if not old.all():  # as where a stamp is not finite
                kept.append(Chunk(chunk.stamps[~old], chunk.samples[~old], chunk.stream))
        return kept

    def _end_if_old(self) -> None:
        if self._settings.when_old != "stop":
            return
        now_s = local_clock()
        for stream in self._signals:
            age_s = stream.watch.age_s(now_s)
            if stream.watch.started and age_s > self._settings.max_age_s:
                raise TooOldError(
                    f"the newest sample of stream '{stream.info.name}' is {age_s:.2f} s old, "
                    f"lsl.max_age_s is {self._settings.max_age_s:g}: look after its sender, or "
                    "set lsl.when_old to hold or latest"
                )

    def _marked(self, stamps: F64, values: Any) -> MarkerChunk:
        texts = values if isinstance(values, tuple) else texts_of_numbers(values[:, 0])
        known = np.isfinite(stamps)
        if known.all():
            return MarkerChunk(stamps, texts)
        self._happened.count("marker_stamp_not_finite", int((~known).sum()))
        kept = tuple(text for text, keep in zip(texts, known.tolist(), strict=True) if keep)
        return MarkerChunk(stamps[known], kept)

    def drop_backlog(self) -> int:
        """Forget what has come since the last pull, and return how many samples that were."""
        streams = [*self._signals, *(s for s in (self._labels, self._markers) if s)]
        dropped = self._backlog.clear() + sum(stream.flush() for stream in streams)
        self._happened.count("backlog_dropped", dropped)
        return dropped

    def close(self) -> None:
        """Unsubscribe; `open` may follow."""
        self._end_search()
        streams = [*self._signals, *(s for s in (self._labels, self._markers) if s)]
        end_all([seeker for stream in streams for seeker in stream.close()], LEAVE_S)
        self._signals, self._labels, self._markers = [], None, None
        self._backlog.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
