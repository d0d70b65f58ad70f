"""The spiking network and its readout."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config.quantities import NonNegative, Positive, Settings, Share


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

    convention: Literal["bellec2020", "eprop_plus"] = Field(
        "bellec2020", description="reset, filters and readout; docs/conventions.md"
    )
    neurons: Annotated[int, Field(gt=0)] = 256
    connectivity: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="share of the synapses that exist"
    )
    spikes: Literal["threshold", "escape"] = Field(
        "threshold", description="escape: drawn from the noise whose density is the surrogate"
    )
    synapse_tau_s: Positive | None = Field(
        None, description="of the synaptic current; none: spikes drive the membrane itself"
    )
    adaptive_fraction: Share = 0.5
    membrane_tau_s: tuple[Positive, Positive] = Field(
        (0.05, 0.6), description="shortest and longest; the groups between lie log-uniform"
    )
    tau_groups: Annotated[int, Field(gt=0)] = 16
    adaptation_tau_s: Positive = 0.75
    adaptation_strength: NonNegative = 0.4
    readout_tau_s: Positive = 0.1
    eligibility_tau_s: Positive | None = Field(
        None, description="of the eligibility trace's filter; none: the readout's"
    )
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

    @model_validator(mode="after")
    def _escape_noise_has_a_density(self) -> Self:
        if self.spikes == "escape" and self.surrogate.height is not None:
            raise ValueError(
                f"spikes: escape came with surrogate.height {self.surrogate.height}: the surrogate "
                "is then the density of the noise, set its height to null"
            )
        return self


class ReadoutSettings(Settings):
    """From filtered spikes, and optionally lagged or fading inputs, to outputs."""

    rule: Literal["delta", "adam", "rls", "none"] = "delta"
    learning_rate: Positive = 1e-2
    lags: Annotated[int, Field(ge=0)] = Field(
        0, description="bins of scaled inputs beside the spikes, the newest included"
    )
    trace_tau_s: tuple[Positive, ...] = Field(
        (), description="of traces of each scaled input beside them, that fade so fast"
    )
    forgetting_half_life_s: Positive = Field(1400.0, description="of rls")
    ridge: Positive = Field(1.0, description="of rls: inverse of P at the start")
