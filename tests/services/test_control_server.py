"""Control in its own thread: stop wins, floods are refused, nothing stops it."""

import threading
import time

import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_protocols.control import MAX_CONTROL_BYTES, ControlReply, decode_reply
from eprop_rt_services.zmq_link import ControlServer
from eprop_rt_services.zmq_link.control_server import (
    MAX_WAITING,
    MAX_WAITING_A_CLIENT,
    REQUESTS_A_LOOK,
)
from wire_material import ANY_PORT, PATIENCE_S, asked, dealer, done, serve_one, until

pytestmark = pytest.mark.live

FLOOD = 10_000


def answer_to(peer):
    assert peer.poll(PATIENCE_S * 1e3)
    return decode_reply(peer.recv())


@pytest.fixture
def server():
    with ControlServer(ANY_PORT) as opened:
        yield opened


def test_a_stop_is_seen_while_nobody_polls_and_is_polled_first():
    heard = threading.Event()
    with (
        ControlServer(ANY_PORT, on_stop=heard.set) as server,
        dealer(server.endpoint) as peer,
    ):
        assert not server.stop_asked
        for verb in ("status", "freeze", "stop"):
            peer.send(asked(verb))
        assert heard.wait(PATIENCE_S)
        assert server.stop_asked
        assert [request.verb for _, request in server.poll()] == ["stop", "status", "freeze"]


def test_a_stop_behind_a_flood_of_the_same_client_is_seen(server):
    with dealer(server.endpoint) as peer:
        for _ in range(FLOOD):
            peer.send(asked("status"))
        peer.send(asked("stop"))
        until(lambda: server.stop_asked)
    taken = server.poll()
    assert taken[0][1].verb == "stop"
    assert len(taken) == REQUESTS_A_LOOK
    assert server.events["control_busy"] == FLOOD - MAX_WAITING_A_CLIENT


def test_a_stop_of_another_client_is_seen_before_the_flood_is_through(server):
    """The flood goes on until the stop has won, so it can only win from amid the flood."""
    won = threading.Event()

    def flood():
        with dealer(server.endpoint) as peer:
            while not won.is_set():
                peer.send(asked("status"))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        until(lambda: server.events["control_busy"] > FLOOD)
        with dealer(server.endpoint) as peer:
            peer.send(asked("stop"))
            until(lambda: server.stop_asked)
    finally:
        won.set()
        flooding.join()


def test_a_stop_in_escaped_letters_is_one_too(server):
    with dealer(server.endpoint) as peer:
        for _ in range(MAX_WAITING):
            peer.send(asked("status"))
        peer.send(asked("stop").replace(b"stop", b"\\u0073to\\u0070"))
        until(lambda: server.stop_asked)


def test_further_stops_are_answered_at_once_and_hold_up_nothing(server):
    with dealer(server.endpoint) as peer:
        for at in range(1000):
            peer.send(asked("stop", f"stop {at}"))
        assert answer_to(peer).ok
        assert [request.verb for _, request in until(server.poll)] == ["stop"]


def test_a_flood_is_refused_and_the_loop_gets_few_at_a_time(server):
    with dealer(server.endpoint) as flooding, dealer(server.endpoint) as patient:
        for _ in range(FLOOD):
            flooding.send(asked("status"))
        refused = answer_to(flooding)
        assert not refused.ok
        assert refused.request_id == ""
        assert "ask again" in refused.error
        until(lambda: server.events["control_busy"] == FLOOD - MAX_WAITING_A_CLIENT)
        patient.send(asked("freeze", "mine"))
        verbs = []
        while "freeze" not in verbs:
            served = serve_one(server)
            assert len(served) <= REQUESTS_A_LOOK
            verbs += served
        assert verbs == ["status"] * MAX_WAITING_A_CLIENT + ["freeze"]
        assert answer_to(patient).request_id == "mine"
        flooding.send(asked("thaw"))  # all that it had waiting is answered: it may ask again
        assert serve_one(server) == ["thaw"]


