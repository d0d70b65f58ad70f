"""Whether what we need is in memory when a bin is due."""

from eprop_rt_services.doctor.check import Check, Patient, chosen, may, soft_limit, text_of, verdict
from eprop_rt_services.realtime import CAP_IPC_LOCK


def memlock_limit(patient: Patient) -> Check:
    """Whether realtime.lock_memory will be granted."""
    limit = soft_limit(patient, "Max locked memory")
    free = may(patient, CAP_IPC_LOCK)
    found = "unlimited" if limit is None else f"{limit // 1024} KiB"
    return verdict(
        "memlock_limit",
        found + (", and permission to go beyond (CAP_IPC_LOCK)" if free and limit else ""),
        ok=limit is None or free,
        advice="'USER - memlock unlimited' in /etc/security/limits.d/eprop-rt.conf, or "
        "LimitMEMLOCK=infinity in the unit; then realtime.lock_memory=true",
    )


def swap(patient: Patient) -> Check:
    """Whether memory can be written to a disk."""
    areas = (text_of(patient.proc / "swaps") or "").splitlines()[1:]
    kibibytes = sum(int(area.split()[2]) for area in areas)
    locked = patient.config.realtime.lock_memory
    found = f"{kibibytes / 2**20:.1f} GiB" if areas else "none"
    return verdict(
        "swap",
        found + (", realtime.lock_memory is set" if areas and locked else ""),
        ok=not areas or locked,
        advice="swapoff --all, or realtime.lock_memory=true",
    )


def transparent_hugepages(patient: Patient) -> Check:
    """Whether the kernel gathers pages while we wait."""
    text = text_of(patient.sys / "kernel/mm/transparent_hugepage/enabled") or ""
    mode = chosen(text) or "not told"
    return verdict(
        "transparent_hugepages",
        mode,
        ok=mode != "always",
        advice="echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )
