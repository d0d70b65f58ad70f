"""The decoders that `replay --compare` knows, each with the settings that a search chose."""

from collections.abc import Sequence

from eprop_rt.baselines.lstm_training import require_torch
from eprop_rt.config import (
    AdaptiveKalmanSettings,
    DecoderSettings,
    EpropSettings,
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
from eprop_rt.errors import ConfigError

COMPARABLE: dict[str, DecoderSettings] = {
    "wiener": WienerSettings(),
    "kalman": KalmanSettings(),
    "lstm": LstmSettings(),
    "rls": RlsSettings(),
    "nlms": NlmsSettings(),
    "adaptive_kalman": AdaptiveKalmanSettings(),
    "static": StaticSettings(),  # of the decoder beside it, where that is a network
    "lda": LdaSettings(),
    "logistic": NlmsSettings(loss="softmax", step=0.5, label_delay_s=4.0),
    "mean": MeanSettings(),
    "zero": ZeroSettings(),
}
OFFLINE = ("wiener", "kalman", "lstm", "lda")  # fitted to the first part of each recording


def compared(names: str, decoder: DecoderSettings) -> dict[str, DecoderSettings]:
    """`decoder` under its kind, then those named, as in `wiener,rls`; ConfigError on others."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    check_names("--compare", wanted, tuple(COMPARABLE))
    if "lstm" in wanted:
        require_torch()
    known = COMPARABLE | {"static": static_like(decoder)}
    return {decoder.kind: decoder} | {name: known[name] for name in wanted if name != decoder.kind}


def check_names(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError for the first name that is not known."""
    for name in given:
        if name not in known:
            raise ConfigError(f"{option} {name}: no such name, take some of {', '.join(known)}")


def static_like(decoder: DecoderSettings) -> StaticSettings:
    """The network of `decoder` as it was drawn, or a default one, with a readout by RLS."""
    if not isinstance(decoder, EpropSettings) or decoder.loss == "softmax":
        return StaticSettings()
    return StaticSettings(
        seed=decoder.seed,
        dtype=decoder.dtype,
        inputs=decoder.inputs,
        targets=decoder.targets,
        network=decoder.network,
        readout=decoder.readout.model_copy(update={"rule": "rls"}),
    )


def with_late_labels(settings: DecoderSettings, delay_s: float) -> DecoderSettings:
    """The same decoder, made to wait for labels that come up to `delay_s` late."""
    match settings:
        case EpropSettings():
            waits = max(settings.online.label_delay_s, delay_s)
            online = settings.online.model_copy(update={"label_delay_s": waits})
            return settings.model_copy(update={"online": online})
        case RlsSettings() | NlmsSettings() | AdaptiveKalmanSettings() | StaticSettings():
            waits = max(settings.label_delay_s, delay_s)
            return settings.model_copy(update={"label_delay_s": waits})
    return settings
