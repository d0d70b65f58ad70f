"""One function a fault: do it so often, look, and say what was seen and what was missed."""

import random
import time
from dataclasses import dataclass, field

import zmq

from eprop_rt_protocols.control import LabelRows
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandSubscriber
from malformed import malformed
from soak.checks import damaged_checkpoints, lost_s
from soak.disk import full
from soak.lab import FLUSH_S, wait_for


@dataclass
class Row:
    """A line of the table; `missed` says what should have been and was not."""

    name: str
    done: str
    seen: str
    missed: list = field(default_factory=list)


@dataclass
class Plan:
    """How much of everything, and what is asked for.

    Commands back within `back_s` of a kill, `writing_s` lost in the journal beside its flush_s (the
    thread's turn, the write itself, the bin in hand), a share `late` of commands at most.
    """

    back_s: float = 1.0
    writing_s: float = 0.15
    late: float = 0.01
    sources: int = 20
    stall_s: float = 60.0
    clock_steps_s: tuple = (5.0, -5.0)
    cuts_s: tuple = (2.0, 5.0, 20.0)
    stretch_s: float = 20.0
    kills: int = 50
    parents: int = 5
    malformed: int = 10_000
    wait_s: tuple = (0.1, 4.0)


def sound(lab, row, before):
    """What must hold after everything: the same process, sound checkpoints, a running loop."""
    status = lab.status()
    if status.pid != before.pid:
        row.missed.append("the daemon was started anew")
    judge(lab, row)
    seen = {name: n - before.events.get(name, 0) for name, n in status.events.items()}
    told = ", ".join(f"{name} {n}" for name, n in sorted(seen.items()) if n and not_usual(name))
    row.seen = "; ".join(part for part in (row.seen, told) if part)
    return row


def not_usual(name):
    return name not in {"checkpoint_written", "guard_good_state", "guard_clip_rehearsal"}


def judge(lab, row):
    if lab.reader.outside:
        row.missed.append(f"{lab.reader.outside} commands out of bounds")
        lab.reader.outside = 0
    for name in damaged_checkpoints(lab.journal):
        row.missed.append(f"{name} is damaged")


def flows(lab, row, most_s=20.0):
    """Commands of now on come; how long it took."""
    since_s, clock_s = time.monotonic(), local_clock()
    try:
        return lab.back_after_s(since_s, clock_s)
    except AssertionError as error:
        row.missed.append(str(error))
        return most_s


def sources_killed(lab, plan, draw):
    row = Row("source killed and restarted", f"{plan.sources} times", "")
    before, took = lab.status(), []
    for turn in range(plan.sources):
        time.sleep(draw.uniform(0.3, 1.5))
        lab.kill_sender()
        time.sleep(draw.uniform(0.0, 2.0))
        started_s, clock_s = lab.start_sender(turn), local_clock()
        took.append(lab.back_after_s(started_s, clock_s))
    row.seen = f"commands {median(took):.1f} s after the start of its process (median)"
    return sound(lab, row, before)


def consumer_stalled(lab, plan, draw):
    row = Row("consumer stalled", f"{plan.stall_s:g} s", "")
    before, came = lab.status(), len(lab.reader.came)
    with zmq.Context() as context, context.socket(zmq.SUB) as stalled:
        stalled.setsockopt(zmq.LINGER, 0)
        stalled.setsockopt(zmq.RCVHWM, 1)
        stalled.subscribe("decoded")
        stalled.connect(lab.commands)
        time.sleep(plan.stall_s)
        with CommandSubscriber(lab.commands, "decoded", now=local_clock) as fresh:
            wait_for(lambda: fresh.poll(0.0), "no fresh command came")
    after = lab.status()
    late = after.missed_bins - before.missed_bins
    bins = after.bins - before.bins
    row.seen = f"{len(lab.reader.came) - came} of {bins} commands at another reader, {late} late"
    if late > plan.late * bins + 5:
        row.missed.append("it held up the loop")
    return sound(lab, row, before)


def clock_stepped(lab, plan, draw):
    row = Row(
        "clock of the source stepped", " and ".join(f"{s:+g} s" for s in plan.clock_steps_s), ""
    )
    before = lab.status()
    for step_s in (*plan.clock_steps_s, 0.0):
        lab.misbehave(clock_s=step_s)
        time.sleep(plan.stretch_s / 4)
        flows(lab, row)
    sound(lab, row, before)
    if "clock_step" not in row.seen:
        row.missed.append("no event says so")
    return row


