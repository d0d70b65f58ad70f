"""What a live source met: counted, and told where there is more to tell."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from eprop_rt_services.logs import count_and_log
from eprop_rt_services.lsl_link import local_clock


@dataclass(frozen=True, slots=True)
class Notice:
    """Something unusual that a line can tell: `at_s` on the local clock."""

    event: str
    text: str
    at_s: float


class Happenings:
    """Counts events, and keeps a line of those that have more to tell."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.notices: deque[Notice] = deque(maxlen=1000)

    def count(self, event: str, times: int = 1) -> None:
        """Count, unless nothing happened."""
        if times:
            self.events[event] += times

    def tell(self, event: str, text: str, **values: Any) -> None:
        """Count once, log the line with its values and keep it."""
        self.notices.append(Notice(event, text, local_clock()))
        count_and_log(self.events, event, text, **values)
