"""Keys: who gets in, who does not, and what is said and counted then."""

import json
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import zmq

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_services.zmq_link import (
    CommandPublisher,
    CommandSubscriber,
    ControlClient,
    ControlServer,
    make_keys,
    read_client_keys,
    read_server_keys,
)
from wire_material import ANY_PORT, PATIENCE_S, asked, command, dealer, serve_one, until

pytestmark = pytest.mark.live

ANYWHERE = "tcp://0.0.0.0:*"


def here(endpoint):
    return endpoint.replace("0.0.0.0", "127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def server(folder):
    with ControlServer(ANYWHERE, read_server_keys(folder)) as opened:
        yield opened


def test_with_keys_a_daemon_may_be_reached_from_anywhere_and_answers(folder, server):
    with (
        ControlClient(here(server.endpoint), read_client_keys(folder)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        reply = pool.submit(client.ask, "freeze", PATIENCE_S)
        assert serve_one(server) == ["freeze"]
        assert reply.result().ok
    assert not server.events


def test_a_client_without_keys_is_shut_out_counted_and_told(server):
    def told():
        with pytest.raises(StreamError) as unanswered:
            client.ask("stop", 0.2)
        return "refused the connection: give the --keys" in str(unanswered.value)

    with ControlClient(here(server.endpoint)) as client:
        until(told)
    until(lambda: server.events["unauthenticated"])
    assert not server.stop_asked
    assert server.poll() == []


def test_a_client_whose_key_is_not_in_the_folder_is_shut_out(folder, server, tmp_path):
    make_keys(tmp_path / "others")
    stranger = read_client_keys(tmp_path / "others")
    mine = read_client_keys(folder)
    wrong_server = replace(mine, server_public=stranger.server_public)
    for keys in (replace(stranger, server_public=mine.server_public), stranger, wrong_server):
        before = server.events["unauthenticated"]
        with dealer(here(server.endpoint), keys=keys) as peer:
            peer.send(asked("stop"))
            until(lambda before=before: server.events["unauthenticated"] > before)
    assert not server.stop_asked


def test_a_key_more_admits_and_a_key_less_shuts_out_while_it_runs(folder, server):
    path = make_keys(folder, "viewer")
    viewer = read_client_keys(path)
    with dealer(here(server.endpoint), keys=viewer) as peer:
        peer.send(asked("thaw"))
        assert serve_one(server) == ["thaw"]
    (folder / "clients" / "viewer.pub").unlink()
    with dealer(here(server.endpoint), keys=viewer) as peer:
        peer.send(asked("stop"))
        until(lambda: server.events["unauthenticated"])
    assert not server.stop_asked


def test_what_lies_in_the_folder_and_is_no_key_admits_nobody(folder, server):
    clients = folder / "clients"
    (clients / "a.pub").write_bytes(b"\xff" * 100)
    (clients / "b.pub").write_text("[" * 4000)
    (clients / "c.pub").mkdir()
    (clients / "d.pub").write_text('{"client_public": 3}')
    with dealer(here(server.endpoint), keys=read_client_keys(folder)) as peer:
        peer.send(asked("thaw"))
        assert serve_one(server) == ["thaw"]


def test_who_speaks_no_zeromq_at_all_is_counted_and_harms_nothing(folder, server):
    port = int(server.endpoint.rpartition(":")[2])
    for said in (
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(200),
        b"\xff" + bytes(8) + b"\x7f\x03" + bytes(99),
    ):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(said)
    until(lambda: server.events["unauthenticated"] >= 1)
    with dealer(here(server.endpoint), keys=read_client_keys(folder)) as peer:
        peer.send(asked("thaw"))
        assert serve_one(server) == ["thaw"]


def test_commands_are_for_clients_with_a_key(folder):
    keys = read_server_keys(folder)
    with (
        CommandPublisher(ANYWHERE, "cursor", ANYWHERE, keys) as publisher,
        CommandSubscriber(here(publisher.endpoint), "cursor", lambda: 0.0) as stranger,
        CommandSubscriber(
            here(publisher.visual_endpoint), "cursor", lambda: 0.0, read_client_keys(folder)
        ) as friend,
    ):
        publisher.publish(command(1))

        def arrived():
            publisher.greet()
            return friend.poll(0.01)

        assert until(arrived).header.sequence == 1
        until(lambda: publisher.events["unauthenticated"])
        publisher.publish(command(2))
        assert friend.poll(PATIENCE_S).header.sequence == 2
        assert stranger.poll(0.1) is None


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.0.2.1:1"])
def test_without_keys_the_refusal_names_the_command_that_makes_them(endpoint):
    for opening in (ControlServer, lambda at: CommandPublisher(ANY_PORT, "t", at)):
        with pytest.raises(ConfigError, match="`eprop-rt keys FOLDER`") as refused:
            opening(endpoint)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["tcp://", "tcp://:5555", "udp://0.0.0.0:1", "0.0.0.0:5555"])
def test_with_keys_an_endpoint_must_still_be_one(folder, endpoint):
    with pytest.raises(ConfigError, match="cannot bind"):
        ControlServer(endpoint, read_server_keys(folder))


def test_the_file_of_an_ipc_endpoint_is_its_owners_alone(tmp_path):
    with ControlServer(f"ipc://{tmp_path}/control"):
        assert stat.S_IMODE((tmp_path / "control").stat().st_mode) & 0o077 == 0


def test_keys_are_for_their_owner_alone_and_never_overwritten(folder):
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        "server.key",
        "operator.key",
        "operator.pub",
    }
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o600}
    for name in (None, "operator"):
        with pytest.raises(ConfigError, match="not overwritten"):
            make_keys(folder, name)
    (folder / "operator.key").rename(folder / "moved.away")
    with pytest.raises(ConfigError, match="not overwritten"):
        make_keys(folder, "operator")
    assert all(path.read_bytes() == before[path] for path in before if path.exists())


@pytest.mark.parametrize("name", ["", "server", "../x", "a b", "x" * 65, "a/b", ".."])
def test_a_client_needs_a_name_that_is_a_file_name(folder, name):
    with pytest.raises(ConfigError, match="cannot be called"):
        make_keys(folder, name)


def test_a_secret_that_others_can_read_is_refused(folder):
    for path, read in (
        (folder / "server.key", lambda: read_server_keys(folder)),
        (folder / "operator.key", lambda: read_client_keys(folder)),
    ):
        path.chmod(0o640)
        with pytest.raises(ConfigError, match="can be read by others: chmod 600"):
            read()


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{", '{"server_secret": "short"}', "\0"])
def test_a_file_that_holds_no_keys_is_one_line(folder, content):
    for name in ("server.key", "operator.key"):
        (folder / name).write_text(content)
    for read in (read_server_keys, read_client_keys):
        with pytest.raises(ConfigError, match="it holds no keys") as refused:
            read(folder)
        assert "\n" not in str(refused.value)


def test_the_keys_of_the_server_are_none_of_a_client(folder):
    with pytest.raises(ConfigError, match=r"name the NAME\.key of a client"):
        read_client_keys(folder / "server.key")


def test_secrets_are_not_shown(folder):
    for keys in (read_server_keys(folder), read_client_keys(folder)):
        assert keys.secret.decode() not in repr(keys)
    content = json.loads((folder / "operator.key").read_text())
    assert zmq.curve_public(content["client_secret"].encode()).decode() == content["client_public"]
