"""Settings of the engine, in seconds and hertz, checked before anything is built."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BinSettings(Settings):
    """How samples become bins, and what a gap in the stream means."""

    bin_s: Positive = 0.05
    reduce: Literal["sum", "mean", "rms"] = Field(
        "sum", description="sum for counts, mean or rms for sampled signals"
    )
    max_disorder_s: NonNegative = Field(
        0.1, description="a sample that is older than the newest by more is dropped"
    )
    reset_after_gap_s: Positive = Field(
        1.0, description="a gap longer than this resets the network's state (not its weights)"
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


class SurrogateSettings(Settings):
    """The pseudo-derivative of the spike, as a function of x = (v - A) / (width v_th)."""

    kind: Literal[
        "rectangular",
        "triangular",
        "logistic",
        "arctangent",
        "fast_sigmoid",
        "gaussian",
        "exponential",
    ] = "triangular"
    height: Positive | None = Field(
        0.3, description="value at the threshold; none: area 1, the density of its noise"
    )
    width: Positive = Field(1.0, description="in thresholds; the inverse of the slope")


class NetworkSettings(Settings):
    """One population of LIF and adaptive LIF neurons with time constants of their own."""

    neurons: Annotated[int, Field(gt=0)] = 256
    adaptive_fraction: Share = 0.5
    membrane_tau_s: tuple[Positive, Positive] = Field(
        (0.05, 0.6), description="shortest and longest; the groups between lie log-uniform"
    )
    tau_groups: Annotated[int, Field(gt=0)] = 16
    adaptation_tau_s: Positive = 0.75
    adaptation_strength: NonNegative = 0.4
    readout_tau_s: Positive = 0.1
    refractory_s: NonNegative = 0.0
    threshold: Positive = 1.0
    input_gain: NonNegative = 0.5
    recurrent_gain: NonNegative = 0.3
    readout_gain: NonNegative = 0.5
    surrogate: SurrogateSettings = SurrogateSettings()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        shortest, longest = self.membrane_tau_s
        if shortest > longest:
            raise ValueError(f"membrane_tau_s is ({shortest}, {longest}): give the shortest first")
        if self.tau_groups > self.neurons:
            raise ValueError(
                f"tau_groups {self.tau_groups} exceed neurons {self.neurons}: use at most one each"
            )
        return self


class RuleSettings(Settings):
    """E-prop on whole trials, convention bellec2020; the switches under which it is published."""

    convention: Literal["bellec2020"] = "bellec2020"
    input_gain: Literal["one", "one_minus_alpha"] = Field(
        "one", description="factor on everything that drives a neuron, and on its traces"
    )
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="half the squared error, or cross entropy after a softmax"
    )
    window_steps: Annotated[int, Field(gt=0)] | None = Field(
        None, description="only the last steps of a trial carry an error; none: all"
    )
    mean_over_window: bool = Field(
        False, description="divide loss and gradients, the regulariser's too, by the window's steps"
    )
    feedback: Literal["symmetric", "given"] = Field(
        "symmetric", description="the readout's weights, or a matrix of its own (random, fixed)"
    )
    rate_strength: NonNegative = Field(0.0, description="of the firing-rate regulariser")
    rate_target: NonNegative = Field(0.01, description="spikes a step")
    autapses: bool = Field(False, description="whether a neuron's synapse onto itself learns")
    trial_reset: bool = Field(True, description="rest before every trial; else one long trial")
    through_recurrence: bool = Field(False, description="with through_reset: BPTT, not e-prop")
    through_reset: bool = False


class OnlineSettings(Settings):
    """Learning at every bin, from the eligibility traces of that very bin."""

    optimiser: Literal["sgd", "adam", "none"] = "sgd"
    learning_rate: Positive = 1e-3
    update_every: Annotated[int, Field(gt=0)] = Field(
        1, description="bins whose gradients add up to one update"
    )

    @model_validator(mode="after")
    def _sgd_is_per_step(self) -> Self:
        if self.optimiser == "sgd" and self.update_every != 1:
            raise ValueError(
                f"sgd updates at every bin, update_every is {self.update_every}: "
                "set it to 1, or use optimiser: adam"
            )
        return self


class ReadoutSettings(Settings):
    """From filtered spikes, and optionally lagged inputs, to outputs."""

    rule: Literal["delta", "adam", "rls", "none"] = "delta"
    learning_rate: Positive = 1e-2
    lags: Annotated[int, Field(ge=0)] = Field(
        0, description="bins of scaled inputs beside the spikes, the newest included"
    )
    forgetting_half_life_s: Positive = Field(1400.0, description="of rls")
    ridge: Positive = Field(1.0, description="of rls: inverse of P at the start")


class RehearsalSettings(Settings):
    """Learning, between two bins, from segments of the session's own past."""

    steps_per_bin: NonNegative = Field(80.0, description="rehearsed steps a bin; 0: none")
    segment_s: Positive = 3.0
    warm_up_s: NonNegative = Field(0.75, description="start of a segment without error")
    segments_per_update: Annotated[int, Field(gt=0)] = 32
    learning_rate: Positive = 1e-3
    memory_s: Positive = Field(3600.0, description="how much of the past is kept")
    clip_norm: Positive = 1.0

    @model_validator(mode="after")
    def _warm_up_fits(self) -> Self:
        if self.warm_up_s >= self.segment_s or 2 * self.segment_s > self.memory_s:
            raise ValueError(
                f"warm_up_s {self.warm_up_s} < segment_s {self.segment_s} <= memory_s / 2 "
                f"({self.memory_s} / 2) must hold: shorten the former or lengthen the latter"
            )
        return self


class EpropSettings(Settings):
    """The e-prop engine."""

    kind: Literal["eprop"] = "eprop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    inputs: InputScaleSettings = InputScaleSettings()
    targets: ScaleSettings = ScaleSettings()
    network: NetworkSettings = NetworkSettings()
    online: OnlineSettings = OnlineSettings()
    readout: ReadoutSettings = ReadoutSettings()
    rehearsal: RehearsalSettings = RehearsalSettings()


class WienerSettings(Settings):
    """Ridge regression on lagged bins, fitted once, offline."""

    kind: Literal["wiener"] = "wiener"
    lags: Annotated[int, Field(gt=0)] = 10
    ridge: tuple[Positive, ...] = Field(
        (1.0, 10.0, 100.0, 1e3, 1e4),
        min_length=1,
        description="tried on the last fifth of the fitted part",
    )


class RlsSettings(Settings):
    """Recursive least squares on lagged bins."""

    kind: Literal["rls"] = "rls"
    lags: Annotated[int, Field(gt=0)] = 10
    forgetting: Annotated[float, Field(gt=0.9, le=1)] = 0.99995
    ridge: Positive = 1.0


class ZeroSettings(Settings):
    """Says zero."""

    kind: Literal["zero"] = "zero"


class MeanSettings(Settings):
    """Says the mean of the labels so far."""

    kind: Literal["mean"] = "mean"


DecoderSettings = Annotated[
    EpropSettings | WienerSettings | RlsSettings | ZeroSettings | MeanSettings,
    Field(discriminator="kind"),
]


class PipelineSettings(Settings):
    """The data path from samples to outputs."""

    bins: BinSettings = BinSettings()
    decoder: DecoderSettings = EpropSettings()
