"""All decoders' way through one recording after the other, shown as it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from eprop_rt.config import DecoderSettings
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.classes import with_classes
from eprop_rt_services.commands.replay_figures import recording_figures
from eprop_rt_services.commands.replay_tables import show, show_across, show_conditions, show_costs
from eprop_rt_services.config import Config
from eprop_rt_services.gradients import GradientWatch, summary
from eprop_rt_services.observing import SessionWatch
from eprop_rt_services.recordings import Recording, read_recording
from eprop_rt_services.replay import Contestant, Replayed
from eprop_rt_services.replay.across_days import DayBreak, Transition
from eprop_rt_services.replay.conditions import Condition
from eprop_rt_services.replay.contestant import NO_CACHE, Setting, Watch
from eprop_rt_services.report import Chapter, sha256_of


@dataclass(frozen=True, slots=True)
class Looking:
    """What looks at the configured decoder as it goes through the recordings as they are."""

    gradients: GradientWatch | None
    session: SessionWatch | None

    def at(self, conditions: Sequence[Condition]) -> list[list[Watch]]:
        """Those that there are, for the first condition; for the others none."""
        watches: list[Watch] = [one for one in (self.gradients, self.session) if one is not None]
        return [watches, *([] for _ in conditions[1:])]


@dataclass(frozen=True, slots=True)
class Lane:
    """The decoders that go through all recordings under one condition."""

    condition: Condition
    contestants: list[Contestant]


class Passage:
    """All decoders' way through one recording after the other: shows what came, and keeps it."""

    def __init__(
        self,
        settings: Config,
        lanes: Sequence[Lane],
        looking: Looking,
        *,
        across_days: bool,
        columns: bool,
    ) -> None:
        self.figures: list[dict[str, Any]] = []
        self.nights: list[Transition] = []
        self.chapters: list[Chapter] = []
        self._settings, self._lanes, self._looking = settings, lanes, looking
        self._across_days, self._columns = across_days, columns
        self._before: Recording | None = None

    def go_through(self, path: Path) -> None:
        """Replay one more recording."""
        settings, looking = self._settings, self._looking
        read = read_recording(path, settings.recording)
        recording = with_classes(read, settings.classes, settings.bins.bin_s)
        day_break = None
        if self._across_days and self._before is not None:
            day_break = DayBreak(self._lanes[0].contestants[0], self._before, recording)
        outcomes = [(lane.condition, run(recording, lane)) for lane in self._lanes]
        as_recorded = outcomes[0][1]
        show(recording, settings, as_recorded)
        show_conditions(outcomes)
        if self._columns:
            show_costs(as_recorded)
        self.figures.append(recording_figures(recording, settings, outcomes))
        gradients = None if looking.gradients is None else looking.gradients.take()
        if gradients is not None:
            self.figures[-1]["gradients"] = gradients
            Console().print(summary(gradients), highlight=False)
        night = None if day_break is None else day_break.compare(as_recorded)
        if night is not None:
            self.nights.append(night)
            show_across(night)
        if looking.session is not None:
            sha256, seen = sha256_of(path), looking.session.take()
            self.chapters.append(
                Chapter(recording, sha256, settings.inputs, outcomes, seen, gradients, night)
            )
        self._before = recording


def line_up(
    entered: dict[str, DecoderSettings],
    setting: Setting,
    start: Checkpoint | None,
    watches: Sequence[Watch],
) -> Lane:
    """The configured decoder first, as `start` left it, then those to compare with.

    It is always replayed; what it is compared with may come out of the cache.
    """
    (name, settings), *others = entered.items()
    fresh = replace(setting, cache=NO_CACHE)
    beside = [Contestant(other, given, setting) for other, given in others]
    return Lane(setting.condition, [Contestant(name, settings, fresh, start, watches), *beside])


def run(recording: Recording, lane: Lane) -> list[Replayed]:
    """One pass a decoder, with a bar for each."""
    samples = len(recording.signal.stamps)
    columns = TextColumn("{task.description:>16}"), BarColumn(), TimeRemainingColumn()
    results = []
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
        for contestant in lane.contestants:
            task = bars.add_task(contestant.name, total=samples)
            results.append(contestant.replay(recording, advance(bars, task)))
    return results


def advance(bars: Progress, task: Any) -> Callable[[int], None]:
    """A tick for one bar."""
    return lambda samples: bars.advance(task, samples)
