import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
import zmq

from eprop_rt.errors import ConfigError, EpropError, StreamError
from eprop_rt_protocols.codec import encode
from eprop_rt_protocols.control import ControlReply
from eprop_rt_services.zmq_link import (
    CommandPublisher,
    CommandSubscriber,
    ControlClient,
    ControlServer,
)
from wire_material import ANY_PORT, PATIENCE_S, asked, command, dealer, serve_one, until

pytestmark = pytest.mark.live


@pytest.fixture
def opened():
    with ExitStack() as closing:
        yield closing.enter_context


@pytest.fixture
def publisher(opened):
    return opened(CommandPublisher(ANY_PORT, "cursor"))


@pytest.fixture
def subscriber(opened, publisher):
    return opened(CommandSubscriber(publisher.endpoint, "cursor", now=lambda: 10.0))


def join(publisher, subscriber, sequence=0):
    """Publish one command and greet until it is there: the subscription is then known."""
    publisher.publish(command(sequence))

    def received():
        publisher.greet()
        return subscriber.poll(0.01)

    return until(received)


def test_commands_arrive_in_order_with_their_values(publisher, subscriber):
    join(publisher, subscriber)
    for sequence in (1, 2, 3):
        publisher.publish(command(sequence))
        received = subscriber.poll(PATIENCE_S)
        assert received.header.sequence == sequence
        assert received.values.tolist() == [sequence, sequence]
    assert publisher.published == 4


def test_poll_returns_none_when_nothing_comes(publisher, subscriber):
    join(publisher, subscriber)
    started = time.monotonic()
    assert subscriber.poll(0.05) is None
    assert 0.04 < time.monotonic() - started < 1.0


def test_a_reader_that_joins_late_gets_the_last_command(opened, publisher):
    for sequence in range(5):
        publisher.publish(command(sequence))
    late = opened(CommandSubscriber(publisher.endpoint, "cursor", now=lambda: 0.0))
    until(publisher.greet)
    assert late.poll(PATIENCE_S).header.sequence == 4
    assert publisher.greet() is False


def test_the_greeting_of_another_reader_is_not_a_second_command(opened, publisher, subscriber):
    join(publisher, subscriber)
    publisher.publish(command(1))
    assert subscriber.poll(PATIENCE_S).header.sequence == 1
    # Who has joined by the time of a command gets it without a greeting.
    other = opened(CommandSubscriber(publisher.endpoint, "cursor", now=lambda: 0.0))
    until(publisher.greet)
    assert other.poll(PATIENCE_S).header.sequence == 1
    assert subscriber.poll(0.1) is None
    assert subscriber.events["repeated"] == 1


def test_a_daemon_that_starts_anew_may_count_from_zero(publisher, subscriber):
    join(publisher, subscriber, sequence=7)
    publisher.publish(command(0, published_s=1.0))
    assert subscriber.poll(PATIENCE_S).header.sequence == 0


def test_a_command_past_its_deadline_is_dropped_and_counted(publisher, subscriber):
    join(publisher, subscriber)
    publisher.publish(command(1, deadline_s=9.999))
    publisher.publish(command(2, deadline_s=10.0))
    assert subscriber.poll(PATIENCE_S).header.sequence == 2
    assert subscriber.events["late"] == 1


def test_what_breaks_the_rules_is_dropped_and_counted(opened):
    raw = opened(opened(zmq.Context()).socket(zmq.PUB))
    raw.setsockopt(zmq.LINGER, 0)
    raw.bind(ANY_PORT)
    endpoint = raw.getsockopt_string(zmq.LAST_ENDPOINT)
    subscriber = opened(CommandSubscriber(endpoint, "t", now=lambda: 0.0))
    topic, head, payload = encode("t", command(3))

    def received():
        raw.send_multipart([topic, head, payload[:-1]])
        raw.send_multipart([topic, head, payload])
        return subscriber.poll(0.01)

    assert until(received).header.sequence == 3
    assert subscriber.events["malformed"] >= 1


