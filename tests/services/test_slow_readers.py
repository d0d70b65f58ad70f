"""Readers that do not read: they cost the effector nothing, and the publisher no memory."""

import resource
import socket
import struct

import pytest
import zmq

from eprop_rt_services.zmq_link import CommandPublisher, CommandSubscriber
from wire_material import ANY_PORT, PATIENCE_S, command, until

pytestmark = pytest.mark.live

VALUES = 2**15  # 128 KB a command: what waits is soon seen
COMMANDS = 4000  # half a gigabyte
MINUTE = 6000  # commands, at bins of 10 ms


def join(publisher, endpoint):
    reader = CommandSubscriber(endpoint, "cursor", now=lambda: 0.0)
    publisher.publish(command(publisher.published))

    def arrived():
        publisher.greet()
        return reader.poll(0.01)

    until(arrived)
    return reader


def resident_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class DeafPeer:
    """Speaks as much of ZMTP 3 over TCP as makes it a subscriber, and never reads again."""

    def __init__(self, endpoint):
        port = int(endpoint.rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
        )
        self._receive(64)
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
        self.socket.sendall(bytes([4, len(ready)]) + ready)
        self._receive(2)
        self.socket.sendall(b"\x00\x07\x01cursor")

    def _receive(self, count):
        while count:
            count -= len(self.socket.recv(count))


def test_visual_readers_that_stall_delay_no_effector():
    with CommandPublisher(ANY_PORT, "cursor", ANY_PORT) as publisher:
        assert publisher.endpoint != publisher.visual_endpoint
        with (
            join(publisher, publisher.visual_endpoint),
            join(publisher, publisher.visual_endpoint) as stalled,
            join(publisher, publisher.endpoint) as effector,
        ):
            for _ in range(200):
                publisher.publish(command(publisher.published, VALUES))
                received = effector.poll(PATIENCE_S)
                assert received.header.sequence == publisher.published - 1
            assert not effector.events
            late = []
            while (one := stalled.poll(0.2)) is not None:
                late.append(one.header.sequence)
            assert 0 < len(late) < 190


@pytest.mark.parametrize("kind", ["a reader", "a peer"])
def test_who_never_reads_blocks_nothing_and_costs_no_memory(kind):
    with CommandPublisher(ANY_PORT, "cursor") as publisher:
        publisher.publish(command(0))
        if kind == "a reader":
            deaf = join(publisher, publisher.endpoint)
        else:
            deaf = DeafPeer(publisher.endpoint).socket
            until(publisher.greet)
        with deaf:
            for _ in range(50):
                publisher.publish(command(publisher.published, VALUES))
            before = resident_kb()
            for _ in range(COMMANDS):  # it would hang here if it waited for anybody
                publisher.publish(command(publisher.published, VALUES))
            assert resident_kb() - before < COMMANDS * VALUES * 4 / 1024 / 8


def test_a_reader_that_stalled_for_a_minute_goes_on_with_the_next_command():
    with (
        CommandPublisher(ANY_PORT, "cursor") as publisher,
        join(publisher, publisher.endpoint) as reader,
    ):
        for _ in range(MINUTE):
            publisher.publish(command(publisher.published))
        stale = 0
        while reader.poll(0.2) is not None:
            stale += 1
        assert 0 < stale < MINUTE / 2  # the others were dropped and not kept for it
        publisher.publish(command(publisher.published))
        assert reader.poll(PATIENCE_S).header.sequence == publisher.published - 1


def test_a_subscription_beyond_the_bound_ends_its_connection_and_nothing_else():
    with (
        CommandPublisher(ANY_PORT, "cursor") as publisher,
        join(publisher, publisher.endpoint) as reader,
        zmq.Context() as context,
        context.socket(zmq.SUB) as greedy,
    ):
        greedy.setsockopt(zmq.LINGER, 0)
        greedy.connect(publisher.endpoint)
        greedy.subscribe(b"x" * 10_000)  # a million, and ZeroMQ overflows its own stack
        for _ in range(20):
            publisher.publish(command(publisher.published))
            assert reader.poll(PATIENCE_S).header.sequence == publisher.published - 1
