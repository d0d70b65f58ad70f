"""Why a stream that is looked for was not taken: told once, under a name."""

from typing import Any

from eprop_rt.errors import StreamError
from eprop_rt_services.sightings import StreamAmbiguous
from eprop_rt_services.sources.happenings import Happenings
from eprop_rt_services.sources.search import StreamChanged
from eprop_rt_services.sources.seeker import SearchFailed, Seeker


class Refusals:
    """Of one stream; `role` is before the names of its events.

    Events: `changed` (another one answers), `ambiguous` (several do), `search_failed` (liblsl
    failed), `refused` (whatever else: it is not as required, or does not answer).
    """

    def __init__(self, role: str, happened: Happenings) -> None:
        self._role, self._happened = role, happened
        self._told: set[str] = set()

    def hear(self, seeker: Seeker[Any]) -> None:
        """Tell what the seeker met and was not told before."""
        while seeker.refusals:
            error = seeker.refusals.popleft()
            if str(error) not in self._told:
                self._told.add(str(error))
                self._happened.tell(f"{self._role}_{kind_of(error)}", str(error), role=self._role)

    def forget(self) -> None:
        """The stream is there: what stands in its way from now on is news."""
        self._told.clear()


def kind_of(error: StreamError) -> str:
    """The name of its event, but for the role."""
    match error:
        case StreamChanged():
            return "changed"
        case StreamAmbiguous():
            return "ambiguous"
        case SearchFailed():
            return "search_failed"
        case _:
            return "refused"
