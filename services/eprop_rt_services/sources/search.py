"""Finding the one stream that is required: at the start, and again when it was lost."""

from dataclasses import dataclass

from eprop_rt.errors import StreamError
from eprop_rt.series import StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_link import Found, Inlet, look
from eprop_rt_services.sightings import check_the_one
from eprop_rt_services.sources.happenings import Happenings

LOOK_S = 0.5  # one attempt
SETTLE_NAMED_S = 0.1
SETTLE_AGAIN_S = 0.2
ANSWER_S = 2.0  # a sender that announces itself answers within


class StreamChanged(StreamError):  # noqa: N818
    """A stream came back as another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One stream of the source: its role names its events."""

    role: str
    requirement: StreamRequirement
    settle_s: float
    max_buffer_s: int
    happened: Happenings

    @property
    def is_markers(self) -> bool:
        """Whether it may be text."""
        return self.role == "markers"

    def named(self, event: str) -> str:
        """What happens to labels and markers has their role before its name."""
        return event if self.role == "stream" else f"{self.role}_{event}"

    def tell(self, event: str, stream: str, text: str, **values: float) -> None:
        """Tell what happened to the stream of this name."""
        text = f"stream '{stream}': {text}"
        self.happened.tell(self.named(event), text, stream=stream, role=self.role, **values)


@dataclass(frozen=True, slots=True)
class StillThere:
    """The sender that fell silent is in sight: it has nothing to say."""


def open_the_one(wanted: Wanted) -> Inlet | None:
    """Look once; raises StreamError where several answer, or one that cannot be taken."""
    requirement = wanted.requirement
    named = requirement.source_id is not None
    settle_s = min(wanted.settle_s, SETTLE_NAMED_S) if named else wanted.settle_s
    found = look(requirement, LOOK_S, settle_s)
    if not found:
        return None
    check_the_one(requirement, [one.sighting for one in found], wanted.is_markers)
    return _opened(wanted, found[0])


def open_again(
    wanted: Wanted, before: Found, info: StreamInfo, lost: bool
) -> Inlet | StillThere | None:
    """Look once for a sender in the place of `before`, whose stream announced `info`.

    Where the connection was `lost`, the same sender will do. Raises StreamChanged where one answers
    that is not what it was, StreamError where several do.
    """
    found = look(wanted.requirement, LOOK_S)
    if found and found[0].sighting.source_id != before.sighting.source_id:
        found = look(wanted.requirement, LOOK_S, SETTLE_AGAIN_S)
    if not lost and any(one.uid == before.uid for one in found):
        return StillThere()
    same = [one for one in found if one.sighting.source_id == before.sighting.source_id]
    found = same if len(same) == 1 else found
    if not found:
        return None
    if len(found) == 1:
        check_unchanged(found[0], before, info)
    check_the_one(wanted.requirement, [one.sighting for one in found], wanted.is_markers)
    try:
        return _opened(wanted, found[0])
    except StreamError:  # it answered just before it went
        return None


def check_unchanged(found: Found, before: Found, info: StreamInfo) -> None:
    """Raise StreamChanged where a stream came back with other channels or another rate."""
    came, known = found.sighting, before.sighting
    if (came.channels, came.sample_rate_hz, came.is_text) != (
        known.channels,
        known.sample_rate_hz,
        known.is_text,
    ):
        raise StreamChanged(
            f"stream {came} came in the place of '{info.name}' with {known.channels} channels at "
            f"{known.sample_rate_hz:g} Hz: it is not taken; send as before, or start anew"
        )


def _opened(wanted: Wanted, found: Found) -> Inlet:
    def tell(event: str, text: str, /, **values: float) -> None:
        wanted.tell(event, found.sighting.name, text, **values)

    return Inlet(found, wanted.max_buffer_s, ANSWER_S, tell)
