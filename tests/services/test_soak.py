"""Every fault of `make soak` once or a few times: what must hold, holds; how soon is not asked."""

import errno
import subprocess
import sys

import pytest

from soak.course import faults, network_cut
from soak.disk import Disk
from soak.rows import Plan
from soak.scenarios import SCENARIOS

pytestmark = pytest.mark.live

SHORT = Plan(
    back_s=15.0,  # the machine may be busy with other things; what does not come back is told
    writing_s=1.0,
    late=0.5,
    late_in_flood=1.0,
    sources=2,
    stall_s=2.0,
    cuts_s=(2.0,),
    stretch_s=3.0,
    kills=4,
    parents=1,
    together=1,
    stops=1,
    fresh=1,
    malformed=500,
    wait_s=(0.0, 1.0),
)


def test_a_daemon_outlives_every_fault_and_its_journal_runs_again_to_the_bit(tmp_path):
    rows = list(faults(tmp_path, SHORT, seed=1))
    assert [row for row in rows if row.missed] == []
    assert len(rows) == len(SCENARIOS) + 2


FORKING = """
import os, sys
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            open(sys.argv[1], "wb", buffering=0).write(b"x")
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_disk_that_is_full_is_full_for_who_is_forked_next(tmp_path):
    """Without a file system of its own a limit stands for it, and must be inherited."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING, tmp_path / "file"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip

        def forked_writes():
            parent.stdin.write("\n")
            parent.stdin.flush()
            return int(parent.stdout.readline())

        assert forked_writes() == 0
        with Disk(tmp_path, None).full(lambda: [parent.pid]):
            assert forked_writes() == errno.EFBIG
        assert forked_writes() == 0
        parent.stdin.close()


def test_a_network_that_was_cut_and_healed_carries_on(tmp_path):
    row = network_cut(tmp_path, SHORT)
    if row.done == "skipped":
        pytest.skip(row.seen)
    assert row.missed == []
