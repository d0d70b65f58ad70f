"""How a daemon is doing, as it answers with."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.strictness import STRICT, Count, Name

Stage = Literal["transport", "binning", "decode", "publish", "total", "learn"]
FileName = Annotated[str, Field(max_length=4096)]
NonNegative = Annotated[float, Field(ge=0)]

RANGES_A_DOUBLING: Final = 4
FIRST_RANGE_S: Final = 2.0**-22
MAX_RANGES: Final = 128


def range_edge_s(at: int) -> float:
    """Where range `at` of `LatencyMs.counts` begins; it ends where the next one begins."""
    doublings = max(0, at // RANGES_A_DOUBLING - 1)
    return ((at - RANGES_A_DOUBLING * doublings) << doublings) * FIRST_RANGE_S


class LatencyMs(BaseModel):
    """Percentiles of one stage of the way of a command, in milliseconds; since the start."""

    model_config = STRICT

    p50: float
    p95: float
    p99: float
    p999: float
    max: float
    counts: Annotated[tuple[Count, ...], Field(max_length=MAX_RANGES)] = Field(
        default=(),
        description="durations in each range, four ranges to a doubling: range k begins at "
        "(k - 4 d) * 2^(d - 22) s, d the larger of 0 and floor(k / 4) - 1; ranges behind the last "
        "one that has any are left out",
    )


class GuardStatus(BaseModel):
    """Which rung of the guard's ladder is taken, why, and how often each has been."""

    model_config = STRICT

    rung: Name
    cause: Name = Field(description="empty on the lowest rung")
    counters: dict[Name, Count] = Field(max_length=256)


class StreamStatus(BaseModel):
    """One stream that is read."""

    model_config = STRICT

    role: Literal["signal", "labels", "markers"]
    name: Name
    host: Name
    state: Literal["searching", "live", "stale", "lost"] = Field(
        description="not found yet; read; nothing new within max_age; gone and searched for again"
    )


class JournalStatus(BaseModel):
    """The journal that is being written."""

    model_config = STRICT

    file: FileName
    written_bytes: Count
    age_s: NonNegative = Field(description="since what is written was last forced to the disk")
    lost_entries: Count


class CheckpointStatus(BaseModel):
    """The newest checkpoint on the disk."""

    model_config = STRICT

    file: FileName
    age_s: NonNegative
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Status(BaseModel):
    """How a daemon is doing; what is not there is null."""

    model_config = STRICT

    state: Literal["starting", "running", "stopping"]
    learning: Learning
    learning_cause: Literal["", "operator", "guard", "marker"] = Field(
        description="who froze it, or nobody"
    )
    guard: GuardStatus
    bins: Count
    missed_bins: Count = Field(description="bins whose command came after its deadline")
    published: Count
    updates: Count = Field(description="bins that were learned from")
    events: dict[Name, Count] = Field(
        max_length=1024, description="how often each named event has happened"
    )
    latency_ms: dict[Stage, LatencyMs] = Field(description="by stage, as soon as measured")
    data_age_s: float | None = Field(description="of the newest sample; null before the first")
    streams: Annotated[tuple[StreamStatus, ...], Field(max_length=64)]
    journal: JournalStatus | None
    checkpoint: CheckpointStatus | None
    decoder: Name
    model_id: Name
    update_id: Count = Field(description="number of weight updates behind the newest command")
    host: Name
    pid: Count
    uptime_s: NonNegative
    program_version: Name
