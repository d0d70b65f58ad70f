"""When to look for samples: not at each of them, but shortly before the one that completes a bin.

A process that is woken a thousand times a second takes a tenth of a core for that alone, from
whoever shares it.
"""

import math
from typing import Final

# So long before it is due: its path is warm in the caches then, and a timer may be late.
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

    def spare_s(self, due_s: float, now_s: float) -> float:
        """For how long there is nothing to do before the sample of stamp `due_s`, 0 if unknown."""
        delay_s = min(self._least_s, self._least_before_s)
        if not math.isfinite(delay_s):
            return 0.0
        return max(0.0, due_s + delay_s - EARLY_S - now_s)
