"""`eprop-rt ctl` and `eprop-rt keys`, as a person at a terminal sees them."""

import json
import sys
import threading
import time

import pytest

from eprop_rt_protocols.control import ControlReply
from eprop_rt_services import cli
from eprop_rt_services.commands.status_lines import status_lines
from eprop_rt_services.wording import duration
from eprop_rt_services.zmq_link import ControlServer, make_keys, read_server_keys
from status_material import FULL_STATUS
from wire_material import ANY_PORT, until

pytestmark = pytest.mark.live


class Answering:
    """A control server with a loop that answers everything, and remembers what it was asked."""

    def __init__(self, keys=None):
        self.requests = []
        self.refusal = None
        self.status = FULL_STATUS
        self._server = ControlServer(ANY_PORT, keys)
        self.endpoint = self._server.endpoint
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def _loop(self):
        while not self._ended.is_set():
            for address, request in self._server.poll():
                self.requests.append(request)
                about = {"version": 2, "request_id": request.request_id}
                ok = self.refusal is None
                status = self.status if ok else None
                reply = ControlReply(**about, ok=ok, error=self.refusal, status=status)
                self._server.reply(address, reply)
            time.sleep(0.002)

    def close(self):
        self._ended.set()
        self._thread.join()
        self._server.close()


@pytest.fixture
def daemon():
    answering = Answering()
    yield answering
    answering.close()


