"""One live stream: open, gated, lost and found again with its state kept."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from eprop_rt.series import F64
from eprop_rt_services.lsl_link import Inlet, StreamLost, local_clock
from eprop_rt_services.sources.age import AgeWatch
from eprop_rt_services.sources.gate import GateSettings, StampGate
from eprop_rt_services.sources.happenings import Happenings
from eprop_rt_services.sources.rate import RateWatch
from eprop_rt_services.sources.refusals import Refusals
from eprop_rt_services.sources.search import StillThere, Wanted, open_again
from eprop_rt_services.sources.seeker import Seeker
from eprop_rt_services.sources.settings import LslSettings

# Labels and markers may be silent for as long as they like; now and then it is looked after them.
QUIET_S = 30.0
LOOK_AGAIN_S = 30.0


class LiveStream:
    """One stream in one role; one thread calls it. It outlives its senders."""

    def __init__(
        self, inlet: Inlet, wanted: Wanted, settings: LslSettings, happened: Happenings
    ) -> None:
        self._inlet: Inlet | None = inlet
        self._wanted, self._happened = wanted, happened
        self._found, self.info = inlet.found, inlet.info
        gate = GateSettings(
            settings.max_clock_error_s, settings.clock_step_after_s, settings.off_clock
        )
        self._gate = StampGate(gate, self._report)
        self._rate = RateWatch(inlet.info.sample_rate_hz)
        self._is_signal = wanted.role == "stream"
        silence_s = settings.silence_s if self._is_signal else max(QUIET_S, settings.silence_s)
        self.watch = AgeWatch.begun(local_clock(), silence_s)
        self._seeker: Seeker[Inlet | StillThere] | None = None
        self._look_at_s = np.inf
        self._refusals = Refusals(wanted.role, happened)
        self._past_seekers: list[Seeker[Inlet | StillThere]] = []

    @property
    def is_open(self) -> bool:
        """Whether there is a sender, or was at the last look."""
        return self._inlet is not None

    @property
    def host(self) -> str:
        """The machine of the newest sender."""
        return self._found.sighting.host

    @property
    def clock_offset_s(self) -> float:
        """By how much the stamps of a stream with another clock are shifted."""
        return self._gate.offset_s

    def wait(self, timeout_s: float) -> None:
        """Wait for one sample, or for a sender."""
        if self._inlet is None:
            if self._seeker is not None:
                self._seeker.wait(timeout_s)
            return
        try:
            self._inlet.wait(timeout_s)
        except StreamLost as error:
            self._lose(str(error))

    def drain(self) -> list[tuple[F64, Any]]:
        """Return what has come and could be placed in time, without waiting."""
        if self._inlet is None or self._seeker is not None:
            self._adopt()
        parts: list[tuple[F64, Any]] = []
        if self._inlet is not None:
            try:
                parts = self._inlet.drain()
            except StreamLost as error:
                self._lose(str(error))
        return list(self._gated(parts))

    def flush(self) -> int:
        """Drop what has come, and return how many samples that were."""
        return self._inlet.flush() if self._inlet else 0

    def _gated(self, parts: list[tuple[F64, Any]]) -> Iterator[tuple[F64, Any]]:
        now_s = local_clock()
        if not parts:
            self._watch_silence(now_s)
            return
        self.watch.heard(now_s)
        for stamps, values in parts:
            hertz = self._rate.implausible_hz(stamps, now_s)
            if hertz is not None:
                said_hz = self.info.sample_rate_hz
                text = f"{hertz:.4g} Hz came, not {said_hz:g}"
                self._report("rate_implausible", 1, text, came_hz=hertz, announced_hz=said_hz)
            placed, keep = self._gate.apply(stamps, now_s)
            part = (placed, values) if keep is None else (placed[keep], _kept(values, keep))
            if len(part[0]):
                yield part

    def _watch_silence(self, now_s: float) -> None:
        if self.watch.falls_silent(now_s):
            if self._is_signal:
                self._happened.count("silence")
            self._look_at_s = now_s
        if self.watch.silent and now_s >= self._look_at_s:
            self._look_after(now_s)

    def _report(self, event: str, times: int, text: str = "", **values: float) -> None:
        if text:
            self._wanted.tell(event, self.info.name, text, **values)
        else:
            self._happened.count(self._wanted.named(event), times)

    def _tell(self, what: str, text: str, **values: float) -> None:
        role = self._wanted.role
        self._happened.tell(f"{role}_{what}", text, stream=self.info.name, role=role, **values)

    def _lose(self, text: str) -> None:
        self._inlet = None
        self._tell("lost", text)
        if self._seeker is None:
            self._seek()

    def _look_after(self, now_s: float) -> None:
        """A sender can be gone without a word: look whether another one is in its place."""
        self._look_at_s = now_s + LOOK_AGAIN_S
        if self._seeker is None:
            self._seek()

    def _seek(self) -> None:
        wanted, found, info = self._wanted, self._found, self.info
        self._past_seekers = [seeker for seeker in self._past_seekers if seeker.is_running]
        lost = self._inlet is None
        self._seeker = Seeker(lambda: open_again(wanted, found, info, lost), info.name)

    def _adopt(self) -> None:
        """Take what the seeker has found, unless the old sender has spoken up meanwhile."""
        if self._seeker is None:
            return
        self._refusals.hear(self._seeker)
        found = self._seeker.wait(0.0)
        alive = self._inlet is not None and not self.watch.silent
        if found is None:
            if alive:
                self._seeker.end()
                self._past_seekers.append(self._seeker)
                self._seeker = None
            return
        self._seeker = None
        if isinstance(found, StillThere):
            if self._inlet is None:  # gone since
                self._seek()
            return
        if alive:
            return
        if self._inlet is not None:
            self._tell("lost", f"stream '{self.info.name}' was silent")
        self._inlet, self._found = found, found.found
        self._refusals.forget()
        away_s = local_clock() - self.watch.came_s
        text = f"stream '{self.info.name}' is back after {away_s:.1f} s"
        self._tell("back", text, away_s=away_s)

    def close(self) -> list[Seeker[Inlet | StillThere]]:
        """Unsubscribe; returns who may still be looking for it."""
        self._inlet = None
        seekers = [*self._past_seekers, *([self._seeker] if self._seeker else [])]
        self._past_seekers, self._seeker = [], None
        return seekers


def _kept(values: Any, keep: Any) -> Any:
    if isinstance(values, tuple):
        return tuple(text for text, kept in zip(values, keep.tolist(), strict=True) if kept)
    return values[keep]
