"""A recorded session in memory: one signal, and perhaps its labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from eprop_rt.errors import RecordingError
from eprop_rt.series import F32, F64, StreamInfo
from eprop_rt_services.recordings.trials import Trials


class Selection(BaseModel):
    """Which series of a file are the signal and the labels, by name; None leaves it to the reader.

    `labels` may be the word "none": the recording then comes without labels. It may be the word
    "intention": the direction from `cursor` to `target`, from `reaction_s` after the target came.
    `block` leaves only the trials of that part of the session.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str | None = None
    labels: str | None = None
    cursor: str | None = None
    target: str | None = None
    reaction_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.25
    block: str | None = None

    @property
    def wants_labels(self) -> bool:
        """Whether labels are to be looked for at all."""
        return self.labels is None or self.labels.casefold() != "none"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One stream as it was recorded: stamps (n,) in seconds, values (n, channels).

    Stamps stand in the order of arrival and as they were recorded: where a sender's clock jitters
    they step back a little, and the data path counts it.

    Raises RecordingError where the arrays contradict each other or no stamp is a finite number.
    """

    info: StreamInfo
    stamps: F64
    values: F32

    def __post_init__(self) -> None:
        expected = (len(self.stamps), self.info.channels)
        if self.stamps.ndim != 1 or self.values.shape != expected:
            raise RecordingError(
                f"series {self.info.name!r} has {self.stamps.shape} stamps and "
                f"{self.values.shape} values; expected one stamp a row and "
                f"{self.info.channels} channels"
            )
        if self.stamps.dtype != np.float64 or self.values.dtype != np.float32:
            raise RecordingError(
                f"series {self.info.name!r} has {self.stamps.dtype} stamps and "
                f"{self.values.dtype} values; expected float64 and float32"
            )
        if len(self.stamps) and not np.isfinite(self.stamps).any():
            raise RecordingError(
                f"series {self.info.name!r} has no stamp that is a finite number; choose another"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A named session: the signal, the labels and the trials where there are any."""

    name: str
    signal: Series
    labels: Series | None
    trials: Trials | None = None

    @property
    def duration_s(self) -> float:
        """Seconds that the signal spans, the interval of its last sample included."""
        stamps = self.signal.stamps[np.isfinite(self.signal.stamps)]
        if len(stamps) == 0:
            return 0.0
        rate_hz = self.signal.info.sample_rate_hz
        return float(np.ptp(stamps)) + (1.0 / rate_hz if rate_hz > 0 else 0.0)


def block_of(recording: Recording, block: str) -> Recording:
    """The trials of one block, and what was recorded in them.

    Raises RecordingError where there is no such block, or nothing of the signal in it.
    """
    trials = recording.trials
    if trials is None or block not in trials.block:
        known = () if trials is None else dict.fromkeys(filter(None, trials.block))
        raise RecordingError(
            f"it has no block {block!r}: take one of {', '.join(known) or '(it has none)'}"
        )
    labels = recording.labels
    return Recording(
        name=f"{recording.name} {block}",
        signal=_within(recording.signal, trials, block),
        labels=None if labels is None else _within(labels, trials, block),
        trials=trials.of(block),
    )


def _within(series: Series, trials: Trials, block: str) -> Series:
    trial = trials.at(series.stamps)
    of_block = np.array([name == block for name in trials.block])
    inside = (trial >= 0) & of_block[trial]
    if not inside.any():
        raise RecordingError(f"series {series.info.name!r} has no sample in block {block!r}")
    return Series(series.info, series.stamps[inside], series.values[inside])


def channel_names(found: Sequence[str], channels: int) -> tuple[str, ...]:
    """Return the names found, or ch0, ch1, ... where they do not fit the channels."""
    if len(found) == channels and all(found):
        return tuple(found)
    return tuple(f"ch{channel}" for channel in range(channels))
