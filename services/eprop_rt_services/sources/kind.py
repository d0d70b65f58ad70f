"""What the daemon asks of its source; live streams are one, a simulated stream another."""

from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, Self

from eprop_rt.series import Item, StreamInfo
from eprop_rt_services.sources.happenings import Notice

Role = Literal["signal", "labels", "markers"]
Standing = Literal["live", "stale", "lost"]


class LiveSource(Protocol):
    """Signals, labels and markers as they come; `LslSource` says what each of these means."""

    @property
    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        ...

    @property
    def notices(self) -> deque[Notice]:
        """Lines about what happened, to be taken from the left."""
        ...

    @property
    def signal_infos(self) -> tuple[StreamInfo, ...]:
        """What each signal announces."""
        ...

    @property
    def age_s(self) -> float:
        """How old the newest sample is."""
        ...

    def standing(self) -> list[tuple[Role, str, str, Standing]]:
        """Every stream's role, name, host and state."""
        ...

    def open(self, ended: Callable[[], bool]) -> tuple[StreamInfo, StreamInfo | None]:
        """Begin; returns what the signals together and the labels announce."""
        ...

    def pull(self, timeout_s: float, due_s: float | None = None) -> list[Item]:
        """Return what has come."""
        ...

    def drop_backlog(self) -> int:
        """Forget what has come since the last pull."""
        ...

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        ...
