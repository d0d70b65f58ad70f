"""What control costs the loop, and how soon a stop is seen amid a flood of questions.

python bench/control.py
"""

import multiprocessing
import time
from collections.abc import Callable

import numpy as np
import zmq

from eprop_rt_protocols.control import ControlReply, ControlRequest, Verb, encode_request
from eprop_rt_services.zmq_link import ControlServer

ANY_PORT = "tcp://127.0.0.1:*"
FLOOD = 10_000
BIN_S = 0.01
LOOKS = 100_000
WAIT_S = 3.0


def question(verb: Verb) -> bytes:
    """One question as it travels."""
    return encode_request(ControlRequest(version=2, request_id="bench", verb=verb))


def nanoseconds_a_look(server: ControlServer) -> float:
    """The best of five: a look of the loop when nothing has come."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(LOOKS):
            server.poll()
        best = min(best, (time.perf_counter() - started) / LOOKS)
    return best * 1e9


def flood(endpoint: str, stop_on_the_same: bool, sent: Callable[[float], None]) -> None:
    """Ten thousand questions, then a stop on the same connection or on another."""
    asked, stop = question("status"), question("stop")
    with zmq.Context() as context, context.socket(zmq.DEALER) as asking:
        asking.setsockopt(zmq.SNDHWM, 0)
        asking.connect(endpoint)
        with context.socket(zmq.DEALER) as other:
            other.connect(endpoint)
            time.sleep(0.5)  # both are connected
            for _ in range(FLOOD):
                asking.send(asked)
            sent(time.monotonic())
            (asking if stop_on_the_same else other).send(stop)
            time.sleep(WAIT_S / 2)


def stop_amid_a_flood(on_the_same: bool) -> tuple[float, list[float]]:
    """Milliseconds until the stop was seen, and by how much the loop's bins came late."""
    seen: list[float] = []
    late_ms = []
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with ControlServer(ANY_PORT, on_stop=lambda: seen.append(time.monotonic())) as server:
        work = server.endpoint, on_the_same, sender.send
        flooding = multiprocessing.Process(target=flood, args=work)
        flooding.start()
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            due = time.monotonic() + BIN_S
            time.sleep(BIN_S)
            for address, request in server.poll():
                reply = ControlReply(version=2, request_id=request.request_id, ok=True)
                server.reply(address, reply)
            late_ms.append((time.monotonic() - due) * 1e3)
        flooding.join()
    return (seen[0] - receiver.recv()) * 1e3, late_ms


if __name__ == "__main__":
    with ControlServer(ANY_PORT) as idle:
        print(f"a look when nothing has come: {nanoseconds_a_look(idle):.0f} ns")
    for same, who in ((True, "the same client"), (False, "another client")):
        seen_ms, late = stop_amid_a_flood(same)
        p50, p99, most = np.percentile(late, (50, 99, 100))
        print(f"a stop of {who} behind {FLOOD} questions: seen after {seen_ms:.1f} ms; meanwhile")
        print(
            f"  the loop's bins came late by p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms"
        )
