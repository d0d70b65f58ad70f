"""Settings of the guard: when it steps in, and what it takes for it to let go."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from eprop_rt.config import NonNegative, Positive, Settings, Share

Count = Annotated[int, Field(gt=0)]


class GuardSettings(Settings):
    """The ladder: clip, skip, freeze, roll back, hold, zero, exit."""

    enabled: bool = Field(True, description="false: only what is not finite is held back")

    # Inputs.
    artefact_share: Share = Field(
        0.5, description="of the living channels far from usual in one bin: an artefact; 1: never"
    )
    artefact_sigma: Positive = Field(
        8.0, description="running standard deviations that count as far from usual"
    )
    artefact_channels: Count = Field(
        16, description="living channels below which there is no array to speak of"
    )
    artefact_hold_s: NonNegative = Field(
        0.1, description="how long the output is held after an artefact or a hold has ended"
    )
    artefact_longest_s: Positive = Field(
        2.0, description="what lasts longer is a change of the array: usual from then on"
    )
    usual_after_s: Positive = Field(10.0, description="of data, before an artefact can be told")
    usual_half_life_s: Positive = Field(120.0, description="of what is usual")
    absent_share: Share = Field(
        0.5, description="of the channels not finite, more than usual: no bin to decode from"
    )
    lost_share: Share = Field(0.95, description="of the channels not finite: never usual")
    input_bound: Positive = Field(
        1e12, description="a value or label beyond it counts as not finite"
    )
    input_sigma: Positive = Field(
        1e4, description="a value so many standard deviations from usual is brought back there"
    )

    # Outputs.
    output_bound: Positive | None = Field(None, description="on the size of every output")
    output_sigma: Positive | None = Field(
        8.0, description="bound on an output, in standard deviations of the labels so far"
    )
    zero_after_s: Positive | None = Field(
        1.0, description="an output held for longer is zero; none: it stays held"
    )

    # The network.
    rate_min_hz: NonNegative = Field(0.02, description="mean rate of the network below: silent")
    rate_max_share: Share = Field(
        0.9, description="mean rate above this share of a spike a bin: runaway"
    )
    rate_window_s: Positive = Field(5.0, description="over which rates are means")

    # The error.
    loss_ratio: Positive = Field(
        4.0, description="error over that of the last good state, above which one is rolled back"
    )
    loss_least: Positive = Field(
        4.0, description="least error, in variances of the labels, for which one is rolled back"
    )
    loss_window_s: Positive = Field(10.0, description="over which the error is a mean, and so high")

    # Time.
    late_share: Share = Field(
        0.2, description="of late commands in a window, above which learning freezes"
    )
    late_window_s: Positive = Field(5.0, description="over which late commands are counted")

    # The ladder.
    skips: Count = Field(10, description="troubles within `skip_window_s` that freeze learning")
    skip_window_s: Positive = 10.0
    freezes: Count = Field(3, description="for one cause within `freeze_window_s`: roll back")
    freeze_window_s: Positive = 120.0
    rollbacks: Count = Field(2, description="within `rollback_window_s`, before one holds instead")
    rollback_window_s: Positive = 600.0
    holds: Count = Field(3, description="within `rollback_window_s`: ask for a restart")
    exit_after_s: Positive = Field(
        10.0, description="held so long because the decoder is broken: ask for a restart"
    )
    calm_s: Positive = Field(5.0, description="without trouble, after which the guard lets go")
    good_every_s: Positive = Field(30.0, description="how often a good state is kept, while calm")

    @model_validator(mode="after")
    def _absent_is_less_than_lost(self) -> Self:
        if self.absent_share > self.lost_share:
            raise ValueError(
                f"absent_share {self.absent_share} > lost_share {self.lost_share}: channels are "
                "lost when more of them are absent, raise lost_share"
            )
        return self
