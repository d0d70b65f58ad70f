"""What is deployed, checked by the tools that read it and against what the program really does."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from eprop_rt_services.config import load_config
from eprop_rt_services.latency import STAGES, Marks, StageLatencies
from eprop_rt_services.metrics import Observed, latency_table
from eprop_rt_services.metrics_endpoint import MetricsEndpoint
from eprop_rt_services.metrics_settings import MetricsSettings
from eprop_rt_services.standby import NOT_KEPT
from status_material import FULL_STATUS

DEPLOY = Path(__file__).parents[1] / "deploy"
UNIT = DEPLOY / "systemd/eprop-rt.service"
CONTAINER = DEPLOY / "container"
MONITORING = DEPLOY / "monitoring"
BOARD = json.loads((MONITORING / "grafana/boards/eprop-rt.json").read_text())
EXPRESSIONS = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def tool(name):
    beside = str(Path(sys.executable).parent)
    path = shutil.which(name) or shutil.which(name, path=beside)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def unit(tmp_path):
    """The unit, with a program that is there."""
    text = UNIT.read_text()
    assert "/opt/eprop-rt/bin/eprop-rt run" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/opt/eprop-rt/bin/eprop-rt", sys.executable))
    return copy


def test_systemd_finds_nothing_wrong_with_the_unit(unit):
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "eprop-rt" not in done.stdout + done.stderr  # others' units may be amiss


def test_a_daemon_that_was_told_to_stop_and_kept_nothing_is_not_started_again():
    assert f"\nRestartPreventExitStatus={NOT_KEPT}\n" in UNIT.read_text()


def test_systemd_would_find_a_mistake_in_the_unit(unit):
    unit.write_text(unit.read_text().replace("WatchdogSec=10", "WatchdogSec=often"))
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.search(r"eprop-rt\.service:\d+: .*often", done.stderr)


def test_systemd_rates_the_exposure_of_the_unit_as_low(unit):
    if (
        "--offline"
        not in subprocess.run(
            [tool("systemd-analyze"), "--help"], capture_output=True, text=True, check=True
        ).stdout
    ):
        pytest.skip("this systemd-analyze cannot rate a file")
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=yes", "--threshold=25", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:]


def test_the_user_of_the_unit_is_the_one_that_is_made(unit):
    (line,) = re.findall(r"^u .*$", (UNIT.parent / "eprop-rt.sysusers.conf").read_text(), re.M)
    assert f"User={line.split()[1]}\n" in unit.read_text()
    done = subprocess.run(
        [tool("systemd-sysusers"), "--dry-run", UNIT.parent.resolve() / "eprop-rt.sysusers.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_container_file_passes_its_linter():
    done = subprocess.run(
        [tool("hadolint"), CONTAINER / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.process
def test_the_program_that_fills_the_image_with_kernels_runs():
    (line,) = re.findall(r'^RUN (\["python".*\])$', (CONTAINER / "Containerfile").read_text(), re.M)
    _, *arguments = json.loads(line)
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_that_the_example_mounts_is_there_and_every_volume_declared():
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    for service in compose["services"].values():
        for mount in service["volumes"]:
            source = mount.partition(":")[0]
            assert (CONTAINER / source).exists() or source in compose["volumes"], mount
    build = compose["services"]["decoder"]["build"]
    assert (CONTAINER / build["context"] / build["dockerfile"]).exists()


def test_prometheus_asks_where_the_decoder_of_the_example_answers():
    config = load_config(str(CONTAINER / "decoder.yaml"))
    scraped = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    assert scraped[0]["static_configs"] == [{"targets": [config.metrics.endpoint]}]


def test_grafana_is_given_the_board_and_the_source_that_the_board_names():
    folder = MONITORING / "grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    (boards,) = yaml.safe_load((folder / "dashboards/eprop-rt.yaml").read_text())["providers"]
    compose = (CONTAINER / "compose.yaml").read_text()
    assert f"../monitoring/grafana/boards:{boards['options']['path']}:ro" in compose
    assert f"{boards['options']['path']}/eprop-rt.json" in compose
    for panel in BOARD["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_panels_of_the_board_have_a_place_and_a_number_each():
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for one, other in combinations((panel["gridPos"] for panel in BOARD["panels"]), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@pytest.fixture(scope="module")
def exported():
    """Names of the samples of a daemon that knows everything, scraped."""
    stages = StageLatencies()
    stages.command(Marks(0.0, 0.1, 0.2, 0.3, 0.4), learning=True)
    stages.learned(0.1)
    observed = Observed(FULL_STATUS, latency_table(stages))
    settings = MetricsSettings(endpoint="127.0.0.1:0")
    with (
        MetricsEndpoint(settings, observed) as endpoint,
        urllib.request.urlopen(endpoint.address, timeout=60) as answer,
    ):
        families = text_string_to_metric_families(answer.read().decode())
        return {sample.name for family in families for sample in family.samples}


@pytest.mark.process
def test_the_board_asks_for_nothing_that_is_not_exported(exported):
    asked = {
        name
        for expression in EXPRESSIONS
        for name in re.findall(r"\b(?:eprop_rt|process)_\w+", expression)
    }
    assert len(asked) > 15
    assert asked <= exported


@pytest.mark.process
def test_the_board_shows_every_metric_of_the_daemon(exported):
    ours = {name for name in exported if name.startswith("eprop_rt_")}
    shown = " ".join(EXPRESSIONS)
    histograms = {name for name in ours if name.endswith(("_count", "_sum"))}
    assert {name for name in ours - histograms if name not in shown} == set()
    assert len(histograms) == 2 * len(STAGES)
