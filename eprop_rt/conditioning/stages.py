"""All stages by kind, and which of them may follow which."""

from collections.abc import Sequence
from typing import Annotated, Self, TypeGuard

from pydantic import Field, model_validator

from eprop_rt.conditioning.bad_channels import BadChannelsSettings
from eprop_rt.conditioning.channels import ChannelsSettings
from eprop_rt.conditioning.crossings import CrossingsSettings
from eprop_rt.conditioning.delta import DeltaSettings
from eprop_rt.conditioning.filters import (
    BandpassSettings,
    HighpassSettings,
    LowpassSettings,
    NotchSettings,
)
from eprop_rt.conditioning.lags import LagsSettings
from eprop_rt.conditioning.log import LogSettings, LogVarianceSettings
from eprop_rt.conditioning.power import BandPowerSettings, RectifySettings, SpikeBandPowerSettings
from eprop_rt.conditioning.reference import CommonAverageSettings
from eprop_rt.conditioning.regression import RegressionSettings
from eprop_rt.conditioning.smoothing import SmoothingSettings
from eprop_rt.conditioning.spike_events import SpikeEventsSettings
from eprop_rt.conditioning.stage import BinStageSettings, Meaning, SampleSettings
from eprop_rt.conditioning.zscore import ZscoreSettings
from eprop_rt.config import BinSettings
from eprop_rt.errors import ConfigError

StageSettings = Annotated[
    ChannelsSettings
    | BadChannelsSettings
    | HighpassSettings
    | LowpassSettings
    | BandpassSettings
    | NotchSettings
    | CommonAverageSettings
    | RegressionSettings
    | RectifySettings
    | SpikeBandPowerSettings
    | BandPowerSettings
    | CrossingsSettings
    | DeltaSettings
    | SpikeEventsSettings
    | LogSettings
    | LogVarianceSettings
    | SmoothingSettings
    | ZscoreSettings
    | LagsSettings,
    Field(discriminator="kind"),
]
Stages = tuple[StageSettings, ...]


class InputSettings(BinSettings):
    """Bins of conditioned samples: stages that work on samples, then those that work on bins."""

    conditioning: Stages = ()

    @model_validator(mode="after")
    def _stages_go_together(self) -> Self:
        why = clash(self.conditioning, self.reduce)
        if why is not None:
            raise ValueError(why)
        return self


def stages_of(bins: BinSettings) -> Stages:
    """Those that the bins' samples go through: none, if nothing was said of them."""
    return bins.conditioning if isinstance(bins, InputSettings) else ()


def of_samples(stages: Stages, stream: int) -> list[SampleSettings]:
    """The stages that work on samples of this stream."""
    return [stage for stage in stages if _is_for(stage, stream)]


def of_bins(stages: Stages) -> list[BinStageSettings]:
    """The stages that work on bins."""
    return [stage for stage in stages if isinstance(stage, BinStageSettings)]


def check_streams(stages: Stages, count: int) -> None:
    """Raise ConfigError where a stage is for an input stream that is not among so many."""
    for at, stage in enumerate(stages):
        last = max(stage.streams or (0,)) if isinstance(stage, SampleSettings) else 0
        if last >= count:
            raise ConfigError(
                f"conditioning.{at} ({stage.kind}) is for stream {last}, the input has {count}: "
                f"count from 0 to {count - 1}"
            )


def clash(stages: Stages, reduce: str) -> str | None:
    """Which stages cannot follow each other, or the bins, and what to do; None if all can."""
    named = [(f"conditioning.{at} ({stage.kind})", stage) for at, stage in enumerate(stages)]
    on_bins = [isinstance(stage, BinStageSettings) for stage in stages]
    binned = on_bins.index(True) if any(on_bins) else len(stages)
    for at, (name, stage) in enumerate(named):
        if isinstance(stage, BinStageSettings):
            if stage.needs and reduce not in stage.needs:
                return f"{name} came with bins.reduce {reduce}: set it to {stage.needs[0]}"
        elif at > binned:
            return (
                f"{name} works on samples and came after {named[binned][0]}, which works on bins: "
                "put it before that"
            )
    samples = [stage for stage in stages if isinstance(stage, SampleSettings)]
    streams = {stream for stage in samples for stream in stage.streams or ()}
    for stream in sorted(streams | {-1}):
        chain = [(name, stage) for name, stage in named if _is_for(stage, stream)]
        why = _chain_clash(chain, reduce)
        if why is not None:
            return why
    return None


def _is_for(stage: StageSettings, stream: int) -> TypeGuard[SampleSettings]:
    """Whether it works on samples of this stream, -1 being one that no stage names."""
    return isinstance(stage, SampleSettings) and (stage.streams is None or stream in stage.streams)


def _chain_clash(chain: Sequence[tuple[str, SampleSettings]], reduce: str) -> str | None:
    meaning: Meaning = "signal"
    before = "the stream itself"
    for at, (name, stage) in enumerate(chain):
        if at == 0 and "signal" not in stage.takes:
            meaning = "events"
        if meaning not in stage.takes:
            what = "events" if "signal" not in stage.takes else " or ".join(stage.takes)
            return (
                f"{name} takes {what} and came after {before}, which gives {meaning}: "
                "put it before that"
            )
        meaning, before = stage.gives or meaning, name
    if meaning in ("counts", "power") and reduce in ("rms", "variance"):
        fitting = "sum" if meaning == "counts" else "mean"
        return f"{before} gives {meaning}, bins.reduce is {reduce}: set it to {fitting}"
    if meaning == "events":
        return f"{before} gives events, which do not add up in bins: put spike_events behind it"
    return None
