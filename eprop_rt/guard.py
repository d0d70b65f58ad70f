"""The guard: what it looks at in every bin, and what it does about it.

    admit      inputs: an artefact, or channels that are not there, are no data
    publish    outputs: finite, within bounds, held or zero where there is nothing to trust
    learns     whether this bin is learned from
    close      what has become of learning: refused updates, rates, error; good states

The ladder (`eprop_rt.ladder`) has the counts, the causes and the ways back.
"""

import math
from collections import Counter
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from eprop_rt.artefact import ArtefactWatch
from eprop_rt.bins.binner import Bin
from eprop_rt.decoder import Decoder
from eprop_rt.errors import DataError
from eprop_rt.good_state import GoodStates
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.kernels.scale import Statistics
from eprop_rt.label_range import LabelRange
from eprop_rt.ladder import Ladder, Rung
from eprop_rt.rate_watch import RateWatch
from eprop_rt.series import F32, F64, LabelChunk
from eprop_rt.snapshot import Arrays

OutputState = Literal["decoded", "clipped", "held", "zeroed"]

REFUSED = (("update_refused", "update"), ("rehearsal_refused", "rehearsal"))  # event, cause


@runtime_checkable
class Clipping(Protocol):
    """A decoder that bounds its own steps, and counts when it did."""

    def clipped(self) -> dict[str, int]:
        """How many steps were shortened so far, by what took them."""
        ...


@runtime_checkable
class Experienced(Protocol):
    """A decoder that knows what its labels are like, as one from a checkpoint does."""

    def label_statistics(self) -> Statistics | None:
        """Of the labels so far."""
        ...


