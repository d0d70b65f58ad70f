"""How soon the kernel lets us run, and what its clock costs."""

from eprop_rt_services.doctor.check import Check, Patient, chosen, text_of, verdict

FAST_CLOCKS = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")


def kernel_preemption(patient: Patient) -> Check:
    """Whether a running system call gives way to us."""
    version = text_of(patient.proc / "sys/kernel/version") or "unknown"
    mode = chosen(text_of(patient.sys / "kernel/debug/sched/preempt") or "", "()")
    booted = [
        word.removeprefix("preempt=")
        for word in (text_of(patient.proc / "cmdline") or "").split()
        if word.startswith("preempt=")
    ]
    if "PREEMPT_RT" in version or text_of(patient.sys / "kernel/realtime") == "1":
        found, ok = "PREEMPT_RT", True
    elif "PREEMPT_DYNAMIC" in version:
        now = mode or (booted[-1] if booted else None)
        found, ok = f"PREEMPT_DYNAMIC, {now or 'mode not readable'}", now == "full"
    elif "PREEMPT" in version.split():
        found, ok = "PREEMPT", True
    else:
        found, ok = f"voluntary or none ({version})", False
    advice = "boot with preempt=full, or install a PREEMPT_RT kernel (linux-image-rt)"
    return verdict("kernel_preemption", found, ok=ok, advice=advice)


def cpu_governor(patient: Patient) -> Check:
    """Whether cores stay at full speed between two bins."""
    files = sorted(patient.sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"))
    governors = sorted({text_of(file) or "not readable" for file in files})
    found = ", ".join(governors) or "no frequency scaling on this machine"
    return verdict(
        "cpu_governor",
        found,
        ok=governors in ([], ["performance"]),
        advice="cpupower frequency-set --governor performance",
    )


def cores(patient: Patient) -> Check:
    """Whether there is room beside acquisition and what else runs."""
    allowed = 0
    for line in (text_of(patient.proc / "self/status") or "").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            allowed = sum(_count(part) for part in line.partition(":")[2].split(","))
    load = float((text_of(patient.proc / "loadavg") or "nan").split()[0])
    isolated = text_of(patient.sys / "devices/system/cpu/isolated") or "none"
    return verdict(
        "cores",
        f"{allowed} to run on, load {load:.2f}, isolated: {isolated}",
        ok=allowed >= 2 and load < allowed,
        advice="end what else computes, or give the daemon cores of its own: realtime.cpus",
    )


def _count(cpus: str) -> int:
    first, _, last = cpus.strip().partition("-")
    return int(last or first) - int(first) + 1


def clock_source(patient: Patient) -> Check:
    """Whether the clock is read without a system call."""
    folder = patient.sys / "devices/system/clocksource/clocksource0"
    found = text_of(folder / "current_clocksource") or "not told"
    return verdict(
        "clock_source",
        found,
        ok=found in FAST_CLOCKS,
        advice="reading it is slow: boot with tsc=reliable if the processor has an invariant TSC",
    )


def timer_slack(patient: Patient) -> Check:
    """How late the kernel wakes an ordinary thread to save power."""
    text = text_of(patient.proc / "self/timerslack_ns")
    slack_ns = int(text) if text else None
    found = "not told" if slack_ns is None else f"{slack_ns / 1e3:g} us"
    ours = patient.config.realtime.timer_slack_s
    return verdict(
        "timer_slack",
        f"{found}; the daemon asks for {ours * 1e6:g} us",
        ok=slack_ns is None or min(slack_ns, ours * 1e9) <= 50_000,
        advice="take realtime.timer_slack_s=0.000001",
    )


def realtime_throttling(patient: Patient) -> Check:
    """How much of a second real-time threads may have."""
    folder = patient.proc / "sys/kernel"
    runtime = int(text_of(folder / "sched_rt_runtime_us") or -1)
    period = int(text_of(folder / "sched_rt_period_us") or 1_000_000)
    share = 1.0 if runtime < 0 else runtime / period
    return verdict(
        "realtime_throttling",
        f"{100 * share:g} % of the time for real-time threads",
        ok=share >= 0.9,
        advice="sysctl kernel.sched_rt_runtime_us=950000",
    )
