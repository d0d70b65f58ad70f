"""The course of a bench: start, wait for the first command, then trial after trial."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from eprop_rt_services.closed_loop.bench import Bench, Standing

LOOK_S = 0.2
TELL_EVERY_S = 5.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Length:
    """When it is over: after so many trials or seconds, whichever comes first; None is never."""

    trials: int | None = None
    seconds: float | None = None

    def is_over(self, trials: int, seconds: float) -> bool:
        """Whether so much is enough."""
        return (self.trials is not None and trials >= self.trials) or (
            self.seconds is not None and seconds >= self.seconds
        )


class Course:
    """Runs a bench; `standing` is the newest, None before the first trial began."""

    def __init__(self, bench: Bench, length: Length, tell: Tell) -> None:
        self._bench, self._length, self._tell = bench, length, tell
        self.standing: Standing | None = None

    def run(self) -> Standing:
        """Run it all; raises StreamError in one line where a process fails."""
        self.begin()
        began_s = told_s = time.monotonic()
        while True:
            self.standing = self._bench.standing()
            now_s = time.monotonic()
            if now_s >= told_s + TELL_EVERY_S:
                told_s = now_s
                self._tell(line(self.standing))
            if self._length.is_over(self.standing.all.trials, now_s - began_s):
                return self.standing
            time.sleep(LOOK_S)

    def begin(self) -> None:
        """Start everything, wait until a decoder is heard, and light the screen."""
        bench = self._bench
        bench.start()
        screens = bench.task.report().screens
        streams = ", ".join(f"{what} {name}" for what, name in bench.streams.items())
        self._tell(f"streams by source_id: {streams}")
        self._tell(f"screens for pages: {screens}")
        self._tell(f"waiting for a decoder: {', '.join(bench.decoders)}")
        bench.wait_for_own()
        while not bench.task.report().bins:
            time.sleep(LOOK_S)
        bench.task.restart(bench.settings.seed)
        self._tell("the first command is here, the task begins")


def line(standing: Standing) -> str:
    """How it goes, in a line."""
    report, newest = standing.report, standing.newest
    told = [
        f"{standing.all.trials} trials",
        f"newest {newest.trials}: {100 * newest.success_rate:.0f} % won"
        + ("" if newest.time_to_target_s is None else f" in {newest.time_to_target_s:.2f} s"),
        f"{report.missed} of {report.bins} commands missed",
    ]
    return "  ".join([*told, *faults(standing)])


def faults(standing: Standing) -> list[str]:
    """What was done to the wire, in words; nothing where nothing was."""
    wire = standing.wire
    if not (wire.late or wire.lost or wire.restarts):
        return []
    return [
        f"{wire.late} samples late, {wire.lost} lost, {wire.restarts} restarts "
        f"({wire.lost_in_restarts} lost in them) of {wire.sent + wire.lost + wire.lost_in_restarts}"
    ]