class Guard:
    """Watches one decoder; a pure function of the bins, labels and orders that it is given.

    Events of its own: `guard_clip_output`, `guard_hold_<cause>` and `guard_zero_<cause>` for data
    and orders, once each time; `guard_reset`, the network brought to rest;
    `guard_rollback_none`, wanted, and there was none.
    """

    def __init__(
        self, settings: GuardSettings, bin_s: float, channels: int, outputs: int, decoder: Decoder
    ) -> None:
        self._decoder = decoder
        self._bin_s = bin_s
        self._ladder = Ladder(settings, bin_s)
        self._watch = ArtefactWatch(settings, bin_s, channels)
        self._range = LabelRange(settings, bin_s, outputs)
        known = decoder.label_statistics() if isinstance(decoder, Experienced) else None
        if known is not None:
            self._range.start_from(known)
        self._good = GoodStates(decoder)
        self._events: Counter[str] = Counter()
        self._rates = RateWatch(bin_s, decoder)
        self._state: OutputState = "decoded"
        self._values: F64 = np.zeros(outputs)  # said last
        self._orders: set[str] = set()
        self._skipped: str | None = None  # why this bin is not decoded
        self._held_for: str | None = None
        self._held_until = self._held_since = -math.inf
        self._refused = {event: decoder.events.get(event, 0) for event, _ in REFUSED}
        self._late = self._late_bins = self._high = 0
        self._fresh = self._restart = False  # learned since the last mark; bring it to rest
        self._marked: int | None = None
        self._marks = 0
        self.adopt(settings)

    def adopt(self, settings: GuardSettings) -> None:
        """Go on with other thresholds."""
        self.settings = settings
        self._ladder.adopt(settings)
        self._watch.adopt(settings)
        self._range.adopt(settings)

    def recall(self, learned: Arrays) -> None:
        """Bound outputs from the first one on, by what a restored decoder knows of its labels."""
        self._range.recall(learned)

    def _bins(self, seconds: float) -> float:
        return seconds / self._bin_s

    def admit_labels(self, labels: LabelChunk) -> LabelChunk:
        """The labels with NaN for what is out of all reason; event `guard_clip_label`, a label."""
        if not self.settings.enabled:
            return labels
        wild = np.isfinite(labels.values) & (np.abs(labels.values) > self.settings.input_bound)
        if not wild.any():
            return labels
        self._events["guard_clip_label"] += int(wild.any(axis=1).sum())
        return LabelChunk(labels.stamps, np.where(wild, np.float32(np.nan), labels.values))

    # In the order of a bin.

    def admit(self, closed: Bin) -> F32:
        """What the decoder sees of a bin: for what is no data, what is usual."""
        self._ladder.advance(closed.index)
        if self._marked is None:
            self._marked = closed.index
        self._skipped = None
        if not self.settings.enabled:
            return closed.values
        values, self._skipped = self._watch.admit(closed)
        if self._skipped is not None:
            self._ladder.skip(self._skipped)
        return values

    def publish(self, values: F64) -> tuple[F64, OutputState]:
        """What to say for `values` (outputs,), a copy, and what was made of them."""
        outside = self._range.bound(values)
        if outside < 0:
            self._skipped = "output"
            self._events["output_held"] += 1
            if self.settings.enabled:
                self._restart = self._ladder.skip("output")
        cause = self._hold_cause()
        self._state = self._hold(cause) if cause is not None else "decoded"
        if cause is None:
            self._held_for = None
            self._values[:] = self._range.said
            if outside > 0:
                self._state = "clipped"
                self._events["guard_clip_output"] += 1
        return self._values.copy(), self._state

    def _hold_cause(self) -> str | None:
        now, ladder = self._ladder.now, self._ladder
        cause = self._skipped
        if cause is None and self._orders:
            cause = min(self._orders)
        if cause is not None:
            if cause != "output":
                self._held_until = now + self._bins(self.settings.artefact_hold_s)
            return cause
        if ladder.held:
            return ladder.in_force()[1]
        return self._held_for if now <= self._held_until else None

    def _hold(self, cause: str) -> OutputState:
        now, zero_after_s = self._ladder.now, self.settings.zero_after_s
        if self._held_for is None:
            self._held_since = now
        if self._held_for != cause:
            self._held_for = cause
            self._events[f"guard_hold_{cause}"] += 1
        if zero_after_s is None or now - self._held_since < self._bins(zero_after_s):
            return "held"
        if self._state != "zeroed":
            self._events[f"guard_zero_{cause}"] += 1
        self._values[:] = 0
        return "zeroed"

    @property
    def learns(self) -> bool:
        """Whether the bin in hand is learned from, as far as the guard is concerned."""
        return self._held_for is None and not self._ladder.frozen

    @property
    def frozen(self) -> bool:
        """Whether the guard has stopped learning until all is calm."""
        return self._ladder.frozen

    def close(self, label: F32, learned: bool, thawed: bool) -> None:
        """The bin is over, its label (outputs,) known; act on what has become of it.

        `learned` from it; `thawed`: no order has frozen learning.
        """
        if not self.settings.enabled:
            return
        self._watch.learn_one()
        self._fresh |= learned
        for event, cause in REFUSED:
            count = self._decoder.events.get(event, 0)
            if count > self._refused[event]:
                self._refused[event] = count
                self._ladder.skip(cause)
        unhealthy = self._rates.judge(self.settings, thawed)
        if unhealthy is not None:
            self._ladder.freeze(unhealthy)
        self._judge_lateness()
        self._judge_error(label)
        if self._restart:
            self._restart = False
            self._bring_to_rest()
        if self._ladder.roll_back_for is not None:
            self._ladder.roll_back_for = None
            self._roll_back()
        self._keep_good_state()

    # What is looked at.

    def _judge_lateness(self) -> None:
        self._late_bins += 1
        if self._late_bins >= self._bins(self.settings.late_window_s):
            if self._late > self.settings.late_share * self._late_bins:
                self._ladder.freeze("late")
            self._late = self._late_bins = 0

    def _judge_error(self, label: F32) -> None:
        compared = self._range.learn_one(self._values, label, self._held_for is None)
        if not compared or self._good.error is None:
            return
        settings = self.settings
        limit = max(settings.loss_least, settings.loss_ratio * self._good.error)
        self._high = self._high + 1 if self._range.error > limit else 0
        if self._high >= self._bins(settings.loss_window_s):
            self._high = 0
            self._ladder.roll_back("loss")

    # What is done.

    def _bring_to_rest(self) -> None:
        self._events["guard_reset"] += 1
        self._decoder.reset()

    def _roll_back(self) -> None:
        """What went wrong may have begun before it was seen: take a state from before that."""
        settings = self.settings
        unseen_s = max(2 * settings.loss_window_s, (settings.freezes + 1) * settings.rate_window_s)
        if not self._good.go_back(self._ladder.now - self._bins(unseen_s)):
            self._events["guard_rollback_none"] += 1
            return
        self._bring_to_rest()
        self._after_going_back()

    def _after_going_back(self) -> None:
        self._marked, self._fresh, self._high = self._ladder.now, False, 0
        self._range.error = self._good.error or 0.0

    def _keep_good_state(self) -> None:
        due = self._ladder.now - (self._marked or 0) >= self._bins(self.settings.good_every_s)
        if not (due and self._fresh and self._ladder.clear and self._held_for is None):
            return
        if not self._good.possible or self._high:
            return
        if not self._mark():
            self._ladder.roll_back("weights")
            self._ladder.roll_back_for = None
            self._roll_back()

    def _mark(self) -> bool:
        if not self._good.mark(self._ladder.now, self._range.error):
            return False
        self._marked, self._fresh = self._ladder.now, False
        self._ladder.helped()
        self._marks += 1
        return True

    # Orders.

    def hold(self, cause: str) -> None:
        """Hold the output from the next bin on, until `release`."""
        self._orders.add(cause)

    def release(self, cause: str) -> None:
        """Raises DataError where nothing is held for this cause."""
        if cause not in self._orders:
            held = ", ".join(sorted(self._orders)) or "nothing"
            raise DataError(f"release {cause} came, held is {held}: release what is held")
        self._orders.remove(cause)

    def late(self, bins: int) -> None:
        """So many more commands missed their deadline; raises DataError where that is no count."""
        if bins < 0:
            raise DataError(f"{bins} late commands came, expected none or more")
        self._late += bins

    def mark(self) -> None:
        """Keep a good state now; raises DataError where there is nothing to keep."""
        if not self._good.possible:
            raise DataError("this decoder learns nothing that could be rolled back: leave mark out")
        if not self._mark():
            raise DataError("what was learned is not finite: roll back, or start again")

    def roll_back(self) -> None:
        """Go to the newest good state; raises DataError where there is none."""
        if not self._good.go_back():
            raise DataError(
                "there is no good state to roll back to: one is kept every guard.good_every_s "
                f"({self.settings.good_every_s:g} s) of calm learning, or when told to"
            )
        self._events["guard_rollback_order"] += 1
        self._after_going_back()

    # What a status says.

    @property
    def rung(self) -> Rung:
        """The highest rung in force at the newest bin."""
        return self._in_force()[0]

    @property
    def cause(self) -> str | None:
        """Why; None where all is accepted."""
        return self._in_force()[1]

    def _in_force(self) -> tuple[Rung, str | None]:
        rung, cause = self._ladder.in_force()
        if rung == Rung.EXIT:
            return rung, cause
        if self._held_for is not None:
            return (Rung.ZERO if self._state == "zeroed" else Rung.HOLD), self._held_for
        if rung == Rung.ACCEPT and self._state == "clipped":
            return Rung.CLIP, "output"
        return rung, cause

    @property
    def distrust(self) -> str | None:
        """Why what has been learned is not worth keeping beyond this process; None: it is."""
        rung, cause = self._ladder.in_force()
        if rung >= Rung.HOLD:
            return cause
        return None if self._good.finite else "weights"

    @property
    def exit_cause(self) -> str | None:
        """Why the supervisor should start another process; None: it should not."""
        return self._ladder.exit_cause

    @property
    def events(self) -> Counter[str]:
        """Everything that the guard did, by name; only what has happened."""
        return self._events + self._ladder.events + self._watch.events

    def counters(self) -> Counter[str]:
        """Likewise, and what is not unusual.

        `guard_good_state`: states that were kept; `guard_clip_<what took them>`: steps of learning
        that were shortened.
        """
        clipped = self._decoder.clipped() if isinstance(self._decoder, Clipping) else {}
        usual = {f"guard_clip_{what}": n for what, n in clipped.items()}
        return self.events + Counter(usual | {"guard_good_state": self._marks})
