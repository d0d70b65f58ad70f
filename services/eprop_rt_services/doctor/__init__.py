"""What a machine lacks for real-time work, and how to mend it: one check a function."""

from eprop_rt_services.doctor.check import Check, Patient
from eprop_rt_services.doctor.kernel import (
    clock_source,
    cores,
    cpu_governor,
    kernel_preemption,
    realtime_throttling,
    timer_slack,
)
from eprop_rt_services.doctor.memory import memlock_limit, swap, transparent_hugepages
from eprop_rt_services.doctor.permission import rtprio_limit
from eprop_rt_services.doctor.places import free_disk, kernel_cache, ports
from eprop_rt_services.doctor.software import glibc, liblsl, lsl_scope, python

CHECKS = (
    kernel_preemption,
    cpu_governor,
    cores,
    clock_source,
    timer_slack,
    rtprio_limit,
    realtime_throttling,
    memlock_limit,
    swap,
    transparent_hugepages,
    python,
    glibc,
    liblsl,
    lsl_scope,
    kernel_cache,
    free_disk,
    ports,
)
# Without these no sample comes in; whatever else is missing costs time and not the session.
NEEDED = frozenset({"liblsl"})


def examine(patient: Patient) -> list[Check]:
    """Every check, in the order in which they are shown."""
    return [check(patient) for check in CHECKS]


__all__ = ["CHECKS", "NEEDED", "Check", "Patient", "examine"]
