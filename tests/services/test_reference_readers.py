"""The readers of the documentation, as processes at a real publisher."""

import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import pytest

from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandPublisher
from wire_material import ANY_PORT, command, until

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "examples"
STRICT = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-pedantic")
HERE = {"host": socket.gethostname(), "clock": "lsl_local_clock"}


@contextmanager
def lines_of(*arguments):
    """The lines that a program prints, as they come."""
    lines = Queue()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    def read():
        for line in process.stdout:
            lines.put(line)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield lines
    finally:
        process.kill()
        process.wait()
        reading.join()
        process.stdout.close()


def printed(lines):
    try:
        return lines.get(timeout=0.05)
    except Empty:
        return None


@pytest.fixture
def c_reader(tmp_path):
    compiler = shutil.which("cc")
    probe = [compiler, "-E", "-"] if compiler else ["false"]
    header = subprocess.run(
        probe, input="#include <zmq.h>\n", capture_output=True, text=True, check=False
    )
    if header.returncode:
        pytest.skip("no C compiler with zmq.h here (Debian: libzmq3-dev)")
    program, source = tmp_path / "read_commands", EXAMPLES / "read_commands.c"
    subprocess.run([compiler, *STRICT, "-o", program, source, "-lzmq"], check=True)
    return [str(program)]


@pytest.fixture(params=["python", "c"])
def reader(request):
    if request.param == "c":
        return request.getfixturevalue("c_reader")
    return [sys.executable, "-u", str(EXAMPLES / "read_commands.py")]


def test_the_reference_readers_print_what_holds_and_drop_what_is_late(reader):
    with CommandPublisher(ANY_PORT, "decoded") as publisher:

        def publish(value, in_s, **where):
            deadline_s = local_clock() + in_s
            publisher.publish(command(value, deadline_s=deadline_s, **{**HERE, **where}))

        with lines_of(*reader, publisher.endpoint) as lines:

            def arrived():
                publish(7, in_s=60.0)
                return printed(lines)

            assert "7" in until(arrived)
            seen = []

            def the_end_has_come():
                publish(8, in_s=-1.0)
                seen.append(printed(lines) or "")
                publish(10, in_s=60.0)  # dropped where two wait already
                seen.append(printed(lines) or "")
                return "10" in seen[-1]

            until(the_end_has_come)
            assert not [line for line in seen if "8" in line]
