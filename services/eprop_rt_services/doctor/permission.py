"""Whether the daemon may go before every ordinary process."""

from eprop_rt_services.doctor.check import Check, Patient, may, soft_limit, verdict

CAP_SYS_NICE = 23


def rtprio_limit(patient: Patient) -> Check:
    """Whether realtime.priority will be granted."""
    limit = soft_limit(patient, "Max realtime priority")
    free = may(patient, CAP_SYS_NICE)
    wanted = patient.config.realtime.priority or 1
    found = "unlimited" if limit is None else str(limit)
    return verdict(
        "rtprio_limit",
        found + (", and permission to go beyond (CAP_SYS_NICE)" if free and limit == 0 else ""),
        ok=limit is None or limit >= wanted or free,
        advice="'USER - rtprio 80' in /etc/security/limits.d/eprop-rt.conf, or LimitRTPRIO=80 in "
        "the unit; then realtime.priority=80",
    )
