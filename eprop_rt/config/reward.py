"""Decoders that learn from reward alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config.eprop import EpropSettings
from eprop_rt.config.network import NetworkSettings, ReadoutSettings
from eprop_rt.config.quantities import NonNegative, Positive, Settings
from eprop_rt.config.signal import InputScaleSettings, ScaleSettings


class PolicySettings(Settings):
    """An actor and its critic: a Gaussian policy around a mean, and the value of where it is."""

    noise: Positive = Field(
        10.0, description="standard deviation of exploration, in units of the outputs"
    )
    noise_tau_s: NonNegative = Field(
        0.03, description="how long exploration keeps its direction; 0: drawn anew at every bin"
    )
    actor_rate: Positive = 0.3
    critic_rate: Positive = 0.06
    discount_tau_s: Positive = Field(1.0, description="how far ahead rewards count")
    trace_tau_s: Positive = Field(0.3, description="how long what was done may earn a reward")
    credit_delay_s: NonNegative = Field(
        0.0, description="what was done earns a reward only when it is so old"
    )
    rates_halve_s: Positive | None = Field(
        None, description="of learning, after which both rates are half; none: they stay"
    )
    surprise_clip: Positive = Field(
        1.5, description="bound on an error of the critic, in units of its root mean square"
    )

    @model_validator(mode="after")
    def _traces_within_the_horizon(self) -> Self:
        if self.trace_tau_s > self.discount_tau_s:
            raise ValueError(
                f"trace_tau_s {self.trace_tau_s} exceeds discount_tau_s {self.discount_tau_s}: a "
                "trace fades with what it may earn; shorten the former or lengthen the latter"
            )
        return self


class RewardSettings(Settings):
    """Reward-based e-prop: a spiking network whose readout is an actor and a critic."""

    kind: Literal["reward"] = "reward"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    inputs: InputScaleSettings = InputScaleSettings()
    network: NetworkSettings = NetworkSettings()
    lags: Annotated[int, Field(ge=0)] = Field(
        0, description="bins of scaled inputs beside the spikes, the newest included"
    )
    features: ScaleSettings = ScaleSettings(clip=5.0)
    policy: PolicySettings = PolicySettings()
    learning_rate: NonNegative = Field(
        3e-3, description="of the synapses; 0: actor and critic alone learn"
    )
    critic_share: NonNegative = Field(
        0.0, description="of the critic, beside the actor, in what the synapses learn"
    )

    @model_validator(mode="after")
    def _every_synapse_exists(self) -> Self:
        if self.network.connectivity < 1:
            raise ValueError(
                f"kind: reward came with network.connectivity {self.network.connectivity}: its "
                "traces are of every synapse, set 1"
            )
        if self.network.convention != "bellec2020":
            raise ValueError(
                f"kind: reward came with network.convention {self.network.convention}: its readout "
                "is filtered, set bellec2020"
            )
        return self

    def as_eprop(self) -> EpropSettings:
        """An engine of the same network."""
        return EpropSettings(
            seed=self.seed,
            dtype=self.dtype,
            inputs=self.inputs,
            network=self.network,
            readout=ReadoutSettings(rule="none", lags=self.lags),
        )


class ActorCriticSettings(Settings):
    """An actor and a critic on lagged bins, each channel scaled by its own past."""

    kind: Literal["actor_critic"] = "actor_critic"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    lags: Annotated[int, Field(gt=0)] = 5
    inputs: ScaleSettings = ScaleSettings(clip=5.0)
    policy: PolicySettings = PolicySettings()
