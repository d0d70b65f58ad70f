"""What a disk, an operator and a kernel do to a daemon: one function a fault."""

import time
from dataclasses import replace

import zmq

from eprop_rt_protocols.control import LabelRows
from eprop_rt_services.checkpoint import write_checkpoint
from eprop_rt_services.journal.events import End
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries, head_of
from eprop_rt_services.lsl_link import local_clock
from soak.checks import lost_s
from soak.lab import FLUSH_S, START_S, wait_for
from soak.rows import Row, demand, flows, judge, median, sound

GIVES_UP_SOON = [
    part
    for key, value in {
        "skips": 1, "freezes": 1, "rollbacks": 1, "holds": 1, "exit_after_s": 0.5
    }.items()
    for part in ("-o", f"guard.{key}={value}")
]  # fmt: skip


def disk_full_for_a_moment(lab, plan, draw):
    return disk_full(lab, "disk full, less than the backlog", 2.5, lossless=True)


def disk_full_for_long(lab, plan, draw):
    return disk_full(lab, "disk full, beyond the backlog", 20.0, lossless=False)


def disk_full(lab, name, seconds, lossless):
    row, before = Row(name, f"{seconds:g} s", ""), lab.status()
    with lab.disk.full(lab.processes):
        time.sleep(seconds)
        flows(lab, row)
        refused = {"journal_refused": 1, "checkpoint_failed": 1}
        demand(lab, row, refused if lossless else {**refused, "journal_given_up": 1}, before)

    def mended():
        now = lab.status().journal
        return now.age_s < 1.0 and (lossless or now.file != before.journal.file)

    wait_for(mended, "the journal did not go on")
    lost = lab.status().journal.lost_entries - before.journal.lost_entries
    row.seen = f"{lost} entries lost"
    if lossless and lost:
        row.missed.append("entries were lost")
    if not lossless and not lost:
        row.missed.append("no entry was lost: the backlog was not overrun")
    time.sleep(2.0)
    return sound(lab, row, before)


def disk_hangs(lab, plan, draw):
    """For longer than a loop that waits would be taken to be alive."""
    row, before = Row("disk does not answer", "3 s", ""), lab.status()
    if not lab.disk.can_hang:
        row.done, row.seen = "skipped", "it needs a file system of its own that can be frozen"
        return row
    with lab.disk.hanging():
        began_s = time.monotonic()
        lab.ask("freeze")
        flows(lab, row)
        lab.ask("thaw")
        if lab.status().journal.age_s < 0.5 * (time.monotonic() - began_s):
            row.missed.append("the disk answered")
        time.sleep(max(0.0, began_s + 3.0 - time.monotonic()))
        flows(lab, row)
    wait_for(lambda: lab.status().journal.age_s < 1.0, "the journal did not go on")
    if lab.status().journal.lost_entries != before.journal.lost_entries:
        row.missed.append("entries were lost")
    return sound(lab, row, before)


def killed_while_full(lab, plan, draw):
    row = Row("disk full, and kill -9", "once", "")
    with lab.disk.full(lab.processes):
        time.sleep(1.0)
        since_s, clock_s = lab.kill_daemon()
        took = lab.back_after_s(since_s, clock_s)
        demand(lab, row, {"journal_refused": 1, "checkpoint_failed": 1})
        flows(lab, row)
    wait_for(lambda: lab.status().journal.age_s < 1.0, "the journal did not go on")
    row.seen = f"back after {took:.2f} s"
    judge(lab, row)
    return row


def killed(lab, plan, draw):
    row = Row("daemon killed (kill -9)", f"{plan.kills} times", "")
    took, lost, pids = [], [], set()
    for _ in range(plan.kills):
        if draw.random() < 0.5:
            meddle(lab, draw)
        time.sleep(draw.uniform(*plan.wait_s))
        pids.add(lab.status().pid)
        since_s, clock_s = lab.kill_daemon()
        lost.append(lost_s(lab, since_s))
        judge(lab, row)
        took.append(lab.back_after_s(since_s, clock_s))
    row.seen = (
        f"back after {median(took):.2f} s (most {max(took):.2f} s), journal lost "
        f"{median(lost):.2f} s (most {max(lost):.2f} s)"
    )
    if len(pids) < plan.kills:
        row.missed.append(f"{len(pids)} processes were killed")
    if max(took) > plan.back_s:
        row.missed.append(f"commands were back after {max(took):.2f} s")
    if max(lost) > FLUSH_S + plan.writing_s:
        row.missed.append(f"the journal lost {max(lost):.2f} s")
    return row


def parents_killed(lab, plan, draw):
    row = Row("daemon and the process that watches it killed", f"{plan.parents} times", "")
    took, lost = [], []
    for _ in range(plan.parents):
        time.sleep(draw.uniform(*plan.wait_s))
        pid = lab.status().pid
        lab.daemon.kill()
        since_s = time.monotonic()
        lab.daemon.wait()
        wait_for(lambda pid=pid: is_gone(pid), "the daemon outlives its watcher")
        clock_s = local_clock()  # it may have sent another command before it went
        lost.append(lost_s(lab, since_s))
        judge(lab, row)
        lab.start_daemon("--resume")
        took.append(lab.back_after_s(since_s, clock_s))
    row.seen = f"back after {median(took):.2f} s with a new process, journal lost {max(lost):.2f} s"
    if max(lost) > FLUSH_S + plan.writing_s:
        row.missed.append(f"the journal lost {max(lost):.2f} s")
    return row


