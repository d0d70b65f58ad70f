"""When to look for samples: not at each of them, but shortly before the one that completes a bin.

A process that is woken a thousand times a second takes a tenth of a core for that alone, from
whoever shares it. It is up one or two samples early: with them its way through the caches is warm.
"""

import math
from typing import Final

EARLY_S: Final = 0.0015
WINDOW_S: Final = 2.0


class Pace:
    """Learns by how much samples come after their stamps, and never sleeps through one.

    Delays vary; the least one of the last seconds is what counts. A stream whose stamps are ahead
    of our clock has a negative one.
    """

    def __init__(self) -> None:
        self._least_s = self._least_before_s = math.inf
        self._began_s = -math.inf

    def came(self, newest_s: float, now_s: float) -> None:
        """Samples up to this stamp were there."""
        if now_s - self._began_s > WINDOW_S:
            self._least_before_s, self._least_s = self._least_s, math.inf
            self._began_s = now_s
        self._least_s = min(self._least_s, now_s - newest_s)

    def left_s(self, due_s: float, now_s: float) -> float | None:
        """How long until the sample of stamp `due_s` can be here; None where that is not known."""
        delay_s = min(self._least_s, self._least_before_s)
        return due_s + delay_s - now_s if math.isfinite(delay_s) else None
