"""A daemon that other machines may reach: with keys, and not without."""

import re
import socket

import pytest

from daemon_rig import Rig
from eprop_rt.errors import StreamError
from eprop_rt_services.zmq_link import (
    CommandSubscriber,
    ControlClient,
    make_keys,
    read_client_keys,
)
from processes import program
from wire_material import PATIENCE_S, until

pytestmark = pytest.mark.live

ANYWHERE = "tcp://0.0.0.0:*"


def address():
    """Of this machine as others see it; where it has no network, its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return any_socket.getsockname()[0]


@pytest.mark.parametrize("key", ["publish.endpoint", "control.endpoint"])
def test_without_keys_it_refuses_in_a_line_to_be_reached_from_elsewhere(tmp_path, key):
    live = Rig(tmp_path, overrides={key: ANYWHERE, "journal.folder": tmp_path / "s"})
    try:
        _, told = live.process.communicate(timeout=60)
    finally:
        live.close()
    assert live.process.returncode == 2
    (line,) = told.splitlines()[-1:]
    assert line.startswith(f"eprop-rt: cannot bind '{ANYWHERE}': only this machine may connect")
    assert "`eprop-rt keys FOLDER`" in line
    assert "Traceback" not in told


def test_with_keys_friends_elsewhere_read_and_give_orders_and_strangers_do_neither(tmp_path):
    mine, others = tmp_path / "keys", tmp_path / "others"
    make_keys(mine)
    make_keys(others)
    live = Rig(
        tmp_path,
        overrides={
            "publish.endpoint": ANYWHERE,
            "control.endpoint": ANYWHERE,
            "security.keys": mine,
            "journal.folder": tmp_path / "s",
        },
    )
    try:
        said = live.wait_until_ready()[-1]
        here = re.sub(r"0\.0\.0\.0", address(), said)
        commands, control = re.search(r"commands on (\S+), control on (\S+)", here).groups()
        friend = read_client_keys(mine)
        with (
            CommandSubscriber(commands, "decoded", lambda: 0.0, friend) as reader,
            CommandSubscriber(commands, "decoded", lambda: 0.0) as stranger,
            CommandSubscriber(
                commands, "decoded", lambda: 0.0, read_client_keys(others)
            ) as another,
        ):

            def arrived():
                live.feed(0.1)
                return reader.poll(0.05)

            assert until(arrived).header.names == ("x", "y")
            assert stranger.poll(0.2) is None
            assert another.poll(0.2) is None
        for keys in (None, read_client_keys(others)):
            with (
                ControlClient(control, keys) as client,
                pytest.raises(StreamError, match="it refused the connection: give the --keys"),
            ):
                client.ask("stop", 1.0)
        with ControlClient(control, friend) as client:
            status = client.ask("status", PATIENCE_S).status
        assert status.state == "running"
        assert status.events["unauthenticated"] >= 4
        at = ("--endpoint", control, "--keys", mine, "--timeout", 20)
        stopped = program("ctl", "stop", *at)
        assert (stopped.returncode, stopped.stderr) == (0, "")
        assert live.process.wait(timeout=20) == 0
    finally:
        live.close()
