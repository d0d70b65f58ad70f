"""The engine: a network that learns by e-prop."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config.learning import (
    AnnealingSettings,
    HomeostasisSettings,
    OnlineSettings,
    PenaltySettings,
    RehearsalSettings,
    first_broken,
)
from eprop_rt.config.network import NetworkSettings, ReadoutSettings
from eprop_rt.config.quantities import Settings
from eprop_rt.config.signal import InputScaleSettings, ScaleSettings


class EpropSettings(Settings):
    """The e-prop engine."""

    kind: Literal["eprop"] = "eprop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="softmax: outputs are probabilities of classes, labels one-hot"
    )
    inputs: InputScaleSettings = InputScaleSettings()
    targets: ScaleSettings = ScaleSettings()
    network: NetworkSettings = NetworkSettings()
    online: OnlineSettings = OnlineSettings()
    readout: ReadoutSettings = ReadoutSettings()
    rehearsal: RehearsalSettings = RehearsalSettings()
    penalties: PenaltySettings = PenaltySettings()
    annealing: AnnealingSettings | None = None
    homeostasis: HomeostasisSettings | None = None

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        why = engine_clash(self)
        if why is not None:
            raise ValueError(why)
        return self


def engine_clash(settings: EpropSettings) -> str | None:
    """Which parts of an engine cannot go together, and the nearest that can."""
    online, penalties, network = settings.online, settings.penalties, settings.network
    kind = online.pass_kind
    adapts = network.adaptive_fraction > 0 and network.adaptation_strength > 0
    bent = settings.rehearsal.error_knee or settings.rehearsal.label_knee
    return first_broken(
        (
            settings.loss == "softmax" and bent is not None,
            "rehearsal.error_knee or label_knee came with loss softmax: they bend squared errors, "
            "leave them out",
        ),
        (
            kind == "event" and adapts,
            "online.schedule event came with adaptive neurons, whose eligibility has no prefix "
            "sum: set online.schedule: deferred, or network.adaptive_fraction: 0",
        ),
        (
            penalties.weight_clamp is not None and kind in ("deferred", "event", "outer"),
            f"penalties.weight_clamp came with online.schedule {online.schedule} and eligibility "
            f"{online.eligibility}: a bound does not commute with deferral; set schedule: dense "
            "and eligibility: full, or leave the clamp out",
        ),
        (
            penalties.update_norm is not None and online.optimiser in ("momentum", "adam"),
            f"penalties.update_norm came with online.optimiser {online.optimiser}, whose steps "
            "have a size of their own: set optimiser: sgd, or leave the bound out",
        ),
        (
            online.eligibility != "full" and penalties.voltage_l2 > 0,
            f"penalties.voltage_l2 came with online.eligibility {online.eligibility}: set "
            "eligibility: full, or voltage_l2: 0",
        ),
        (
            online.feedback == "external" and settings.rehearsal.steps_per_bin > 0,
            "online.feedback external came with rehearsal, which learns from labels: set "
            "rehearsal.steps_per_bin: 0, or another feedback",
        ),
        (
            settings.loss == "softmax" and settings.readout.rule == "rls",
            "loss softmax came with readout.rule rls, which fits squared errors: set rule: delta "
            "or adam",
        ),
    )
