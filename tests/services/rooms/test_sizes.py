"""From 46 to 1024 units, ticks and bins from 1 to 20 ms: rooms run, and decoders learn in them."""

import pytest

from eprop_rt_services.rooms.config import load_room_config
from eprop_rt_services.rooms.running import run_one

pytestmark = pytest.mark.large

SHORT = (
    "course.learning_trials=0",
    "course.probe_trials=6",
    "course.dead_trials=1",
    "course.dead_probe_trials=1",
    "perturbations=[{kind: zero}]",
)


@pytest.mark.parametrize("name", ["rls", "eprop"])
@pytest.mark.parametrize(
    ("units", "tick_ms", "bin_ms", "k"),
    [
        (46, 1, 1, 12), (46, 1, 20, 12), (46, 5, 10, 6), (46, 20, 20, 4),
        (256, 10, 10, 3), (1024, 10, 10, 3),
    ],
)  # fmt: skip
def test_decoders_reach_in_the_simulator_of_the_literature_whatever_its_size_and_tick(
    name, units, tick_ms, bin_ms, k
):
    given = (
        f"room.population.units={units}",
        f"room.tick_s={1e-3 * tick_ms}",
        f"room.bin_s={1e-3 * bin_ms}",
        f"course.probe_at=[{k}]",
        "decoders.rls.lags=1",
    )
    ran = run_one(load_room_config("preset:literature", [*SHORT, *given]), name, 0)
    result = ran.result.passed[0].probes[0].result
    assert result.success_rate == 1
    assert result.penalised_time_s < 1.3
    assert result.angular_error_deg < 25
