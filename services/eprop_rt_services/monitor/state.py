"""What the page says in words: a mapping that its script puts into place, and nothing else."""

import time
from collections.abc import Sequence
from typing import Any

from eprop_rt_protocols.control import Verb
from eprop_rt_protocols.screen import TrialResult
from eprop_rt_protocols.status import Status
from eprop_rt_services.monitor.follow import Follower, Given
from eprop_rt_services.monitor.seen import Seen
from eprop_rt_services.monitor.trials import RECENT
from eprop_rt_services.wording import amount, duration, printable

Words = dict[str, str]

VERBS: tuple[Verb, ...] = ("freeze", "thaw", "rollback", "checkpoint", "stop")
TITLES: dict[Verb, str] = {
    "freeze": "Freeze",
    "thaw": "Thaw",
    "rollback": "Roll back",
    "checkpoint": "Checkpoint",
    "stop": "Stop",
}
JUST_S = 10.0  # an answer may come so long after a stop, and be the last
EVENTS = 5  # the most frequent; `eprop-rt ctl status` has them all
SHOWN_S = 20.0  # so long the end of an order is told
NOTHING = "-"


def state_of(followers: Sequence[Follower], selected: int) -> dict[str, Any]:
    """Cards of all daemons, words and buttons of the selected one."""
    chosen = followers[selected]
    return {
        "selected": selected,
        "cards": [card(each) for each in followers],
        "words": words(chosen),
        "buttons": {verb: button(chosen, verb) for verb in VERBS},
        "told": told(chosen),
        "events": counted(chosen.seen.status.events)[:EVENTS] if chosen.seen.status else [],
    }


def card(follower: Follower) -> Words:
    """One daemon in a few words."""
    seen = follower.seen
    return {
        "name": follower.target.name,
        "state": state_word(follower),
        "age": age(seen),
        "success": success(seen.trials),
    }


def state_word(follower: Follower) -> str:
    """What it does; `gone` where it does not answer."""
    seen = follower.seen
    if seen.status is None:
        return "no answer yet"
    if not seen.alive:
        return silent_word(follower.given.get("stop"), seen.status_at_s)
    if seen.status.state != "running":
        return seen.status.state
    return {"on": "learning", "frozen": "frozen", "off": "decoding"}[seen.status.learning]


def silent_word(stop: Given | None, answered_s: float) -> str:
    """What has become of a daemon that does not answer, and answered last at that time."""
    if stop is None or stop.phase == "refused" or stop.at_s < answered_s - JUST_S:
        return "gone"
    return "stopping" if stop.phase == "asked" else "stopped"


def age(seen: Seen) -> str:
    """How old its newest sample is."""
    if not seen.alive or seen.status is None:
        return NOTHING
    newest = seen.ages[-1][1] if seen.ages else seen.status.data_age_s
    return NOTHING if newest is None else duration(max(0.0, newest))


def success(trials: Sequence[TrialResult]) -> str:
    """Of the newest trials."""
    if not trials:
        return NOTHING
    recent = list(trials)[-RECENT:]
    won = sum(one.success for one in recent)
    return f"{100 * won / len(recent):.0f} %"


def words(follower: Follower) -> Words:
    """Everything about the selected daemon, by the place where it stands."""
    seen, status = follower.seen, follower.seen.status
    told = {
        "state": state_word(follower),
        "why": "" if seen.alive else printable(seen.refusal),
        "age": age(seen),
        "trials": trials_words(seen),
        "phase": "" if seen.screen is None else printable(seen.screen.phase),
        "no-screen": "" if seen.screen is not None else no_screen(follower),
        "no-views": "" if seen.views else no_views(follower),
    }
    return told | (status_words(status) if status is not None else dict.fromkeys(PLACES, NOTHING))


PLACES = (
    "learning", "updates", "rung", "guard", "bins", "decoder", "host", "streams", "journal",
    "checkpoint", "total",
)  # fmt: skip


