"""What a daemon does, in a word, and no more than it said itself."""

import time

from eprop_rt_services.monitor.follow import Follower, Given

SILENT, STOPPED = "no answer", "stopped"
UNSURE = "it may still drive the cursor"
LEARNING = {"on": "learning", "frozen": "frozen", "off": "decoding"}


def standing(follower: Follower) -> str:
    """What it does now, as far as its last answer goes."""
    seen = follower.seen
    pid = None if seen.status is None else seen.status.pid
    if not seen.alive or seen.status is None:
        if has_stopped(follower.given.get("stop"), pid):
            return STOPPED
        return SILENT if seen.status is not None else f"{SILENT} yet"
    if seen.status.state != "running":
        return seen.status.state
    return LEARNING[seen.status.learning]


def has_stopped(stop: Given | None, pid: int | None) -> bool:
    """Whether the process that answered last confirmed a stop, before it fell silent.

    A stop that nobody confirmed may have got lost, and another process may have taken the place
    of one that did.
    """
    return stop is not None and stop.phase == "done" and stop.pid == pid


def doubt(follower: Follower) -> str:
    """What is to be feared of a daemon that does not answer; empty where nothing is."""
    seen = follower.seen
    if seen.alive or seen.status is None or standing(follower) == STOPPED:
        return ""
    return f"for {time.monotonic() - seen.status_at_s:.0f} s: {UNSURE}"
