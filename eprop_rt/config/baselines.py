"""Decoders to compare with."""

from typing import Annotated, Literal

from pydantic import Field

from eprop_rt.config.eprop import EpropSettings
from eprop_rt.config.learning import OnlineSettings, RehearsalSettings
from eprop_rt.config.network import NetworkSettings, ReadoutSettings
from eprop_rt.config.quantities import LateLabels, NonNegative, Positive, Settings
from eprop_rt.config.signal import InputScaleSettings, ScaleSettings


class WienerSettings(Settings):
    """Ridge regression on lagged bins, fitted once, offline."""

    kind: Literal["wiener"] = "wiener"
    lags: Annotated[int, Field(gt=0)] = 15
    ridge: tuple[Positive, ...] = Field(
        (1.0, 10.0, 100.0, 1e3, 1e4),
        min_length=1,
        description="tried on the last fifth of the fitted part",
    )


class LdaSettings(Settings):
    """Linear discriminant analysis of classes on lagged bins, fitted once, offline."""

    kind: Literal["lda"] = "lda"
    lags: Annotated[int, Field(gt=0)] = 10
    log: bool = Field(True, description="of each value: amplitudes of muscle and brain signals")
    shrinkage: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 0.9),
        min_length=1,
        description="towards a diagonal covariance; tried on the last fifth of the fitted part",
    )


class RlsSettings(Settings):
    """Recursive least squares on lagged bins."""

    kind: Literal["rls"] = "rls"
    lags: Annotated[int, Field(gt=0)] = 15
    forgetting: Annotated[float, Field(gt=0.9, le=1)] = 0.99995
    ridge: Positive = 300.0
    label_delay_s: LateLabels = 2.0


class NlmsSettings(Settings):
    """Normalised least mean squares on lagged bins, each channel scaled by its own past."""

    kind: Literal["nlms"] = "nlms"
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="softmax: logistic regression of classes, labels one-hot"
    )
    lags: Annotated[int, Field(gt=0)] = 10
    step: Annotated[float, Field(gt=0, lt=2)] = Field(
        0.05, description="share of a bin's error that its update takes away"
    )
    inputs: ScaleSettings = ScaleSettings(clip=10.0)
    label_delay_s: LateLabels = 2.0


# What both Kalman filters have.
OutputsAhead = Annotated[
    NonNegative, Field(description="how far activity runs ahead: outputs to come, in the state")
]
OutputsGoneBy = Annotated[NonNegative, Field(description="outputs gone by, in the state")]
NoiseRidge = Annotated[
    Positive, Field(description="of the noise covariance, in units of its mean diagonal")
]
Bridge = Annotated[NonNegative, Field(description="gaps between labels that a line fills")]
Deviations = Annotated[
    Positive, Field(description="bound on a channel's distance from its mean, in deviations")
]


class KalmanSettings(Settings):
    """Kalman filter whose state is the outputs around the newest bin, fitted once, offline."""

    kind: Literal["kalman"] = "kalman"
    lead_s: OutputsAhead = 0.3
    past_s: OutputsGoneBy = 0.6
    ridge: NoiseRidge = 0.01
    bridge_s: Bridge = 0.5
    clip: Deviations = 20.0


class AdaptiveKalmanSettings(Settings):
    """The same filter, its model fitted to an exponentially fading past, again and again."""

    kind: Literal["adaptive_kalman"] = "adaptive_kalman"
    lead_s: OutputsAhead = 0.3
    past_s: OutputsGoneBy = 0.4
    ridge: NoiseRidge = 0.01
    bridge_s: Bridge = 0.5
    clip: Deviations = 20.0
    half_life_s: Positive | None = Field(1200.0, description="none: all the past counts alike")
    refit_s: Positive = Field(1.0, description="how often the model follows its statistics")
    label_delay_s: LateLabels = 2.0


class LstmSettings(Settings):
    """A layer of LSTM units, trained offline by PyTorch; it decodes without it."""

    kind: Literal["lstm"] = "lstm"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    units: Annotated[int, Field(gt=0)] = 150
    epochs: Annotated[int, Field(gt=0)] = 30
    patience: Annotated[int, Field(gt=0)] = Field(
        10, description="epochs without a better validation error, after which training ends"
    )
    sequence_s: Positive = 2.5
    sequences_per_update: Annotated[int, Field(gt=0)] = 8
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="of inputs and of the layer's outputs, in training"
    )
    clip_norm: Positive = 1.0


class StaticSettings(Settings):
    """The e-prop network as it was drawn: only its readout learns."""

    kind: Literal["static"] = "static"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    inputs: InputScaleSettings = InputScaleSettings()
    targets: ScaleSettings = ScaleSettings()
    network: NetworkSettings = NetworkSettings()
    readout: ReadoutSettings = ReadoutSettings(rule="rls")
    label_delay_s: NonNegative = Field(0.0, description="the readout waits so long for its labels")

    def as_eprop(self) -> EpropSettings:
        """An engine that learns nothing but its readout."""
        return EpropSettings(
            seed=self.seed,
            dtype=self.dtype,
            inputs=self.inputs,
            targets=self.targets,
            network=self.network,
            readout=self.readout,
            online=OnlineSettings(optimiser="none", label_delay_s=self.label_delay_s),
            rehearsal=RehearsalSettings(steps_per_bin=0, memory_s=6.0),
        )


class ZeroSettings(Settings):
    """Says zero."""

    kind: Literal["zero"] = "zero"


class MeanSettings(Settings):
    """Says the mean of the labels so far."""

    kind: Literal["mean"] = "mean"
