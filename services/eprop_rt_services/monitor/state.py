"""What the page says in words: a mapping that its script puts into place, and nothing else."""

import time
from collections.abc import Sequence
from typing import Any

from eprop_rt_protocols.screen import Screen, TrialResult
from eprop_rt_protocols.status import LatencyMs, Status
from eprop_rt_services.monitor.follow import Follower
from eprop_rt_services.monitor.orders import VERBS, button, told
from eprop_rt_services.monitor.seen import Seen
from eprop_rt_services.monitor.standing import doubt, standing
from eprop_rt_services.monitor.trials import RECENT
from eprop_rt_services.wording import amount, duration, printable

Words = dict[str, str]

EVENTS = 5  # the most frequent; `eprop-rt ctl status` has them all
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
        "stale": {
            "screen": chosen.seen.screen_is_stale,
            "bins": chosen.seen.views_are_stale,
            "status": chosen.seen.status is not None and not chosen.seen.alive,
        },
        "events": counted(chosen.seen.status.events)[:EVENTS] if chosen.seen.status else [],
    }


def card(follower: Follower) -> Words:
    """One daemon in a few words."""
    seen = follower.seen
    return {
        "name": follower.target.name,
        "state": standing(follower),
        "age": age(seen),
        "success": NOTHING if seen.screen_is_stale else success(seen.all_trials()),
    }


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
    recent = trials[-RECENT:]
    won = sum(one.success for one in recent)
    return f"{100 * won / len(recent):.0f} %"


def words(follower: Follower) -> Words:
    """Everything about the selected daemon, by the place where it stands."""
    seen, status = follower.seen, follower.seen.status
    told = {
        "state": standing(follower),
        "doubt": doubt(follower),
        "why": "" if seen.alive else printable(seen.refusal),
        "age": age(seen),
        "trials": trials_words(seen),
        "phase": ""
        if seen.screen is None or seen.screen_is_stale
        else printable(seen.screen.phase),
        "no-screen": no_screen(follower),
        "no-views": no_views(follower),
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
        "total": "" if total is None else f"total: {percentiles(total)}",
    }


def percentiles(total: LatencyMs) -> str:
    """The marks of a stage in figures."""
    marks = {"p50": total.p50, "p99": total.p99, "p99.9": total.p999, "max": total.max}
    return ", ".join(f"{name} {three_digits(ms)}" for name, ms in marks.items()) + " ms"


def three_digits(value: float) -> str:
    """As many as there are to read; no fewer than there are before the point."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


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
    if seen.screen_is_stale:
        return f"{trials_of(screen)} until it went"
    times = [t.time_to_target_s for t in seen.all_trials()[-RECENT:] if t.time_to_target_s]
    mean = f", {sum(times) / len(times):.2f} s to target" if times else ""
    return f"{trials_of(screen)}, newest {success(seen.all_trials())}{mean}"


def trials_of(screen: Screen) -> str:
    """How many have ended."""
    return f"{screen.trial} {'trial' if screen.trial == 1 else 'trials'}"


def no_screen(follower: Follower) -> str:
    """Why there is no cursor; empty where there is one."""
    seen = follower.seen
    if seen.screen_is_stale:
        return f"The task has gone: no screen for {since(seen.screen_at_s)}."
    if seen.screen is not None:
        return ""
    if follower.target.screen is None:
        return f"No task is shown: give --screen {follower.target.name}=ENDPOINT."
    return "Waiting for the screen of the task."


def no_views(follower: Follower) -> str:
    """Why there are no bins to see, or no new ones; empty where they come."""
    seen = follower.seen
    if seen.views_are_stale:
        return f"no new bins for {since(seen.view_at_s)}"
    if seen.views:
        return ""
    if follower.target.views is None:
        return "No pictures of its bins: let the daemon have a publish.visual_endpoint."
    return "Waiting for the daemon's views."


def since(at_s: float) -> str:
    """How long ago that was, in whole seconds."""
    return f"{time.monotonic() - at_s:.0f} s"
