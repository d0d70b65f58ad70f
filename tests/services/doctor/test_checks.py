"""Each check on a machine made of files, sick and sound."""

import os
import socket

import pytest

from eprop_rt_services.config import Config, load_config
from eprop_rt_services.doctor import kernel, memory, permission, places, software
from eprop_rt_services.doctor.check import Patient

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max locked memory         {memlock}              unlimited            bytes
Max realtime priority     {rtprio}                    99
"""


@pytest.fixture
def machine(tmp_path):
    """Makes a machine whose kernel tells what is given, by path."""

    def make(told=(), config=None):
        for path, text in dict(told).items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n")
        return Patient(config or Config(), tmp_path, tmp_path / "proc", tmp_path / "sys")

    return make


def config(*overrides):
    return load_config("preset:cursor", overrides)


VERSION, CMDLINE, DEBUG = (
    "proc/sys/kernel/version",
    "proc/cmdline",
    "sys/kernel/debug/sched/preempt",
)


@pytest.mark.parametrize(
    ("told", "ok", "found"),
    [
        ({VERSION: "#1 SMP PREEMPT_RT Debian 6.1"}, True, "PREEMPT_RT"),
        ({VERSION: "#1 SMP", "sys/kernel/realtime": "1"}, True, "PREEMPT_RT"),
        ({VERSION: "#1 SMP PREEMPT_DYNAMIC", DEBUG: "none voluntary (full)"}, True, "full"),
        ({VERSION: "#1 SMP PREEMPT_DYNAMIC", DEBUG: "none (voluntary) full"}, False, "voluntary"),
        ({VERSION: "#1 SMP PREEMPT_DYNAMIC", CMDLINE: "quiet preempt=full"}, True, "full"),
        ({VERSION: "#1 SMP PREEMPT_DYNAMIC"}, False, "not readable"),
        ({VERSION: "#1 SMP PREEMPT Mon"}, True, "PREEMPT"),
        ({VERSION: "#1 SMP Debian"}, False, "voluntary or none"),
        ({}, False, "unknown"),
    ],
)
def test_preemption_is_told_by_version_debug_file_and_command_line(machine, told, ok, found):
    check = kernel.kernel_preemption(machine(told))
    assert (check.ok, found in check.found) == (ok, True)
    assert ("PREEMPT_RT" in check.advice) != ok


@pytest.mark.parametrize(
    ("governors", "ok"),
    [(["performance"] * 2, True), (["performance", "powersave"], False), ([], True)],
)
def test_every_core_must_stay_at_full_speed(machine, governors, ok):
    path = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    check = kernel.cpu_governor(machine({path.format(n): g for n, g in enumerate(governors)}))
    assert check.ok == ok
    assert all(governor in check.found for governor in governors)
    assert ("cpupower" in check.advice) != ok


@pytest.mark.parametrize(
    ("allowed", "load", "ok"), [("0-3,8", "4.9", True), ("0-1", "2.1", False), ("3", "0.0", False)]
)
def test_there_must_be_room_beside_what_runs(machine, allowed, load, ok):
    told = {
        "proc/self/status": f"Name:\tx\nCpus_allowed_list:\t{allowed}",
        "proc/loadavg": f"{load} 0 0 1/2 3",
        "sys/devices/system/cpu/isolated": "2-3",
    }
    check = kernel.cores(machine(told))
    assert check.ok == ok
    assert check.found.endswith("isolated: 2-3")
    assert check.found.startswith({"0-3,8": "5", "0-1": "2", "3": "1"}[allowed])


@pytest.mark.parametrize(("clock", "ok"), [("tsc", True), ("kvm-clock", True), ("hpet", False)])
def test_a_clock_that_is_slow_to_read_is_named(machine, clock, ok):
    path = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    check = kernel.clock_source(machine({path: clock}))
    assert (check.ok, check.found) == (ok, clock)
    assert ("tsc=reliable" in check.advice) != ok


def test_timer_slack_is_what_the_daemon_takes_where_that_is_less(machine):
    told = {"proc/self/timerslack_ns": "4000000"}
    check = kernel.timer_slack(machine(told))
    assert check.ok
    assert check.found == "4000 us; the daemon asks for 1 us"
    slow = config("realtime.timer_slack_s=0.001")
    assert not kernel.timer_slack(machine(told, slow)).ok


@pytest.mark.parametrize(("runtime", "ok"), [("950000", True), ("-1", True), ("500000", False)])
def test_real_time_threads_must_have_nearly_all_of_the_time(machine, runtime, ok):
    folder = "proc/sys/kernel/sched_rt_"
    told = {f"{folder}runtime_us": runtime, f"{folder}period_us": "1000000"}
    assert kernel.realtime_throttling(machine(told)).ok == ok


@pytest.mark.parametrize(
    ("limit", "capabilities", "priority", "ok"),
    [
        ("0", "0", None, False),
        ("80", "0", 80, True),
        ("79", "0", 80, False),
        ("unlimited", "0", 98, True),
        ("0", "800000", 80, True),  # bit 23
    ],
)
def test_the_priority_that_is_wanted_must_be_allowed(machine, limit, capabilities, priority, ok):
    told = {
        "proc/self/limits": LIMITS.format(memlock="1", rtprio=limit),
        "proc/self/status": f"CapEff:\t{capabilities}",
    }
    wanted = config(f"realtime.priority={priority}") if priority else None
    check = permission.rtprio_limit(machine(told, wanted))
    assert check.ok == ok
    assert ("limits.d" in check.advice) != ok


@pytest.mark.parametrize(
    ("limit", "capabilities", "ok", "found"),
    [
        ("8388608", "0", False, "8192 KiB"),
        ("unlimited", "0", True, "unlimited"),
        ("8388608", "4000", True, "CAP_IPC_LOCK"),  # bit 14
    ],
)
def test_memory_may_be_locked_without_a_limit_or_with_the_capability(
    machine, limit, capabilities, ok, found
):
    told = {
        "proc/self/limits": LIMITS.format(memlock=limit, rtprio="0"),
        "proc/self/status": f"CapEff:\t{capabilities}",
    }
    check = memory.memlock_limit(machine(told))
    assert (check.ok, found in check.found) == (ok, True)
    assert ("LimitMEMLOCK" in check.advice) != ok


SWAPS = "Filename\tType\tSize\tUsed\tPriority"


def test_swap_is_harmless_where_memory_is_locked(machine):
    told = {"proc/swaps": f"{SWAPS}\n/dev/sda2 partition 2097152 0 -2"}
    assert memory.swap(machine({"proc/swaps": SWAPS})).found == "none"
    check = memory.swap(machine(told))
    assert (check.ok, check.found) == (False, "2.0 GiB")
    assert "swapoff" in check.advice
    assert memory.swap(machine(told, config("realtime.lock_memory=true"))).ok


@pytest.mark.parametrize(("mode", "ok"), [("always", False), ("madvise", True), ("never", True)])
def test_huge_pages_for_everybody_are_named(machine, mode, ok):
    words = " ".join(f"[{m}]" if m == mode else m for m in ("always", "madvise", "never"))
    check = memory.transparent_hugepages(
        machine({"sys/kernel/mm/transparent_hugepage/enabled": words})
    )
    assert (check.ok, check.found) == (ok, mode)


def test_a_disk_too_small_for_a_day_is_named_with_the_size_of_a_day(machine, monkeypatch):
    patient = machine()
    assert str(patient.folder) in places.free_disk(patient).found
    monkeypatch.setattr(places, "A_DAY_BYTES", 10**18)
    check = places.free_disk(patient)
    assert not check.ok
    assert "a day of 96 channels at 1 kHz takes" in check.advice


def test_the_disk_of_a_folder_that_is_to_be_made_is_that_of_its_parent(tmp_path):
    patient = Patient(folder=tmp_path / "not" / "yet")
    assert places.free_disk(patient).found.endswith(str(tmp_path))


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path, monkeypatch, machine):
    (tmp_path / "file").write_text("")
    for place, ok in ((tmp_path / "new" / "cache", True), (tmp_path / "file", False)):
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(place))
        check = places.kernel_cache(machine())
        assert (check.ok, str(place) in check.found) == (ok, True)
        assert ("NUMBA_CACHE_DIR" in check.advice) != ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]  # nothing is left


def test_ports_that_are_taken_are_named_and_those_that_are_free_are_not(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        mixed = config(
            f"control.endpoint=tcp://{taken}",
            "publish.endpoint=ipc:///tmp/x",
            "metrics.endpoint=127.0.0.1:0",
        )
        check = places.ports(machine(config=mixed))
    assert (check.ok, check.found) == (False, f"not to be had: control.endpoint tcp://{taken}")
    assert "eprop-rt ctl status" in check.advice
    free = config("control.endpoint=tcp://127.0.0.1:0", "publish.endpoint=tcp://127.0.0.1:*")
    assert places.ports(machine(config=free)).ok


def test_liblsl_is_named_with_version_and_path(machine):
    check = software.liblsl(machine())
    assert check.ok
    assert check.found[:2] == "1."
    assert os.path.isfile(check.found.partition(" at ")[2])


def test_a_liblsl_that_was_named_and_is_not_taken_is_told(machine, monkeypatch):
    monkeypatch.setenv("PYLSL_LIB", "/nowhere/liblsl.so")
    check = software.liblsl(machine())
    assert not check.ok
    assert "PYLSL_LIB" in check.advice


def test_without_pylsl_it_is_said_where_to_get_it(machine, tmp_path, monkeypatch):
    (tmp_path / "pylsl.py").write_text("raise RuntimeError('no liblsl in this place')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = software.liblsl(machine())
    assert (check.ok, check.found) == (False, "RuntimeError: no liblsl in this place")
    assert "pip install pylsl" in check.advice


def test_the_scope_of_streams_is_read_from_the_file_that_liblsl_reads(
    machine, tmp_path, monkeypatch
):
    file = tmp_path / "lsl_api.cfg"
    file.write_text("[multicast]\nResolveScope = machine\n")
    monkeypatch.setenv("LSLAPICFG", str(file))
    assert software.lsl_scope(machine()).found == f"machine ({file})"
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "none"))
    check = software.lsl_scope(machine())
    assert not check.ok
    assert "LSLAPICFG" in check.advice


@pytest.mark.parametrize(
    ("library", "ok"), [(("glibc", "2.31"), False), (("glibc", "2.35"), True), (("", ""), False)]
)
def test_a_c_library_too_old_for_the_wheel_is_named(machine, monkeypatch, library, ok):
    monkeypatch.setattr(software.platform, "libc_ver", lambda: library)
    assert software.glibc(machine()).ok == ok


def test_a_machine_that_tells_nothing_is_looked_at_all_the_same(tmp_path):
    patient = Patient(Config(), tmp_path, tmp_path / "proc", tmp_path / "sys")
    told = (
        kernel.kernel_preemption, kernel.cpu_governor, kernel.cores, kernel.clock_source,
        kernel.timer_slack, kernel.realtime_throttling, permission.rtprio_limit,
        memory.memlock_limit, memory.swap, memory.transparent_hugepages,
    )  # fmt: skip
    for look in told:
        check = look(patient)
        assert check.found
        assert check.ok != bool(check.advice)
