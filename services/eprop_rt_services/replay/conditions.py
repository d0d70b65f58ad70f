"""What may befall a recording: labels that come late or seldom, units that fall silent or change.

Truth is never touched: what a decoder makes of the worse recording is scored on the labels of the
one that was given. Draws are a function of the seed and of the recording's length alone.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from eprop_rt.bins.grid import BinGrid, interval_s
from eprop_rt.config import BinSettings
from eprop_rt.errors import ConfigError
from eprop_rt_services.recordings import Recording, scratch
from eprop_rt_services.replay.source import first_stamp

Kind = Literal["loss", "shuffle"]
PART_ROWS = 1 << 16  # what is perturbed at once
PERTURBATION = re.compile(r"(loss|shuffle):(\d*\.?\d+)@(\d*\.?\d+)")


@dataclass(frozen=True, slots=True)
class Perturbation:
    """From `at` on, both shares: `share` of the channels are silent, or have each other's units."""

    kind: Kind
    share: float
    at: float


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to replay a recording; as it stands it is the recording as it was made."""

    label_delay_s: float = 0.0
    label_share: float = 1.0
    perturbation: Perturbation | None = None
    seed: int = 0
    freeze_at: float | None = None  # share of the bins after which nothing is learned

    @property
    def name(self) -> str:
        """For people."""
        told = []
        if self.label_delay_s > 0:
            told.append(f"labels {self.label_delay_s:g} s late")
        if self.label_share < 1:
            told.append(f"{100 * self.label_share:g} % of the labels")
        if self.perturbation is not None:
            p = self.perturbation
            told.append(f"{p.kind} of {100 * p.share:g} % at {100 * p.at:g} %")
        if self.freeze_at is not None:
            told.append(f"frozen from {100 * self.freeze_at:g} % on")
        return ", ".join(told) or "as recorded"

    def apply(self, recording: Recording, bins: BinSettings) -> Recording:
        """What the decoder is given."""
        worse = perturbed(recording, self.perturbation, self.seed)
        return worse if self.label_share >= 1 else thinned(worse, self, bins)


def swept(
    delays: str, shares: str, perturbations: str, seed: int, freezes: str = ""
) -> list[Condition]:
    """As recorded first, then one condition for each value that an option lists.

    Raises ConfigError where a value is not what the option takes.
    """
    own = [Condition(seed=seed)]
    for delay in numbers("--label-delay", delays, 60.0, "seconds from 0 to 60, as in 0,0.5,2"):
        own.append(replace(own[0], label_delay_s=delay))
    for share in numbers("--label-share", shares, 1.0, "shares of bins from 0 to 1, as in 1,0.2"):
        own.append(replace(own[0], label_share=share))
    for given in split(perturbations):
        own.append(replace(own[0], perturbation=parse_perturbation(given)))
    for at in numbers(
        "--freeze-at", freezes, 1.0, "shares of the recording from 0 to 1, as in 0.8"
    ):
        own.append(replace(own[0], freeze_at=at))
    return list(dict.fromkeys(own))


def split(given: str) -> list[str]:
    """The parts of a list with commas."""
    return [part.strip() for part in given.split(",") if part.strip()]


def numbers(option: str, given: str, most: float, expected: str) -> list[float]:
    """Numbers from 0 to `most`."""
    parts = split(given)
    for part in parts:
        try:
            fits = 0 <= float(part) <= most
        except ValueError:
            fits = False
        if not fits:
            raise ConfigError(f"{option} {part}: expected {expected}")
    return [float(part) for part in parts]


def parse_perturbation(given: str) -> Perturbation:
    """`loss:0.3@0.5`: 30 % of the channels, half way through the recording."""
    found = PERTURBATION.fullmatch(given)
    if found is None or not 0 < float(found[2]) <= 1 or not 0 <= float(found[3]) < 1:
        raise ConfigError(
            f"--perturb {given}: expected loss or shuffle, the share of channels and where it "
            "happens, as in loss:0.3@0.5"
        )
    kind: Kind = "loss" if found[1] == "loss" else "shuffle"
    return Perturbation(kind, float(found[2]), float(found[3]))


def perturbed(recording: Recording, how: Perturbation | None, seed: int) -> Recording:
    """The recording with that happening to its signal."""
    if how is None:
        return recording
    signal = recording.signal
    rng = np.random.default_rng((seed, 1))
    count = max(1 if how.kind == "loss" else 2, round(how.share * signal.info.channels))
    chosen = rng.permutation(signal.info.channels)[:count]
    start = int(how.at * len(signal.values))
    values = scratch.empty(signal.values.shape, np.float32, "perturbing the signal")
    for begin in range(0, len(values), PART_ROWS):
        part, worse = slice(begin, begin + PART_ROWS), max(begin, start)
        values[part] = signal.values[part]
        if worse < part.stop:
            # Each channel has another's units: the chosen ones move on in their random order.
            given = signal.values[worse : part.stop, np.roll(chosen, 1)]
            values[worse : part.stop, chosen] = 0 if how.kind == "loss" else given
    return replace(recording, signal=replace(signal, values=values))


def thinned(recording: Recording, condition: Condition, bins: BinSettings) -> Recording:
    """The recording with labels in that share of its bins only, drawn bin by bin."""
    labels = recording.labels
    if labels is None or len(labels.stamps) == 0 or len(recording.signal.stamps) == 0:
        return recording
    grid = BinGrid(bins.bin_s)
    first_s = first_stamp(recording)
    grid.start(first_s)
    placed = np.where(np.isfinite(labels.stamps), labels.stamps, first_s)
    bin_of = np.maximum(np.floor(grid.position(placed, interval_s(labels.info))), 0)
    # Numbered through: a gap of years takes no draws.
    labelled, number = np.unique(bin_of, return_inverse=True)
    drawn = np.random.default_rng((condition.seed, 0)).random(len(labelled))
    values = labels.values.copy()
    values[drawn[number] >= condition.label_share] = np.nan
    return replace(recording, labels=replace(labels, values=values))
