"""One knob for how long a decoder remembers what it was taught, whatever kind it is.

The half-life is the age at which what was learned counts half. Each kind has it in its own words:

- recursive least squares: `forgetting` = 0.5^(bin / half-life);
- a network's readout by recursive least squares: `readout.forgetting_half_life_s`, as it is;
- adaptive Kalman: `half_life_s`, as it is;
- normalised least mean squares: an update takes a share `step` of the error away, spread over F
  features, so that a weight's error falls by step / F a bin where they are alike and independent:
  `step` = ln 2 F bin / half-life, below 1;
- rehearsal: segments are drawn evenly from the past kept, half of which is younger than the
  half-life with `memory_s` = 2 half-lives.

Gradient steps online have no memory but the weights, and keep their rates.
"""

import math

from eprop_rt.config import (
    AdaptiveKalmanSettings,
    DecoderSettings,
    EpropSettings,
    NlmsSettings,
    RlsSettings,
    StaticSettings,
)
from eprop_rt.errors import ConfigError

FASTEST = 0.9  # below which no forgetting factor may lie
LARGEST_STEP = 0.999


def decoder_with_half_life(
    settings: DecoderSettings, half_life_s: float, bin_s: float, inputs: int
) -> DecoderSettings:
    """The same decoder with that half-life; one that learns nothing online as it is.

    Raises ConfigError where its kind has none, or where it is too short.
    """
    match settings:
        case RlsSettings():
            forgetting = 0.5 ** (bin_s / half_life_s)
            if forgetting <= FASTEST:
                shortest = bin_s * math.log(0.5) / math.log(FASTEST)
                raise _too_short(half_life_s, shortest)
            return settings.model_copy(update={"forgetting": forgetting})
        case AdaptiveKalmanSettings():
            return settings.model_copy(update={"half_life_s": half_life_s})
        case NlmsSettings():
            features = settings.lags * inputs + 1
            step = min(math.log(2) * features * bin_s / half_life_s, LARGEST_STEP)
            return settings.model_copy(update={"step": step})
        case StaticSettings():
            readout = settings.readout.model_copy(update={"forgetting_half_life_s": half_life_s})
            return settings.model_copy(update={"readout": readout})
        case EpropSettings():
            return _network(settings, half_life_s)
    return settings


def _network(settings: EpropSettings, half_life_s: float) -> EpropSettings:
    rehearsal, readout = settings.rehearsal, settings.readout
    rehearses = rehearsal.steps_per_bin > 0
    if not rehearses and readout.rule != "rls":
        raise ConfigError(
            f"half_life_s {half_life_s:g} came to a network with readout.rule {readout.rule} and "
            "no rehearsal, which has none: set readout.rule: rls, or rehearsal.steps_per_bin"
        )
    if rehearses:
        if half_life_s < rehearsal.segment_s:
            raise _too_short(half_life_s, rehearsal.segment_s)
        rehearsal = rehearsal.model_copy(update={"memory_s": 2 * half_life_s})
    readout = readout.model_copy(update={"forgetting_half_life_s": half_life_s})
    return settings.model_copy(update={"rehearsal": rehearsal, "readout": readout})


def _too_short(half_life_s: float, shortest_s: float) -> ConfigError:
    return ConfigError(
        f"half_life_s {half_life_s:g} is too short for this decoder: give more than {shortest_s:g}"
    )