def test_a_longer_topic_with_the_same_beginning_is_not_ours(opened):
    publisher = opened(CommandPublisher(ANY_PORT, "cursor2"))
    namesake = opened(CommandSubscriber(publisher.endpoint, "cursor2", now=lambda: 0.0))
    subscriber = opened(CommandSubscriber(publisher.endpoint, "cursor", now=lambda: 0.0))
    join(publisher, namesake)
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        publisher.greet()
        publisher.publish(command(publisher.published))
        assert subscriber.poll(0.01) is None
    assert not subscriber.events


def test_a_reader_that_never_reads_costs_commands_and_not_time(publisher, subscriber):
    join(publisher, subscriber)
    started = time.monotonic()
    for sequence in range(1, 501):  # 128 KB each: far more than the kernel buffers for a socket
        publisher.publish(command(sequence, values=2**15))
    took = time.monotonic() - started
    received = 0
    while subscriber.poll(0.2) is not None:
        received += 1
    assert took < 2.0
    assert 0 < received < 400


def test_the_last_commands_reach_a_slow_reader_after_it_wakes(publisher, subscriber):
    join(publisher, subscriber)
    for sequence in range(1, 501):
        publisher.publish(command(sequence, deadline_s=9.0, values=2**15))
    while subscriber.poll(0.2) is not None:
        pass
    publisher.publish(command(501))
    assert subscriber.poll(PATIENCE_S).header.sequence == 501
    assert subscriber.events["late"] > 0


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://0.0.0.0:5555",
        "tcp://*:5555",
        "tcp://192.0.2.1:5555",
        "tcp://[::]:5555",
        "tcp://rig-3:5555",
        "tcp://127.0.0.1",
        "udp://127.0.0.1:5555",
        "epgm://lo;239.192.1.1:5555",
        "127.0.0.1:5555",
        "ipc://",
        "",
    ],
)
@pytest.mark.parametrize("opening", [lambda at: CommandPublisher(at, "t"), ControlServer])
def test_binding_where_another_machine_could_connect_is_refused(opening, endpoint):
    with pytest.raises(ConfigError, match="only this machine may connect"):
        opening(endpoint)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:0", ANY_PORT, "tcp://[::1]:*"])
def test_the_real_endpoint_of_a_free_port_can_be_read(opened, endpoint):
    if "::1" in endpoint:
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                pytest.skip("this machine has no IPv6 loopback")
    publisher = opened(CommandPublisher(endpoint, "t"))
    assert int(publisher.endpoint.rpartition(":")[2]) > 0
    join(publisher, opened(CommandSubscriber(publisher.endpoint, "t", now=lambda: 0.0)))


def test_files_and_one_process_are_transports_too(opened, tmp_path):
    context = opened(zmq.Context())
    for endpoint in (f"ipc://{tmp_path}/commands", "inproc://commands"):
        publisher = opened(CommandPublisher(endpoint, "t", context=context))
        join(publisher, opened(CommandSubscriber(endpoint, "t", lambda: 0.0, context=context)))


def test_an_endpoint_that_is_taken_is_a_clear_error(publisher):
    with pytest.raises(StreamError, match=r"cannot bind 'tcp://127.*in use.*another port"):
        CommandPublisher(publisher.endpoint, "t")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:5555", "tcp://127.0.0.1", "http://here:1"])
def test_connecting_to_no_endpoint_at_all_is_a_clear_error(endpoint):
    with pytest.raises(EpropError, match="expected tcp://HOST:PORT"):
        ControlClient(endpoint)


def test_a_question_gets_its_answer(opened):
    server = opened(ControlServer(ANY_PORT))
    peer = opened(dealer(server.endpoint))
    peer.send(asked("freeze"))
    assert serve_one(server) == ["freeze"]
    assert peer.poll(PATIENCE_S * 1e3)
    assert peer.recv() == b'{"version":2,"request_id":"a","ok":true,"error":null,"status":null}'


def test_a_client_in_another_thread_is_answered(opened):
    server = opened(ControlServer(ANY_PORT))
    client = opened(ControlClient(server.endpoint))
    with ThreadPoolExecutor(1) as pool:
        for verb in ("status", "thaw"):
            pending = pool.submit(client.ask, verb, PATIENCE_S)
            assert serve_one(server) == [verb]
            assert pending.result().ok


