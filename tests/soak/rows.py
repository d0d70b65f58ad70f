"""A line of the table, and what must hold whatever was done."""

from dataclasses import dataclass, field

from soak.checks import damaged_checkpoints
from soak.lab import BIN_S, wait_for

TOLD_S = 20.0  # until the daemon has counted what was done to it
USUAL = {"checkpoint_written", "guard_good_state", "guard_clip_rehearsal"}


@dataclass
class Row:
    """A line of the table; `missed` says what should have been and was not.

    `broken`: what was to be done could not be gone through with.
    """

    name: str
    done: str
    seen: str
    missed: list = field(default_factory=list)
    broken: bool = False


@dataclass
class Plan:
    """How much of everything, and what is asked for.

    Commands back within `back_s` of a kill, `writing_s` lost in the journal beside its flush_s (the
    thread's turn, the write itself, the bin in hand), a share `late` of commands at most, and of
    those `late_in_flood` while messages come as fast as they can be sent.
    """

    back_s: float = 1.0
    writing_s: float = 0.15
    late: float = 0.01
    late_in_flood: float = 0.05
    sources: int = 20
    stall_s: float = 60.0
    clock_steps_s: tuple = (5.0, -5.0)
    cuts_s: tuple = (2.0, 5.0, 20.0)
    stretch_s: float = 20.0
    kills: int = 50
    parents: int = 5
    together: int = 5
    stops: int = 3
    fresh: int = 2
    malformed: int = 10_000
    wait_s: tuple = (0.1, 4.0)


def sound(lab, row, before):
    """What must hold after everything: the same process, sound checkpoints, a running loop."""
    status = lab.status()
    if status.pid != before.pid:
        row.missed.append("the daemon was started anew")
    judge(lab, row)
    seen = {name: n - before.events.get(name, 0) for name, n in status.events.items()}
    told = ", ".join(f"{name} {n}" for name, n in sorted(seen.items()) if n and name not in USUAL)
    row.seen = "; ".join(part for part in (row.seen, told) if part)
    return row


def judge(lab, row):
    if lab.reader.outside:
        row.missed.append(f"{lab.reader.outside} commands out of bounds")
        lab.reader.outside = 0
    for name in damaged_checkpoints(lab.journal):
        row.missed.append(f"{name} is damaged")


def demand(lab, row, least, before=None):
    """Events that the daemon must have counted so often since `before`, or since it was started."""
    known = before.events if before is not None else {}

    def short():
        events = lab.status().events
        seen = {name: events.get(name, 0) - known.get(name, 0) for name in least}
        return {name: n for name, n in seen.items() if n < least[name]}

    try:
        wait_for(lambda: not short(), "too few", TOLD_S)
    except AssertionError:
        row.missed += [f"{name} {n} times, {least[name]:g} at least" for name, n in short().items()]


def demand_done(row, did, *names):
    """What the sender must have done, or the rest says nothing."""
    row.done += "".join(f", {did[name]} {name}" for name in names)
    row.missed += [
        f"the sender did nothing of this kind: {name}" for name in names if not did[name]
    ]


def demand_pace(row, late, before, after):
    """The loop went on between two statuses, and a share `late` of it at most was late."""
    missed, bins = after.missed_bins - before.missed_bins, after.bins - before.bins
    if bins < 0.5 * (after.uptime_s - before.uptime_s) / BIN_S:
        row.missed.append(f"{bins} bins in {after.uptime_s - before.uptime_s:.1f} s")
    if missed > late * bins + 5:
        row.missed.append(f"{missed} of {bins} bins were late")
    return f"{bins} bins, {missed} late"


def flows(lab, row, most_s=20.0):
    """Commands of now on come; how long it took."""
    since_s, clock_s = lab.now()
    try:
        return lab.back_after_s(since_s, clock_s)
    except AssertionError as error:
        row.missed.append(str(error))
        return most_s


def median(values):
    return sorted(values)[len(values) // 2]
