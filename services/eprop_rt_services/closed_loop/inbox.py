"""The commands of one decoder, as a task gets them."""

import time

import numpy as np

from eprop_rt.errors import StreamError
from eprop_rt.series import F64
from eprop_rt_protocols.command import Command
from eprop_rt_services.closed_loop.ticks import Ticks
from eprop_rt_services.latency import LatencyHistogram
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandSubscriber

OUTPUTS = 2
# ZeroMQ waits in whole milliseconds; what is left of a tick after that is slept.
COARSE_S = 0.001


class Inbox:
    """Commands as they come: the one that holds now, how long they took, how many were missed.

    Of several decoders one is listened to; what the others say is not even read. Raises StreamError
    where commands are no velocities.
    """

    def __init__(self, *subscribers: CommandSubscriber) -> None:
        self._subscribers = subscribers
        self.listen_to(0)

    def listen_to(self, place: int) -> None:
        """Listen to another decoder, and count from here."""
        if place >= len(self._subscribers):
            raise StreamError(
                f"decoder {place} is asked for, there are {len(self._subscribers)}: count from 0"
            )
        self._subscriber = self._subscribers[place]
        self._newest: Command | None = None
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self._first: int | None = None
        self._came = 0
        self._latency = LatencyHistogram()

    def listen(self, ticks: Ticks) -> None:
        """Take commands until shortly before the next tick, and whatever is there then."""
        while ticks.left_s() > COARSE_S:
            self._take(self._subscriber.poll(ticks.left_s() - COARSE_S))
        time.sleep(max(0.0, ticks.left_s()))
        while self._take(self._subscriber.poll(0.0)):
            pass

    def velocity(self, now_s: float) -> F64:
        """Return the commanded velocity (2,) in cm/s; zero once the command is past its time."""
        newest = self._newest
        if newest is None or newest.header.deadline_s < now_s:
            return np.zeros(OUTPUTS)
        return newest.values.astype(np.float64)

    def _take(self, command: Command | None) -> bool:
        if command is None:
            return False
        if command.values.shape != (OUTPUTS,):
            raise StreamError(
                f"a command of shape {command.values.shape} came, ({OUTPUTS},) was expected: "
                "the velocity in x and y in cm/s"
            )
        self._latency.add(local_clock() - command.header.stamps.origin_s)
        sequence = command.header.sequence
        newest = self._newest
        if self._first is None:
            self._first = sequence
        elif newest is not None and sequence < newest.header.sequence:
            # A decoder that starts anew counts anew: what was sent by the one before is kept.
            self._first = sequence - self.bins
        self._newest = command
        self._came += 1
        return True

    @property
    def learning(self) -> bool:
        """Whether the decoder says that it learns."""
        return self._newest is not None and self._newest.header.learning == "on"

    @property
    def bins(self) -> int:
        """How many commands were sent, as their sequence numbers tell."""
        if self._newest is None or self._first is None:
            return 0
        return self._newest.header.sequence - self._first + 1

    @property
    def missed(self) -> int:
        """How many of them did not come in time."""
        return self.bins - self._came

    def latency_ms(self) -> dict[str, float]:
        """Stamp of the newest sample to receipt of the command, in percentiles."""
        return self._latency.summary_ms()