def test_stop_is_handed_on_before_what_came_first(opened):
    server = opened(ControlServer(ANY_PORT))
    peer = opened(dealer(server.endpoint))
    requests = [asked(verb) for verb in ("thaw", "status", "freeze", "stop")]
    peer.send(requests[0])
    assert serve_one(server) == ["thaw"]
    for request in requests[1:]:
        peer.send(request)
    time.sleep(0.2)  # so that all three are there at one look
    assert [request.verb for _, request in server.poll()] == ["stop", "status", "freeze"]


def test_a_malformed_question_is_answered_with_the_reason(opened):
    server = opened(ControlServer(ANY_PORT))
    peer = opened(dealer(server.endpoint))
    peer.send(b'{"version":2,"request_id":"a","verb":"explode"}')

    def refused():
        assert server.poll() == []
        return server.events["malformed"]

    assert until(refused) == 1
    assert peer.poll(PATIENCE_S * 1e3)
    answer = peer.recv()
    assert b'"ok":false' in answer
    assert b"explode" not in answer
    assert b"'rollback', 'relabel' or 'stop'" in answer


def test_a_message_of_many_frames_or_none_does_no_harm(opened):
    server = opened(ControlServer(ANY_PORT))
    peer = opened(dealer(server.endpoint))
    peer.send_multipart([b"x"] * 50)
    peer.send(b"")
    peer.send_multipart([b"", asked("status")])
    assert serve_one(server) == ["status"]
    assert server.events["malformed"] == 2


def test_an_oversized_message_ends_the_connection_and_not_the_server(opened):
    server = opened(ControlServer(ANY_PORT))
    opened(dealer(server.endpoint)).send(bytes(10**6))
    peer = opened(dealer(server.endpoint))
    peer.send(asked("status"))
    assert serve_one(server) == ["status"]
    assert not server.events


def test_no_daemon_is_one_clear_line_after_the_timeout():
    with ControlServer(ANY_PORT) as gone:
        endpoint = gone.endpoint
    started = time.monotonic()
    with (
        ControlClient(endpoint) as client,
        pytest.raises(StreamError, match=r"no answer to 'status' from tcp.* within 0.1 s: check"),
    ):
        client.ask("status", timeout_s=0.1)
    assert time.monotonic() - started < 1.0


def test_an_order_that_met_no_daemon_does_not_wait_for_the_next_one(opened):
    with ControlServer(ANY_PORT) as gone:
        endpoint = gone.endpoint
    client = opened(ControlClient(endpoint))
    with suppress(StreamError):
        client.ask("stop", timeout_s=0.05)
    server = opened(ControlServer(endpoint))
    peer = opened(dealer(endpoint))
    time.sleep(0.3)  # long enough for the client to reconnect
    peer.send(asked("status"))
    assert serve_one(server) == ["status"]


def test_an_answer_to_an_earlier_question_is_passed_over(opened):
    def answer(request):
        ok = request.verb == "freeze"
        error = None if ok else "this is the earlier answer"
        return ControlReply(version=2, request_id=request.request_id, ok=ok, error=error)

    server = opened(ControlServer(ANY_PORT))
    client = opened(ControlClient(server.endpoint))
    with ThreadPoolExecutor(1) as pool:
        given_up = pool.submit(client.ask, "status", 0.3)
        with pytest.raises(StreamError):
            given_up.result()
        pending = pool.submit(client.ask, "freeze", PATIENCE_S)
        verbs = []
        while len(verbs) < 2:
            verbs += serve_one(server, answer)
        assert verbs == ["status", "freeze"]
        assert pending.result().ok


def test_an_answer_in_another_language_is_a_clear_error(opened):
    raw = opened(opened(zmq.Context()).socket(zmq.ROUTER))
    raw.setsockopt(zmq.LINGER, 0)
    raw.bind(ANY_PORT)
    client = opened(ControlClient(raw.getsockopt_string(zmq.LAST_ENDPOINT)))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(client.ask, "status", PATIENCE_S)
        address, _ = raw.recv_multipart()
        raw.send_multipart([address, b"HTTP/1.1 400 Bad Request"])
        with pytest.raises(StreamError, match="not as a daemon of this version"):
            pending.result()