def test_until_it_is_opened_requests_are_answered_meanwhile_and_a_stop_too():
    def meanwhile(request):
        if request.verb == "freeze":
            raise ConfigError("not ready yet")
        if request.verb == "thaw":
            raise ZeroDivisionError
        return done(request)

    with (
        ControlServer(ANY_PORT, meanwhile=meanwhile) as server,
        dealer(server.endpoint) as peer,
    ):
        peer.send(asked("status"))
        assert answer_to(peer).ok
        peer.send(asked("freeze"))
        assert answer_to(peer).error == "not ready yet"
        peer.send(asked("thaw"))
        assert "see the daemon's log" in answer_to(peer).error
        assert server.events == {"control_failed": 1}
        assert server.poll() == []
        peer.send(asked("stop"))
        assert answer_to(peer).ok
        assert server.stop_asked
        assert server.poll() == []
        server.open()
        peer.send(asked("status"))
        assert serve_one(server) == ["status"]


def test_who_still_waits_when_it_closes_is_told():
    with dealer("tcp://127.0.0.1:9") as stopping, dealer("tcp://127.0.0.1:9") as waiting:
        with ControlServer(ANY_PORT) as server:
            for peer, verb in ((waiting, "status"), (stopping, "stop")):
                peer.disconnect("tcp://127.0.0.1:9")
                peer.connect(server.endpoint)
                peer.send(asked(verb))
            until(lambda: server.stop_asked)
            waiting.send(asked("freeze"))
            time.sleep(0.1)
        assert answer_to(stopping).ok
        assert answer_to(waiting).error == "the daemon has stopped"


def test_a_stop_that_comes_when_all_is_over_is_told_what_was_not_kept():
    with dealer("tcp://127.0.0.1:9") as late:
        with ControlServer(ANY_PORT) as server:
            server.lost = "the daemon has stopped, but the disk is full"
            late.disconnect("tcp://127.0.0.1:9")
            late.connect(server.endpoint)
            late.send(asked("stop"))
            until(lambda: server.stop_asked)
        assert answer_to(late).error == "the daemon has stopped, but the disk is full"


def test_messages_are_counted_by_what_is_wrong_with_them(server):
    with dealer(server.endpoint) as peer:
        for body in (
            b"{",
            b'{"version":1,"request_id":"a","verb":"freeze"}',
            b" " * (MAX_CONTROL_BYTES + 1),
        ):
            peer.send(body)
            refused = answer_to(peer)
            assert not refused.ok
            assert refused.request_id == ""
    assert server.events == {"malformed": 1, "wrong_version": 1, "oversized": 1}
    assert server.poll() == []


def test_an_answer_that_is_too_long_is_a_refusal_and_not_the_end(server):
    def too_long(request):
        return ControlReply.model_construct(
            version=2, request_id=request.request_id, ok=False, error="x" * 100_000, status=None
        )

    with dealer(server.endpoint) as peer:
        peer.send(asked("status"))
        serve_one(server, too_long)
        assert "no answer could be made: message of" in answer_to(peer).error
    assert server.events == {"control_failed": 1}


def test_replies_may_come_from_any_thread(server):
    with dealer(server.endpoint) as peer:
        for at in range(20):
            peer.send(asked("checkpoint", str(at)))
        asked_for = []
        while len(asked_for) < 20:
            asked_for += until(server.poll)
        threads = [
            threading.Thread(target=server.reply, args=(address, done(request)))
            for address, request in asked_for
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer_to(peer).request_id for _ in range(20)} == {str(at) for at in range(20)}


def test_a_client_that_never_reads_its_answers_holds_up_nobody(server):
    with dealer(server.endpoint, waiting_answers=1) as deaf, dealer(server.endpoint) as peer:
        for _ in range(FLOOD):
            deaf.send(b"{" * 1000)
        until(lambda: server.events["malformed"] == FLOOD)
        peer.send(asked("status"))
        assert serve_one(server) == ["status"]
        assert answer_to(peer).ok
