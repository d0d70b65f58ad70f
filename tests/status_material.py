"""A status with everything in it, for tests."""

from eprop_rt_protocols.status import (
    CheckpointStatus,
    GuardStatus,
    JournalStatus,
    LatencyMs,
    Status,
    StreamStatus,
)

FULL_STATUS = Status(
    state="running",
    learning="frozen",
    learning_cause="operator",
    guard=GuardStatus(rung="accept", cause="", counters={"clip": 3}),
    bins=400,
    missed_bins=1,
    published=399,
    updates=380,
    events={"silence": 2},
    latency_ms={
        "total": LatencyMs(p50=0.5, p95=0.75, p99=1.0, p999=1.5, max=2.0, counts=(0, 0, 7))
    },
    data_age_s=0.25,
    streams=(StreamStatus(role="signal", name="spikes", host="nsp-1", state="live"),),
    journal=JournalStatus(file="day.xdf", written_bytes=4096, age_s=0.5, lost_entries=0),
    checkpoint=CheckpointStatus(file="kept.npz", age_s=60.0, sha256="0123456789abcdef" * 4),
    decoder="eprop",
    model_id="alif-256",
    update_id=380,
    host="rig-3",
    pid=4321,
    uptime_s=8.5,
    program_version="0.1.0",
)
