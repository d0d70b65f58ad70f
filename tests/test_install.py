"""A wheel in a fresh environment, beside folders that a careless layout would collide with."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
PROBE = """
import eprop_rt, eprop_rt_protocols, eprop_rt_services, services, protocols
assert services.decoy and protocols.decoy
print(eprop_rt.__file__)
"""


def run(*command, **options):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=True, **options
    ).stdout


def test_the_wheel_installs_and_runs_beside_decoys_named_services_and_protocols(tmp_path):
    wheels, home, work = tmp_path / "wheels", tmp_path / "home", tmp_path / "work"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT)
    (wheel,) = wheels.iterdir()
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": home, "platbase": home}))
    run(*pip, "--python", home / "bin" / "python", "install", "--no-deps", wheel)
    # What it depends on comes from this environment; the project itself does not.
    dependencies = Path(sysconfig.get_path("purelib"))
    names = [d for d in dependencies.iterdir() if "eprop" not in d.name and d.suffix != ".pth"]
    for entry in names:
        if not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    for decoy in ("services", "protocols"):
        (work / decoy).mkdir(parents=True)
        (work / decoy / "__init__.py").write_text("decoy = True\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    where = run(home / "bin" / "python", "-c", PROBE, cwd=work, env=clean)
    assert where.startswith(str(home))
    told = run(home / "bin" / "eprop-rt", "--help", cwd=work, env=clean)
    assert "replay" in told
    printed = run(
        home / "bin" / "eprop-rt", "run", "preset:cursor", "--print-config", cwd=work, env=clean
    )
    assert "decoder:" in printed
