"""Settings of the engine, in seconds and hertz, checked before anything is built."""

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
from eprop_rt.config.decoder import DecoderSettings, PipelineSettings
from eprop_rt.config.eprop import EpropSettings
from eprop_rt.config.learning import (
    AnnealingSettings,
    HomeostasisSettings,
    OnlineSettings,
    PenaltySettings,
    RehearsalSettings,
    RuleSettings,
)
from eprop_rt.config.network import NetworkSettings, ReadoutSettings, SurrogateSettings
from eprop_rt.config.quantities import NonNegative, Positive, Settings, Share
from eprop_rt.config.reward import ActorCriticSettings, PolicySettings, RewardSettings
from eprop_rt.config.signal import BinSettings, InputScaleSettings, ScaleSettings
from eprop_rt.config.training import TrainingSettings

__all__ = [
    "ActorCriticSettings",
    "AdaptiveKalmanSettings",
    "AnnealingSettings",
    "BinSettings",
    "DecoderSettings",
    "EpropSettings",
    "HomeostasisSettings",
    "InputScaleSettings",
    "KalmanSettings",
    "LdaSettings",
    "LstmSettings",
    "MeanSettings",
    "NetworkSettings",
    "NlmsSettings",
    "NonNegative",
    "OnlineSettings",
    "PenaltySettings",
    "PipelineSettings",
    "PolicySettings",
    "Positive",
    "ReadoutSettings",
    "RehearsalSettings",
    "RewardSettings",
    "RlsSettings",
    "RuleSettings",
    "ScaleSettings",
    "Settings",
    "Share",
    "StaticSettings",
    "SurrogateSettings",
    "TrainingSettings",
    "WienerSettings",
    "ZeroSettings",
]