def killed_together(lab, plan, draw):
    """The source goes while the next daemon looks for it, or has just found it."""
    row = Row("daemon killed, and the source with it", f"{plan.together} times", "")
    watcher, took = lab.daemon.pid, []
    for turn in range(plan.together):
        lab.kill_daemon()
        time.sleep(draw.uniform(0.1, 0.6))  # the next one is forked, and looks for a tenth
        lab.kill_sender()
        time.sleep(draw.uniform(0.0, 1.0))
        started_s, clock_s = lab.start_sender(turn), local_clock()
        took.append(lab.back_after_s(started_s, clock_s))
        judge(lab, row)
    row.seen = f"commands {median(took):.1f} s after the start of the source's process (median)"
    if lab.daemon.pid != watcher or lab.daemon.poll() is not None:
        row.missed.append("it ended for good")
    return row


def stopped_while_writing(lab, plan, draw):
    """A stop that comes while a checkpoint is written leaves all of it behind."""
    row = Row("stop during a checkpoint, and started again", f"{plan.stops} times", "")
    for _ in range(plan.stops):
        newest = lab.status().journal.file
        before = set(lab.journal.glob(".*"))  # of one that was still dying as this one began
        stop(lab, row, "checkpoint")
        left = set(lab.journal.glob(".*")) - before
        row.missed += [f"it leaves {path.name} behind" for path in left]
        path = JournalFolder(lab.journal).segments()[-1]
        *_, last = entries(path)
        if str(path) != newest or not isinstance(last, End):
            row.missed.append(f"{path.name} has no end")
        start(lab, row, "--resume")
    return row


def guard_gives_up(lab, plan, draw):
    """Weights that have diverged are the newest in the folder: the next daemon takes others."""
    row = Row("weights that the guard gives up on", "once", "")
    stop(lab, row)
    folder = JournalFolder(lab.journal)
    good = folder.newest_checkpoint()
    diverged = {name: array.copy() for name, array in good.checkpoint.arrays.items()}
    diverged["weights.w_out"][:] = 3e38
    path = good.path.with_name(f"{good.path.stem[:-4]}9999.npz")
    write_checkpoint(path, replace(good.checkpoint, arrays=diverged))
    at = len(folder.segments())
    lab.start_daemon("--resume", *GIVES_UP_SOON)

    def next_one():
        heads = [head_of(segment) for segment in folder.segments()[at:]]
        return [head.checkpoint for head in heads if head is not None][1:]

    wait_for(next_one, "the guard did not give up", START_S)
    if next_one()[0] == path.name:
        row.missed.append("it went on from the same weights")
    flows(lab, row)
    row.seen = f"{path.name}, then {next_one()[0]}"
    judge(lab, row)
    return row


def fresh_start_killed(lab, plan, draw):
    """What other sessions left in the folder is none of its business, also after a crash."""
    row = Row("fresh start in a used folder, killed before a checkpoint", f"{plan.fresh} times", "")
    folder = JournalFolder(lab.journal)
    for _ in range(plan.fresh):
        stop(lab, row)
        at = len(folder.segments())
        start(lab, row, "-o", "checkpoint.every_s=3600")
        time.sleep(draw.uniform(*plan.wait_s))
        since_s, clock_s = lab.kill_daemon()
        lab.back_after_s(since_s, clock_s)
        origins = [head_of(segment).origin for segment in folder.segments()[at:]]
        if origins[-1] != "zero" or len(origins) < 2:
            row.missed.append(f"it began with: {', '.join(origins)}")
        judge(lab, row)
    return row


def stop(lab, row, *before):
    """Orders that are sent without waiting for an answer, the last one to stop."""
    lab.status()
    with zmq.Context() as context, context.socket(zmq.DEALER) as operator:
        operator.connect(lab.control)
        for verb in (*before, "stop"):
            operator.send_json({"version": 2, "request_id": verb, "verb": verb})
        if (status := lab.daemon.wait(60)) != 0:
            row.missed.append(f"exit status {status}")
    judge(lab, row)


def start(lab, row, *arguments):
    lab.start_daemon(*arguments)
    lab.status(START_S)
    flows(lab, row)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        return True


def meddle(lab, draw):
    """An order of an operator, or a fault of the source, that the next replay must reproduce."""
    now_s = local_clock()
    match draw.randrange(7):
        case 0:
            lab.ask("freeze")
        case 1:
            lab.ask("thaw")
        case 2:
            lab.ask("checkpoint")
        case 3:
            lab.ask("set", settings={"decoder.online.learning_rate": draw.uniform(1e-4, 1e-2)})
        case 4:
            stamps = tuple(now_s - draw.uniform(0.0, 2.0) for _ in range(5))
            rows = tuple((draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in stamps)
            lab.ask("relabel", labels=LabelRows(stamps_s=stamps, rows=rows))
        case 5:
            lab.misbehave(lose=0.05, reorder=0.05, nan=0.01)
        case 6:
            lab.misbehave()
