"""What the operating system and the interpreter are asked for, so that bins are met on time.

Nothing here changes a number. What is refused is said, with what to change, and the daemon runs on
without it.
"""

import ctypes
import errno
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from eprop_rt.config import Positive, Settings

MCL_CURRENT, MCL_FUTURE = 1, 2
PR_SET_TIMERSLACK = 29
SENDING = "ZMQbg/IO"  # as libzmq names its threads
CAP_IPC_LOCK = 14
NS_PER_S: Final = 1_000_000_000

CpuNumber = Annotated[int, Field(ge=0, lt=8192)]


class RealtimeSettings(Settings):
    """What the daemon asks of the machine; the first three need permission, `doctor` says how."""

    priority: Annotated[int, Field(ge=1, le=98)] | None = Field(
        None, description="SCHED_FIFO priority of the daemon; none: the ordinary scheduler"
    )
    cpus: Annotated[tuple[CpuNumber, ...], Field(min_length=1)] | None = Field(
        None, description="the cores that it runs on; none: all"
    )
    lock_memory: bool = Field(False, description="all of its memory stays in memory (mlockall)")
    switch_interval_s: Positive = Field(
        0.0005, description="how long another thread may hold the interpreter when a bin is due"
    )
    timer_slack_s: Annotated[float, Field(ge=1e-9, le=1.0)] = Field(
        1e-6, description="how late the kernel may wake us to save power; Linux takes 50 us"
    )


def apply(settings: RealtimeSettings) -> list[str]:
    """Ask for everything; lines that say what was granted and, at most one, what was not.

    Called by the main thread before it starts others, which inherit all of it. The interpreter's
    lock is shared: a thread of lower priority that were preempted with it would stop the loop.
    """
    granted, refused = [f"switch interval {settings.switch_interval_s * 1e3:g} ms"], []
    sys.setswitchinterval(settings.switch_interval_s)
    for name, ask, advice in asked(settings):
        try:
            ask()
            granted.append(name)
        except OSError as error:
            refused.append(f"{name} ({error.strerror}: {advice})")
    lines = [f"real time: {', '.join(granted)}"]
    if refused:
        lines.append(f"real time, not granted: {'; '.join(refused)}; see eprop-rt doctor")
    return lines


def asked(settings: RealtimeSettings) -> list[tuple[str, Callable[[], None], str]]:
    """What the kernel is asked for: its name, the call (OSError: refused), what to change."""
    requests: list[tuple[str, Callable[[], None], str]] = []
    cpus, priority, slack_s = settings.cpus, settings.priority, settings.timer_slack_s
    if cpus is not None:
        name = f"cores {', '.join(map(str, cpus))}"
        there = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        requests.append((name, lambda: run_on(set(cpus)), f"realtime.cpus has {there} to take"))
    if settings.lock_memory:
        advice = "LimitMEMLOCK=infinity, or memlock unlimited in limits.d"
        requests.append(("memory locked", lock_memory, advice))
    if priority is not None:
        advice = f"LimitRTPRIO={priority}, or rtprio {priority} in limits.d"
        requests.append((f"SCHED_FIFO {priority}", lambda: run_first(priority), advice))
    name = f"timer slack {slack_s * 1e6:g} us"
    requests.append((name, lambda: set_timer_slack(slack_s), "realtime.timer_slack_s"))
    return requests


def let_commands_out() -> str | None:
    """Let ZeroMQ's threads run before ours; a line where that was refused.

    Ours goes on to learn as soon as a command is handed over. With SCHED_FIFO a thread of equal
    priority on the same core would send the command only after that. Called once sockets are open;
    does nothing under the ordinary scheduler, which is fair.
    """
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK != os.SCHED_FIFO:
        return None
    above = os.sched_getparam(0).sched_priority + 1
    try:
        for thread in Path("/proc/self/task").iterdir():
            if (thread / "comm").read_text(encoding="utf-8").startswith(SENDING):
                os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(above))
    except OSError as error:
        return (
            f"real time, not granted: commands before learning ({error.strerror}: "
            f"LimitRTPRIO={above}, or rtprio {above} in limits.d)"
        )
    return None


def run_on(cpus: set[int]) -> None:
    """Run on these cores only; raises OSError where one is not to be had."""
    os.sched_setaffinity(0, cpus)
    if cpus != os.sched_getaffinity(0):  # the kernel leaves out those that there are not
        raise OSError(errno.EINVAL, "not all of them are there")


def run_first(priority: int) -> None:
    """Run before every ordinary process; raises OSError."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))


def lock_memory() -> None:
    """Keep what is mapped now and later in memory; raises OSError.

    A finite limit is refused although it might do for now: a later allocation would fail for it.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit != resource.RLIM_INFINITY and not may_lock_memory():
        raise OSError(errno.EPERM, f"the memlock limit is {limit // 1024} KiB")
    _call("mlockall", MCL_CURRENT | MCL_FUTURE)


def may_lock_memory(proc: Path = Path("/proc")) -> bool:
    """Whether no limit holds for us (CAP_IPC_LOCK)."""
    for line in (proc / "self/status").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff":
            return bool(int(value, 16) >> CAP_IPC_LOCK & 1)
    return False


def set_timer_slack(slack_s: float) -> None:
    """Be woken at most so late, in this thread and those that it starts; raises OSError."""
    _call("prctl", PR_SET_TIMERSLACK, ctypes.c_ulong(round(slack_s * NS_PER_S)), 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
