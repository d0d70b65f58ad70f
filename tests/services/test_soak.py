"""Every fault of `make soak` once or a few times: what must hold, holds; how soon is not asked."""

import pytest

from soak.course import faults, network_cut
from soak.rows import Plan
from soak.scenarios import SCENARIOS

pytestmark = pytest.mark.live

SHORT = Plan(
    back_s=15.0,  # the machine may be busy with other things; what does not come back is told
    writing_s=1.0,
    late=0.5,
    sources=2,
    stall_s=2.0,
    cuts_s=(2.0,),
    stretch_s=3.0,
    kills=4,
    parents=1,
    together=1,
    stops=1,
    malformed=500,
    wait_s=(0.0, 1.0),
)


def test_a_daemon_outlives_every_fault_and_its_journal_runs_again_to_the_bit(tmp_path):
    rows = list(faults(tmp_path, SHORT, seed=1))
    assert [row for row in rows if row.missed] == []
    assert len(rows) == len(SCENARIOS) + 2


def test_a_network_that_was_cut_and_healed_carries_on(tmp_path):
    row = network_cut(tmp_path, SHORT)
    if row.done == "skipped":
        pytest.skip(row.seen)
    assert row.missed == []
