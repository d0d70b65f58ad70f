"""What the user chooses of a source of labels: its kind, when it speaks, and its faults."""

from typing import Annotated, Literal

from pydantic import Field

from eprop_rt.bins.grid import steps_covering
from eprop_rt.closed_loop.labels.optimal import OptimalSettings
from eprop_rt.config import NonNegative, Positive, Settings, Share

LabelKind = Literal["direct", "refit", "optimal", "retrospective", "intention"]
LATEST_S = 60.0  # labels are late, or look back, by so much at most


class LabelSettings(Settings):
    """Labels in closed loop, and what is wrong with them."""

    kind: LabelKind = Field("direct", description="intention: what the simulated user wanted")
    speed_cm_s: Positive = Field(20.0, description="of direct labels; the most of optimal ones")
    slows_cm: Positive = Field(5.0, description="nearer by, direct labels slow down in proportion")
    least_speed_cm_s: NonNegative = Field(0.0, description="of refit; 0: what rests never starts")
    optimal: OptimalSettings = OptimalSettings()
    after_s: NonNegative = Field(0.25, description="none until so long after a target came on")
    lookback_s: Annotated[Positive, Field(le=LATEST_S)] = Field(
        3.0, description="of retrospective: how much of an approach"
    )
    delay_s: Annotated[NonNegative, Field(le=LATEST_S)] = Field(
        0.0, description="they come so much later"
    )
    delay_handled: bool = Field(
        True, description="false: a late label is taken for one of the bin of now"
    )
    noise_deg: NonNegative = Field(0.0, description="deviation of an angle that turns them")
    noise_cm_s: NonNegative = Field(0.0, description="deviation of what is added to each axis")
    share: Share = Field(1.0, description="of the bins that have one")
    mistakes: Share = Field(0.0, description="of the trials, labelled towards a wrong target")

    def described(self) -> str:
        """A short text: what a stream of such labels is called, for journals and reports."""
        faults = (
            (self.delay_s > 0, f"{self.delay_s:g} s late"),
            (self.delay_s > 0 and not self.delay_handled, "taken for the bin of now"),
            (self.noise_deg > 0, f"turned by {self.noise_deg:g} deg"),
            (self.noise_cm_s > 0, f"noise of {self.noise_cm_s:g} cm/s"),
            (self.share < 1, f"{self.share:g} of the bins"),
            (self.mistakes > 0, f"{self.mistakes:g} of the trials mistaken"),
        )
        return ", ".join((self.kind, *(text for there, text in faults if there)))

    def helping(self) -> "LabelSettings":
        """For assist: whoever helps knows the target at once, and makes no mistakes."""
        kind = "direct" if self.kind in ("retrospective", "refit") else self.kind
        faultless = LabelSettings(kind=kind, after_s=self.after_s)
        return faultless.model_copy(
            update={name: getattr(self, name) for name in ("speed_cm_s", "slows_cm", "optimal")}
        )


def late_bins(settings: LabelSettings, bin_s: float) -> int:
    """By how many whole bins labels are late; a part of a bin counts as one."""
    return steps_covering(settings.delay_s, bin_s)


def oldest_bins(bin_s: float) -> int:
    """How many bins after its own any label of any source comes at most."""
    return 2 * steps_covering(LATEST_S, bin_s)


def waits_s(settings: LabelSettings, bin_s: float) -> float:
    """The `label_delay_s` with which a decoder takes every label that such a source gives.

    A bin more than the labels are late: they come once the bin of now has been learned from.
    """
    bins = late_bins(settings, bin_s) if settings.delay_handled else 0
    if settings.kind == "retrospective":
        bins += steps_covering(settings.lookback_s, bin_s)
    return (bins + 1) * bin_s if bins else 0.0