def samples_lost(lab, plan, draw):
    faults = {"lose": 0.05, "duplicate": 0.05, "reorder": 0.05}
    return stretch(lab, plan, "5 % lost, duplicated, reordered", faults)


def not_numbers(lab, plan, draw):
    return stretch(lab, plan, "NaN and 1e30, samples and labels", {"nan": 0.02, "huge": 0.02})


def some_dead(lab, plan, draw):
    return stretch(lab, plan, "a third of the channels dead", {"dead": 0.33})


def all_dead(lab, plan, draw):
    return stretch(lab, plan, "all channels dead", {"dead": 1.0})


def stretch(lab, plan, name, faults):
    row, before = Row(name, f"{plan.stretch_s:g} s", ""), lab.status()
    lab.misbehave(**faults)
    time.sleep(plan.stretch_s)
    flows(lab, row)
    lab.misbehave()
    flows(lab, row)
    return sound(lab, row, before)


def disk_full_for_a_moment(lab, plan, draw):
    return disk_full(lab, plan, "disk full, less than the backlog", 2.5, lossless=True)


def disk_full_for_long(lab, plan, draw):
    return disk_full(lab, plan, "disk full, beyond the backlog", 20.0, lossless=False)


def disk_full(lab, plan, name, seconds, lossless):
    row, before = Row(name, f"{seconds:g} s", ""), lab.status()
    with full(lab.journal, lab.own_disk, before.pid):
        time.sleep(seconds)
        flows(lab, row)

    def mended():
        now = lab.status().journal
        return now.age_s < 1.0 and (lossless or now.file != before.journal.file)

    wait_for(mended, "the journal did not go on")
    lost = lab.status().journal.lost_entries - before.journal.lost_entries
    row.seen = f"{lost} entries lost"
    if lossless and lost:
        row.missed.append("entries were lost")
    time.sleep(2.0)
    return sound(lab, row, before)


def killed_while_full(lab, plan, draw):
    row = Row("disk full, and kill -9", "once", "")
    before = lab.status()
    with full(lab.journal, lab.own_disk, before.pid):
        time.sleep(1.0)
        since_s, clock_s = lab.kill_daemon()
        took = lab.back_after_s(since_s, clock_s)
        time.sleep(2.0)
        flows(lab, row)
    wait_for(lambda: lab.status().journal.age_s < 1.0, "the journal did not go on")
    row.seen = f"back after {took:.2f} s"
    judge(lab, row)
    return row


def killed(lab, plan, draw):
    row = Row("daemon killed (kill -9)", f"{plan.kills} times", "")
    took, lost = [], []
    for _ in range(plan.kills):
        if draw.random() < 0.5:
            meddle(lab, draw)
        time.sleep(draw.uniform(*plan.wait_s))
        since_s, clock_s = lab.kill_daemon()
        lost.append(lost_s(lab, since_s))
        judge(lab, row)
        took.append(lab.back_after_s(since_s, clock_s))
    row.seen = (
        f"back after {median(took):.2f} s (most {max(took):.2f} s), journal lost "
        f"{median(lost):.2f} s (most {max(lost):.2f} s)"
    )
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


def malformed_messages(lab, plan, draw):
    row = Row("malformed control messages", f"{plan.malformed}", "")
    before = lab.status()
    with zmq.Context() as context, context.socket(zmq.DEALER) as hostile:
        hostile.setsockopt(zmq.LINGER, 0)
        hostile.setsockopt(zmq.SNDHWM, 0)
        hostile.connect(lab.control)
        for frames in malformed(plan.malformed, seed=draw.randrange(10**6)):
            hostile.send_multipart(frames)
        names = "malformed", "wrong_version", "oversized"

        def heard():
            events = lab.status().events
            return sum(events.get(n, 0) - before.events.get(n, 0) for n in names)

        wait_for(lambda: heard() >= plan.malformed, "they were not all counted")
    after = lab.status()
    late = after.missed_bins - before.missed_bins
    row.seen = f"{after.bins - before.bins} bins meanwhile, {late} late"
    if late > plan.late * (after.bins - before.bins) + 5:
        row.missed.append("it held up the loop")
    return sound(lab, row, before)


def median(values):
    return sorted(values)[len(values) // 2]


SCENARIOS = (
    sources_killed,
    consumer_stalled,
    clock_stepped,
    samples_lost,
    not_numbers,
    some_dead,
    all_dead,
    malformed_messages,
    disk_full_for_a_moment,
    disk_full_for_long,
    killed_while_full,
    killed,
    parents_killed,
)


def seeded(seed):
    return random.Random(seed)