def status_words(status: Status) -> Words:
    """What a status says, a line each."""
    by = f" by the {status.learning_cause}" if status.learning_cause else ""
    guard, journal, kept = status.guard, status.journal, status.checkpoint
    total = status.latency_ms.get("total")
    streams = [f"{one.role} {one.state}" for one in status.streams]
    return {
        "learning": f"{status.learning}{by}",
        "updates": f"{grouped(status.updates)} bins learned from",
        "rung": printable(guard.rung + (f" ({guard.cause})" if guard.cause else "")),
        "guard": ", ".join(guarded(guard.counters)) or "nothing so far",
        "bins": f"{grouped(status.bins)}, {grouped(status.missed_bins)} late",
        "decoder": printable(f"{status.decoder}, model {status.model_id}"),
        "host": printable(f"{status.host}, pid {status.pid}, for {duration(status.uptime_s)}"),
        "streams": ", ".join(streams) or "none",
        "journal": "none" if journal is None else f"{amount(journal.written_bytes)}B",
        "checkpoint": "none" if kept is None else f"{duration(kept.age_s)} ago",
        "total": "" if total is None else f"p50 {total.p50:.2f} ms, p99 {total.p99:.2f} ms",
    }


def grouped(count: int) -> str:
    """In thousands, with thin spaces."""
    return f"{count:,}".replace(",", "\u2009")


def counted(events: dict[str, int]) -> list[str]:
    """Names and counts, the most frequent first."""
    most = sorted(events.items(), key=lambda each: -each[1])
    return [printable(f"{name} {count}") for name, count in most if count]


def guarded(counters: dict[str, int]) -> list[str]:
    """The most frequent of what the guard did, without its name before each."""
    return [each.removeprefix("guard_").replace("_", " ") for each in counted(counters)[:3]]


def trials_words(seen: Seen) -> str:
    """How many, and how the newest went."""
    screen = seen.screen
    if screen is None:
        return ""
    times = [t.time_to_target_s for t in list(seen.trials)[-RECENT:] if t.time_to_target_s]
    mean = f", {sum(times) / len(times):.2f} s to target" if times else ""
    return f"{screen.trial} trials, newest {success(seen.trials)}{mean}"


def no_screen(follower: Follower) -> str:
    """Why there is no cursor."""
    if follower.target.screen is None:
        return f"No task is shown: give --screen {follower.target.name}=ENDPOINT."
    return "Waiting for the screen of the task."


def no_views(follower: Follower) -> str:
    """Why there are no bins to see."""
    if follower.target.views is None:
        return "No pictures of its bins: let the daemon have a publish.visual_endpoint."
    return "Waiting for the daemon's views."


def button(follower: Follower, verb: Verb) -> dict[str, Any]:
    """What stands on it, whether it is in force, and whether it can be pressed."""
    seen, status = follower.seen, follower.seen.status
    given = follower.given.get(verb)
    asked = given is not None and given.phase == "asked"
    learning = status.learning if status is not None and seen.alive else ""
    held = {"freeze": learning == "frozen", "thaw": learning == "on"}.get(verb, False)
    stopped = verb == "stop" and state_word(follower) in ("stopped", "stopping")
    label = TITLES[verb]
    if asked:
        label = f"{label}: asked"
    elif held:
        label = {"freeze": "Frozen", "thaw": "Thawed"}[verb]
    elif stopped:
        label = state_word(follower).capitalize()
    enabled = verb == "stop" or (seen.alive and not asked)
    return {"label": label, "held": held or stopped, "asked": asked, "enabled": enabled}


def told(follower: Follower) -> str:
    """What became of the newest order, in one line."""
    if not follower.given:
        return ""
    newest = max(follower.given.values(), key=lambda each: each.number)
    if time.monotonic() - newest.at_s > SHOWN_S and newest.phase == "done":
        return ""
    return outcome(follower, newest)


def outcome(follower: Follower, given: Given) -> str:
    """One order, as far as it has come."""
    name, status = follower.target.name, follower.seen.status
    if given.phase == "asked":
        return f"{name}: {given.verb} asked"
    if given.verb == "stop" and given.phase == "refused":  # it has stopped all the same
        return printable(f"{name}: {given.why}")
    if given.phase in ("refused", "unanswered"):
        return printable(f"{name}: {given.verb} was not done: {given.why}")
    if given.verb in ("freeze", "thaw") and status is not None:
        return f"{name}: {given.verb} done, learning is {status.learning}"
    if given.verb == "checkpoint" and status is not None and status.checkpoint is not None:
        return printable(f"{name}: checkpoint is on the disk, {status.checkpoint.file}")
    return f"{name}: {given.verb} done"