@pytest.fixture
def program(monkeypatch, capsys):
    """Run the program with these arguments: exit status, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["eprop-rt", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_status_is_laid_out_in_lines(program, daemon):
    status, out, err = program("ctl", "status", "--endpoint", daemon.endpoint, "--timeout", 20)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "running     for 8.5 s on rig-3, pid 4321, eprop-rt 0.1.0",
        "decoder     eprop, model alif-256, update 380",
        "learning    frozen by the operator, 380 bins learned from",
        "guard       accept; clip 3",
        "bins        400, 1 late; 399 commands published",
        "data        newest 250 ms old",
        "signal      spikes on nsp-1: live",
        "journal     day.xdf, 4.1kB, on the disk 500 ms ago",
        "checkpoint  kept.npz, 1 min 0 s ago, sha256 0123456789ab",
        "events      silence 2",
        "",
        "latency, ms       p50      p95      p99    p99.9      max",
        "total           0.500    0.750    1.000    1.500    2.000",
    ]


def test_a_status_with_nothing_in_it_is_laid_out_too():
    bare = FULL_STATUS.model_copy(
        update={
            "events": {},
            "latency_ms": {},
            "data_age_s": None,
            "streams": (),
            "journal": None,
            "checkpoint": None,
            "learning": "on",
            "learning_cause": "",
        }
    )
    lines = status_lines(bare).splitlines()
    assert "data        none yet" in lines
    assert "learning    on, 380 bins learned from" in lines
    assert lines[-3:] == ["journal     none", "checkpoint  none", "events      none"]


def test_names_from_elsewhere_cannot_move_the_cursor_of_a_terminal():
    hostile = FULL_STATUS.model_copy(update={"host": "rig\x1b[2J\n"})
    assert "rig?[2J?" in status_lines(hostile).splitlines()[0]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0 ms"), (0.25, "250 ms"), (8.5, "8.5 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize("verb", ["freeze", "thaw", "checkpoint", "rollback", "stop"])
def test_an_order_is_given_and_told_in_one_line(program, daemon, verb):
    status, out, err = program("ctl", verb, "--endpoint", daemon.endpoint, "--timeout", 20)
    assert (status, err) == (0, "")
    assert out == f"{verb}: done; running, learning frozen by the operator, guard accept\n"
    assert [request.verb for request in daemon.requests] == [verb]


def test_settings_go_with_their_types(program, daemon):
    pairs = ["a.rate=1e-3", "a.count=3", "a.on=true", "a.off=false", "a.kind=rls", "a.text=a=b"]
    status, _, err = program("ctl", "set", *pairs, "--endpoint", daemon.endpoint, "--timeout", 20)
    assert (status, err) == (0, "")
    assert daemon.requests[0].settings == {
        "a.rate": 1e-3, "a.count": 3, "a.on": True, "a.off": False, "a.kind": "rls",
        "a.text": "a=b",
    }  # fmt: skip


def test_a_label_of_the_past_is_sent(program, daemon):
    label = ("--from", 10.5, "--to", 12, "--values", "1.5,-0.5")
    status, _, err = program(
        "ctl", "relabel", *label, "--endpoint", daemon.endpoint, "--timeout", 20
    )
    assert (status, err) == (0, "")
    span = daemon.requests[0].span
    assert (span.from_s, span.to_s, span.values) == (10.5, 12.0, (1.5, -0.5))


def test_json_on_stdout_is_all_there_is_there(program, daemon):
    ending = ("--endpoint", daemon.endpoint, "--timeout", 20, "--json", "-")
    for verb in ("status", "freeze"):
        status, out, _ = program("ctl", verb, *ending)
        assert status == 0
        assert json.loads(out) == FULL_STATUS.model_dump(mode="json")


def test_a_refusal_is_one_line_and_an_exit_status(program, daemon):
    daemon.refusal = "publish.topic cannot change while it runs"
    status, out, err = program(
        "ctl", "set", "publish.topic=b", "--endpoint", daemon.endpoint, "--timeout", 20
    )
    assert (status, out) == (2, "")
    assert err == f"eprop-rt: the daemon refused set: {daemon.refusal}\n"


def test_a_stop_that_kept_nothing_is_told_as_it_is(program, daemon):
    daemon.refusal = "the daemon has stopped, but what it learned last is not on the disk: full"
    status, out, err = program("ctl", "stop", "--endpoint", daemon.endpoint, "--timeout", 20)
    assert (status, out, err) == (2, "", f"eprop-rt: {daemon.refusal}\n")


def test_an_answer_without_a_status_is_an_answer(program, daemon):
    daemon.status = None
    _, out, _ = program("ctl", "stop", "--endpoint", daemon.endpoint, "--timeout", 20)
    assert out == "stop: done\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "a"), "expected key.sub=value"),
        (("set", "=1"), "expected key.sub=value"),
        (("set", "A=1"), "settings.A"),
        (("set", "a=nan"), "a finite number"),
        (("set",), "Missing argument"),
        (("relabel", "--from", "2", "--to", "1", "--values", "1"), "a span of up to"),
        (("relabel", "--from", "1", "--to", "2", "--values", "1,x"), "--values 1,x"),
        (("relabel", "--from", "1", "--to", "2", "--values", "nan"), "finite"),
        (("relabel", "--from", "nan", "--to", "2", "--values", "1"), "from_s"),
        (("relabel", "--from", "1", "--values", "1"), "--to"),
        (("explode",), "explode"),
        (("status", "--keys", "/nowhere"), "cannot read the key /nowhere"),
        (
            ("status", "--timeout", "0.1", "--endpoint", "ipc:///no/such"),
            "check that the daemon runs",
        ),
    ],
)
def test_what_cannot_be_sent_is_one_line_and_sends_nothing(program, daemon, arguments, said):
    endpoint = () if arguments[0] in ("explode", "status") else ("--endpoint", daemon.endpoint)
    status, out, err = program("ctl", *arguments, *endpoint)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not daemon.requests


def test_keys_are_made_used_and_asked_for(program, tmp_path):
    folder = tmp_path / "keys"
    status, out, _ = program("keys", folder)
    assert status == 0
    assert f"-o security.keys={folder}" in out
    status, out, _ = program("keys", folder, "--client", "viewer")
    assert status == 0
    assert f"wrote {folder / 'viewer.key'}" in out
    status, _, err = program("keys", folder)
    assert status == 2
    assert "not overwritten" in err
    make_keys(tmp_path / "strangers")

    answering = Answering(read_server_keys(folder))
    try:
        at = ("--endpoint", answering.endpoint)
        for keys in (folder, folder / "viewer.key"):
            status, _, _ = program("ctl", "thaw", *at, "--keys", keys, "--timeout", 20)
            assert status == 0
        for keys in ((), ("--keys", tmp_path / "strangers")):

            def told(keys=keys):
                status, _, err = program("ctl", "stop", *at, *keys, "--timeout", 1)
                assert status == 2
                return "it refused the connection" in err

            until(told)
    finally:
        answering.close()
    assert [request.verb for request in answering.requests] == ["thaw", "thaw"]
