"""What a decoder is: predict first, learn when the label is revealed."""

from collections import Counter
from typing import Protocol, runtime_checkable

from eprop_rt.baselines.actor_critic import LinearActorCritic
from eprop_rt.baselines.adaptive_kalman import AdaptiveKalmanDecoder
from eprop_rt.baselines.constant import MeanDecoder, ZeroDecoder
from eprop_rt.baselines.kalman import KalmanDecoder
from eprop_rt.baselines.lda import LdaDecoder
from eprop_rt.baselines.lstm import LstmDecoder
from eprop_rt.baselines.nlms import NlmsDecoder
from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.baselines.wiener import WienerDecoder
from eprop_rt.config import (
    ActorCriticSettings,
    AdaptiveKalmanSettings,
    DecoderSettings,
    EpropSettings,
    KalmanSettings,
    LdaSettings,
    LstmSettings,
    MeanSettings,
    NlmsSettings,
    RewardSettings,
    RlsSettings,
    StaticSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.cost import Cost
from eprop_rt.engine import Engine
from eprop_rt.reward_engine import RewardEngine
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays


class Decoder(Protocol):
    """One bin is `predict_one`, then `learn_one`, then `rehearse`; a frozen one only predicts."""

    events: Counter[str]

    def predict_one(self, x: F32) -> F64:
        """Decode one bin x (inputs,) into an output (outputs,) in the units of the labels."""
        ...

    def learn_one(self, label: F32) -> None:
        """Learn from the label (outputs,) of the bin predicted last; NaN where there is none."""
        ...

    def relabel(self, age: int, label: F32) -> bool:
        """Take the label (outputs,) of the bin learned from `age` bins before the newest one.

        False where it comes too late to be of use.
        """
        ...

    def rehearse(self) -> None:
        """Use the rest of the bin."""
        ...

    def reset(self) -> None:
        """Forget the recent past, as after a gap; what was learned stays."""
        ...

    def resume(self) -> None:
        """Learning starts again after bins that were only predicted."""
        ...

    def cost(self) -> Cost:
        """What the newest bin took; reads only."""
        ...

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Copies of everything that decides the future, by name; over those `into` that fit."""
        ...

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`; raises RestoreError where it belongs to another decoder."""
        ...


@runtime_checkable
class RewardDecoder(Protocol):
    """A decoder that learns from what its outputs earn: after `learn_one` comes `reward_one`."""

    explores: bool  # whether the output is drawn around the mean, or is the mean

    def reward_one(self, reward: float) -> None:
        """Learn from the reward that came with the bin learned from last; NaN: none came."""
        ...


@runtime_checkable
class OfflineDecoder(Protocol):
    """A decoder that learns from a session at once."""

    def fit(self, x: F32, labels: F32) -> None:
        """Learn from bins x (n, inputs) and labels (n, outputs), NaN where there is none."""
        ...


def build_decoder(settings: DecoderSettings, inputs: int, outputs: int, bin_s: float) -> Decoder:
    """The decoder that the settings name."""
    if isinstance(settings, RewardSettings | ActorCriticSettings):
        return build_reward_decoder(settings, inputs, outputs, bin_s)
    decoder: Decoder
    match settings:
        case EpropSettings():
            decoder = Engine(settings, inputs, outputs, bin_s)
        case StaticSettings():
            decoder = Engine(settings.as_eprop(), inputs, outputs, bin_s)
        case RlsSettings():
            decoder = RlsDecoder(settings, inputs, outputs, bin_s)
        case NlmsSettings():
            decoder = NlmsDecoder(settings, inputs, outputs, bin_s)
        case AdaptiveKalmanSettings():
            decoder = AdaptiveKalmanDecoder(settings, inputs, outputs, bin_s)
        case KalmanSettings():
            decoder = KalmanDecoder(settings, inputs, outputs, bin_s)
        case LstmSettings():
            decoder = LstmDecoder(settings, inputs, outputs, bin_s)
        case LdaSettings():
            decoder = LdaDecoder(settings, inputs, outputs)
        case WienerSettings():
            decoder = WienerDecoder(settings, inputs, outputs)
        case MeanSettings():
            decoder = MeanDecoder(outputs)
        case ZeroSettings():
            decoder = ZeroDecoder(outputs)
    return decoder


def build_reward_decoder(
    settings: RewardSettings | ActorCriticSettings, inputs: int, outputs: int, bin_s: float
) -> RewardEngine | LinearActorCritic:
    """The decoder that learns from rewards alone."""
    if isinstance(settings, RewardSettings):
        return RewardEngine(settings, inputs, outputs, bin_s)
    return LinearActorCritic(settings, inputs, outputs, bin_s)
