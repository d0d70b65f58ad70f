"""Any decoder, and the data path around it."""

from typing import Annotated

from pydantic import Field

from eprop_rt.config.baselines import (
    AdaptiveKalmanSettings,
    KalmanSettings,
    LdaSettings,
    LstmSettings,
    MeanSettings,
    NlmsSettings,
    RlsSettings,
    StaticSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.config.eprop import EpropSettings
from eprop_rt.config.quantities import Settings
from eprop_rt.config.reward import ActorCriticSettings, RewardSettings
from eprop_rt.config.signal import BinSettings

DecoderSettings = Annotated[
    EpropSettings
    | StaticSettings
    | RewardSettings
    | ActorCriticSettings
    | LstmSettings
    | AdaptiveKalmanSettings
    | KalmanSettings
    | RlsSettings
    | NlmsSettings
    | WienerSettings
    | LdaSettings
    | MeanSettings
    | ZeroSettings,
    Field(discriminator="kind"),
]


class PipelineSettings(Settings):
    """The data path from samples to outputs."""

    bins: BinSettings = BinSettings()
    decoder: DecoderSettings = EpropSettings()
