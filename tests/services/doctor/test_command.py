"""`eprop-rt doctor` on the machine at hand."""

import json
import os

import pytest

from eprop_rt_services.doctor import CHECKS
from processes import program

pytestmark = pytest.mark.process

AT_LEAST = {
    "kernel_preemption", "cpu_governor", "rtprio_limit", "memlock_limit", "liblsl", "glibc",
    "clock_source", "free_disk", "python", "kernel_cache", "cores", "swap", "timer_slack",
    "lsl_scope", "ports",
}  # fmt: skip


def doctor(*arguments, **environment):
    return program("doctor", *arguments, **environment)


def test_this_machine_is_examined_and_what_is_wanting_comes_with_advice(tmp_path):
    done = doctor("--folder", tmp_path, "--json", tmp_path / "checks.json")
    assert done.returncode == 0, done.stderr
    checks = json.loads((tmp_path / "checks.json").read_text())["checks"]
    assert {check["name"] for check in checks} >= AT_LEAST
    assert len(checks) == len(CHECKS)
    for check in checks:
        assert set(check) == {"name", "ok", "found", "advice"}
        assert check["found"]
        assert check["ok"] != bool(check["advice"])
        assert check["name"].replace("_", " ") in done.stdout


def test_json_on_stdout_is_nothing_but_json():
    assert json.loads(doctor("--json", "-").stdout)["checks"]


def test_without_liblsl_the_exit_status_says_that_nothing_can_run(tmp_path):
    (tmp_path / "pylsl.py").write_text("raise RuntimeError('no liblsl here')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = doctor(PYTHONPATH=path)
    assert done.returncode == 1
    assert "no liblsl here" in done.stdout
    assert not done.stderr


def test_a_mistake_in_the_configuration_is_one_line():
    done = doctor("-o", "realtime.priorty=3")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "priority" in done.stderr
