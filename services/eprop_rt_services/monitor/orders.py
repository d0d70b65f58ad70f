"""What the buttons say, and what became of the newest order."""

import time
from typing import Any

from eprop_rt_protocols.control import Verb
from eprop_rt_protocols.status import Status
from eprop_rt_services.monitor.follow import Follower, Given
from eprop_rt_services.monitor.standing import STOPPED, UNSURE, standing
from eprop_rt_services.wording import printable

VERBS: tuple[Verb, ...] = ("freeze", "thaw", "rollback", "checkpoint", "stop")
TITLES: dict[Verb, str] = {
    "freeze": "Freeze",
    "thaw": "Thaw",
    "rollback": "Roll back",
    "checkpoint": "Checkpoint",
    "stop": "Stop",
}
IN_FORCE: dict[Verb, tuple[str, str]] = {"freeze": ("frozen", "Frozen"), "thaw": ("on", "Thawed")}
SHOWN_S = 20.0  # so long the end of an order is told


def button(follower: Follower, verb: Verb) -> dict[str, Any]:
    """What stands on it, whether it is in force, and whether it can be pressed."""
    seen, given = follower.seen, follower.given.get(verb)
    asked = given is not None and given.phase == "asked"
    learning, word = IN_FORCE.get(verb, ("", ""))
    if verb == "stop":
        held, word = standing(follower) == STOPPED, STOPPED.capitalize()
    else:
        held = seen.alive and seen.status is not None and seen.status.learning == learning
    label = f"{TITLES[verb]}: asked" if asked else word if held else TITLES[verb]
    enabled = verb == "stop" or (seen.alive and not asked)
    return {"label": label, "held": held, "asked": asked, "enabled": enabled}


def told(follower: Follower) -> str:
    """What became of the newest order, in one line."""
    if not follower.given:
        return ""
    newest = max(follower.given.values(), key=lambda each: each.number)
    if time.monotonic() - newest.at_s > SHOWN_S and newest.phase == "done":
        return ""
    return printable(f"{follower.target.name}: {outcome(follower, newest)}")


def outcome(follower: Follower, given: Given) -> str:
    """One order, as far as it has come."""
    match given.phase:
        case "asked":
            return f"{given.verb} asked"
        case "refused" if given.verb == "stop":  # it has stopped all the same
            return given.why
        case "refused":
            return f"{given.verb} was not done: {given.why}"
        case "unanswered":
            unsure = UNSURE if given.verb == "stop" else "it may be done or not"
            return f"{given.verb} was not answered, {unsure}: {given.why}"
        case "done":
            return f"{given.verb} {effect(given.verb, follower.seen.status)}"


def effect(verb: Verb, status: Status | None) -> str:
    """What an order did, as the daemon's status has it."""
    if verb in IN_FORCE and status is not None:
        return f"done, learning is {status.learning}"
    if verb == "checkpoint" and status is not None and status.checkpoint is not None:
        return f"is on the disk, {status.checkpoint.file}"
    return "done"
