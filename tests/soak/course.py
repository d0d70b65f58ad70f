"""The whole course: every fault against one daemon, then the replay; and the network apart."""

import subprocess
import time
from pathlib import Path

from eprop_rt.errors import EpropError
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.lsl_config import CONFIG_VARIABLE
from soak.checks import replay
from soak.disk import own_disk
from soak.lab import BOUND, START_S, Lab
from soak.network import network
from soak.rows import Row, demand, flows, judge, sound
from soak.scenarios import SCENARIOS, seeded


def faults(folder, plan, seed, scenarios=SCENARIOS):
    """Yield a row a scenario, and one of the replay at the end."""
    draw = seeded(seed)
    journal = Path(folder) / "journal"
    with own_disk(journal) as disk:
        lab = Lab(folder, journal)
        lab.disk = disk
        try:
            lab.start_sender()
            lab.start_daemon()
            lab.status(START_S)
            time.sleep(2.0)
            for scenario in scenarios:
                row = told(scenario, lab, plan, draw)
                yield row
                if row.broken:
                    break
            yield told(stopped, lab)
            yield told(replayed, lab)
        finally:
            lab.close()


def told(step, *arguments):
    """Its row, also where it could not be gone through with."""
    try:
        return step(*arguments)
    except (AssertionError, EpropError) as error:
        return Row(step.__name__, "", "", [str(error)], broken=True)


def stopped(lab):
    row = Row("stop", "once", "")
    lab.misbehave()
    lab.status()
    lab.ask("stop")
    try:
        status = lab.daemon.wait(timeout=60)
    except subprocess.TimeoutExpired:
        row.missed.append("the daemon did not end within 60 s of a stop")
        return row
    judge(lab, row)
    largest = lab.reader.largest
    row.seen = f"{len(lab.reader.came)} commands read, largest {largest:.1f} of {BOUND:g} allowed"
    if status != 0:
        row.missed.append(f"exit status {status}")
    left = sorted(path.name for path in lab.journal.glob(".*"))
    if left:
        row.missed.append(f"it leaves {left[0]} behind")
    if "Traceback" in lab.log():
        row.missed.append("a traceback in the log")
    return row


def replayed(lab):
    figures = replay(lab.journal)
    segments = figures["segments"]
    commands = sum(segment["commands"] for segment in segments)
    checkpoints = sum(segment["checkpoints"] for segment in segments)
    row = Row(
        "replay of the journal",
        f"{len(segments)} segments",
        f"{figures['bins']} bins, {commands} commands, {checkpoints} checkpoints, "
        + ("identical" if figures["identical"] else "it differs"),
    )
    if not figures["identical"]:
        row.missed.append("it differs")
    if not checkpoints or commands < 0.5 * len(lab.reader.came):
        row.missed.append(f"{len(lab.reader.came)} commands were read, so many are not in it")
    if segments[-1]["live_digest"] != figures["digest"]:
        row.missed.append("the digest is another than live")
    if len(JournalFolder(lab.journal).segments()) != len(segments):
        row.missed.append("not every segment was replayed")
    return row


def network_cut(folder, plan):
    """A row about a daemon and a sender in two network namespaces; a note where that cannot be."""
    with network() as wire:
        row = Row("network namespace cut and healed", f"{len(plan.cuts_s)} times", "")
        if isinstance(wire, str):
            row.done, row.seen = "skipped", wire
            return row
        folder = Path(folder)
        near = wire.configuration(folder / "near.cfg", folder.name, near=True)
        far = wire.configuration(folder / "far.cfg", folder.name, near=False)
        reach = ["ip", "netns", "exec", wire.name, "env", f"{CONFIG_VARIABLE}={far}"]
        lab = Lab(folder, folder / "journal", {"lsl.wait_s": 60}, reach=reach, api=near)
        try:
            lab.start_sender()
            lab.start_daemon()
            before, took = lab.status(START_S), []
            for cut_s in plan.cuts_s:
                time.sleep(2.0)
                flows(lab, row)
                wire.cut()
                time.sleep(cut_s)
                wire.heal()
                healed_s = time.monotonic()
                flows(lab, row)
                took.append(time.monotonic() - healed_s)
            row.seen = f"commands {max(took):.1f} s after the healing at most"
            demand(lab, row, {"silence": len(plan.cuts_s)}, before)
            sound(lab, row, before)
            row.missed += told(stopped, lab).missed + told(replayed, lab).missed
        finally:
            lab.close()
        return row
