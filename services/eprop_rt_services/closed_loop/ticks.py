"""Real time: instants on an exact grid of the clock of Lab Streaming Layer."""

import math
import time

from eprop_rt_services.lsl_link import local_clock


class Ticks:
    """The instants phase + k period, from now on, in order and none left out.

    Who is late gets the missed ones without a wait, so nothing ever drifts; the grid is the same
    in every process of this machine.
    """

    def __init__(self, period_s: float, phase_s: float = 0.0) -> None:
        self._period_s = period_s
        self._phase_s = phase_s
        self._index = math.floor((local_clock() - phase_s) / period_s) + 1

    @property
    def due_s(self) -> float:
        """The instant that comes next."""
        return self._phase_s + self._index * self._period_s

    def left_s(self) -> float:
        """How long until then; negative when late."""
        return self.due_s - local_clock()

    def wait(self) -> float:
        """Sleep until the next instant, and return it."""
        due_s, left_s = self.due_s, self.left_s()
        if left_s > 0:
            time.sleep(left_s)
        self._index += 1
        return due_s
