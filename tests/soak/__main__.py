"""`python -m soak [--seed N]`: the long fault run; exit status 1 where a line is missed."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eprop_rt_services.lsl_config import CONFIG_VARIABLE, write_loopback_config


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eprop-rt-soak-") as name:
        folder = Path(name)
        write_loopback_config(folder / "lsl_api.cfg", folder.name)
        os.environ[CONFIG_VARIABLE] = str(folder / "lsl_api.cfg")
        return run(folder, given.seed)


def run(folder, seed):
    from soak.course import faults, network_cut
    from soak.rows import Plan

    console, plan = Console(), Plan()
    began_s, rows = time.monotonic(), []

    def take(row):
        rows.append(row)
        passed = "; ".join(row.missed) or "as it should be"
        console.print(f"{time.monotonic() - began_s:5.0f} s  {row.name}: {passed}", highlight=False)

    (folder / "apart").mkdir()
    take(network_cut(folder / "apart", plan))
    (folder / "whole").mkdir()
    for row in faults(folder / "whole", plan, seed):
        take(row)
    table = Table("fault", "done", "seen", "missed", show_lines=True)
    for row in rows:
        table.add_row(row.name, row.done, row.seen, "; ".join(row.missed) or "nothing")
    console.print(table)
    console.print(f"seed {seed}, {(time.monotonic() - began_s) / 60:.1f} minutes", highlight=False)
    return 1 if any(row.missed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
