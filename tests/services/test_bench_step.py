import json

import pytest
from typer.testing import CliRunner

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench.step import VARIANTS, Trial, Variant, fastest_of_each
from eprop_rt_services.cli import assembled

pytestmark = pytest.mark.process


def bench(*arguments):
    return CliRunner().invoke(assembled(), ["bench", "step", *arguments])


def test_every_variant_is_measured_and_the_figures_are_those_that_are_printed(tmp_path):
    file = tmp_path / "step.json"
    sizes = "5x8,4x12"
    given = "--sizes", sizes, "--rounds", "2", "--schedules", "deferred", "--json", str(file)
    done = bench(*given)
    assert done.exit_code == 0, done.output
    figures = json.loads(file.read_text())
    assert figures["triad_gb_s"] > 0.5
    assert figures["peers"] == []
    measured = [v for v in VARIANTS if v.schedule == "deferred" or v == VARIANTS[0]]
    assert len(figures["cases"]) == 2 * len(measured)
    for case, variant in zip(figures["cases"], measured * 2, strict=True):
        assert (case["schedule"], case["optimiser"]) == (variant.name, variant.optimiser)
        assert 0 < case["us_median"] <= case["us_p99"] <= case["us_p999"]
        synapses = (case["inputs"] + case["neurons"] + 1) * case["neurons"]
        assert case["ns_per_synapse"] == pytest.approx(case["us_median"] * 1e3 / synapses)
        assert case["bytes_per_synapse"] == 8
        assert f"{case['us_median']:.1f}" in done.output


def test_passes_over_the_same_steps_start_from_the_same_state():
    trial = Trial(5, 8, Variant("dense"))
    trial.run()
    before = trial.network.weights.w.copy()
    assert (fastest_of_each(trial, passes=3) > 0).all()
    once = trial.network.weights.w.copy()
    trial.network.weights.w[:] = before
    assert (once != before).any()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--sizes", "96"), "give inputs x neurons"),
        (("--sizes", "0x5"), "give inputs x neurons"),
        (("--schedules", "sparse"), "take some of"),
        (("--peers", "--peers-python", "/nowhere/python"), "make peers"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_anything_is_measured(monkeypatch, arguments, told):
    monkeypatch.delattr("eprop_rt_services.commands.bench.measure")
    done = bench(*arguments, "--rounds", "2")
    assert isinstance(done.exception, ConfigError)
    assert told in str(done.exception)
