"""What can go wrong on the wire, drawn as a tree.

ProtocolError               a message that breaks the rules
|-- LocalProtocolError      we tried to send it: a fault of this program
`-- RemoteProtocolError     it came from elsewhere: count it and drop it
"""

from typing import Literal

from pydantic import ValidationError

from eprop_rt_protocols.strictness import VERSION

Reason = Literal["frames", "topic", "size", "field", "version", "shape", "payload", "finite"]


class ProtocolError(ValueError):
    """A message that breaks the rules; `reason` names the rule, the text is one line."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


class LocalProtocolError(ProtocolError):
    """What this program tried to send is against the rules."""


class RemoteProtocolError(ProtocolError):
    """What came from elsewhere is against the rules."""


def refused_fields(what: str, error: ValidationError) -> RemoteProtocolError:
    """Return the one error that says what is wrong in a received `what`, version first."""
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        if problem["loc"] == ("version",) and problem["type"] != "missing":
            came = repr(problem["input"])[:40]
            return RemoteProtocolError(
                "version",
                f"{what} of version {came} came, version {VERSION} is spoken here: "
                "update the older side",
            )
    first = problems[0]
    path = ".".join(str(part) for part in first["loc"])[:80]
    field = "".join(letter if letter.isprintable() else "?" for letter in path)  # it came too
    reason: Reason = "shape" if field.split(".")[0] == "shape" else "field"
    said = first["msg"].removeprefix("Value error, ")[:200]
    return RemoteProtocolError(reason, f"{what} refused{f' at {field}' if field else ''}: {said}")
