"""From samples to scaled inputs."""

from typing import Literal

from pydantic import Field

from eprop_rt.config.quantities import NonNegative, Positive, Settings


class BinSettings(Settings):
    """How samples become bins, and what a gap in the stream means."""

    bin_s: Positive = 0.05
    reduce: Literal["sum", "mean", "rms", "variance"] = Field(
        "sum", description="sum for counts, mean, rms or variance for sampled signals"
    )
    max_disorder_s: NonNegative = Field(
        0.1, description="a sample that is older than the newest by more is dropped"
    )
    reset_after_gap_s: Positive = Field(
        1.0, description="a gap longer than this resets the network's state (not its weights)"
    )
    max_wait_s: Positive = Field(
        0.1, description="of several input streams, how long one is waited for"
    )


class ScaleSettings(Settings):
    """Causal scaling of inputs or targets by running statistics."""

    per_channel: bool = True
    centre: bool = True
    clip: Positive | None = Field(None, description="bound on a scaled value")
    half_life_s: Positive | None = Field(None, description="none: statistics of all the past")


class InputScaleSettings(ScaleSettings):
    """Scaling of inputs: counts keep their zero and, between channels, their proportions."""

    per_channel: bool = False
    centre: bool = False
    clip: Positive | None = Field(20.0, description="bound on a scaled value")
