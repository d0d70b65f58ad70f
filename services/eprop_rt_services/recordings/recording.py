"""A recorded session in memory: one signal, and perhaps its labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from eprop_rt.errors import RecordingError
from eprop_rt.series import F32, F64, StreamInfo
from eprop_rt_services.recordings.markers import Markers
from eprop_rt_services.recordings.trials import ROUNDING_S, Trials

PART = 1 << 20  # stamps: what is gone through at once


class Selection(BaseModel):
    """Which series of a file are the signal and the labels, by name; None leaves it to the reader.

    `labels` may be the word "none": the recording then comes without labels. It may be the word
    "intention": the direction from `cursor` to `target`, from `reaction_s` after the target came.
    `block` leaves only the trials of that part of the session. `markers` names a stream of text, or
    is the word "none".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str | None = None
    labels: str | None = None
    cursor: str | None = None
    target: str | None = None
    reaction_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.25
    block: str | None = None
    markers: str | None = None
    spike_bin_s: Annotated[float, Field(ge=1e-4, le=10)] = Field(
        0.01, description="spike times are counted in bins so long; give bins.bin_s a multiple"
    )
    spikes_by: Literal["unit", "channel"] | None = Field(
        None, description="count each sorted unit, or all of an electrode together; none: as usual"
    )
    board: int | None = Field(None, description="the id of the BrainFlow board that a table is of")
    join_gap_s: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="the rows of different trials are put so far apart; none: they stand as they "
        "are. Give a multiple of bins.bin_s that is longer than bins.reset_after_gap_s",
    )

    @property
    def wants_labels(self) -> bool:
        """Whether labels are to be looked for at all."""
        return self.labels is None or self.labels.casefold() != "none"

    @property
    def wants_markers(self) -> bool:
        """Whether markers are to be looked for at all."""
        return self.markers is None or self.markers.casefold() != "none"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One stream as it was recorded: stamps (n,) in seconds, values (n, channels).

    Stamps stand in the order of arrival and as they were recorded: where a sender's clock jitters
    they step back a little, and the data path counts it. `known_s` (n,) says when each value was
    known, where that is later than its stamp: labels are handed on then.

    Raises RecordingError where the arrays contradict each other or no stamp is a finite number.
    """

    info: StreamInfo
    stamps: F64
    values: F32
    known_s: F64 | None = None

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
        if len(self.stamps) and np.isnan(span_s(self.stamps)):
            raise RecordingError(
                f"series {self.info.name!r} has no stamp that is a finite number; choose another"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A named session: the signal; labels, trials and markers where there are any.

    `other_texts` names what may be markers too, and is read as such where it is asked for.
    """

    name: str
    signal: Series
    labels: Series | None
    trials: Trials | None = None
    markers: Markers | None = None
    other_texts: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds that the signal spans, the interval of its last sample included."""
        long_s = span_s(self.signal.stamps)
        if np.isnan(long_s):
            return 0.0
        rate_hz = self.signal.info.sample_rate_hz
        return long_s + (1.0 / rate_hz if rate_hz > 0 else 0.0)


def span_s(stamps: F64) -> float:
    """Seconds from the least to the greatest finite stamp, NaN without any; a part at a time."""
    least, greatest = np.inf, -np.inf
    for begin in range(0, len(stamps), PART):
        part = stamps[begin : begin + PART]
        known = part[np.isfinite(part)]
        if len(known):
            least, greatest = min(least, float(known.min())), max(greatest, float(known.max()))
    return greatest - least if greatest >= least else float("nan")


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
        markers=_markers_within(recording.markers, trials, block),
    )


def _inside(stamps: F64, trials: Trials, block: str) -> NDArray[np.bool]:
    trial = trials.at(stamps)
    of_block = np.array([name == block for name in trials.block])
    return np.asarray((trial >= 0) & of_block[trial])


def _markers_within(markers: Markers | None, trials: Trials, block: str) -> Markers | None:
    if markers is None:
        return None
    kept = np.flatnonzero(_inside(markers.stamps, trials, block))
    return Markers.ordered(markers.stamps[kept], [markers.texts[at] for at in kept.tolist()])


def _within(series: Series, trials: Trials, block: str) -> Series:
    inside = _inside(series.stamps, trials, block)
    if not inside.any():
        raise RecordingError(f"series {series.info.name!r} has no sample in block {block!r}")
    return Series(series.info, series.stamps[inside], series.values[inside])


def channel_names(found: Sequence[str], channels: int) -> tuple[str, ...]:
    """Return the names found, or ch0, ch1, ... where they do not fit the channels."""
    if len(found) == channels and all(found):
        return tuple(found)
    return tuple(f"ch{channel}" for channel in range(channels))


def put_apart(recording: Recording, gap_s: float) -> Recording:
    """The recording with `gap_s` more before every trial but the first.

    Raises RecordingError where it has no trials.
    """
    trials = recording.trials
    if trials is None or len(trials.start_s) == 0:
        raise RecordingError(
            "recording.join_gap_s came, but it has no table of trials that says where the joins "
            "are: leave it out"
        )
    later_s = gap_s * np.arange(len(trials.start_s))
    labels, markers = recording.labels, recording.markers
    return replace(
        recording,
        signal=_put_apart(recording.signal, trials, gap_s),
        labels=None if labels is None else _put_apart(labels, trials, gap_s),
        trials=replace(
            trials,
            start_s=trials.start_s + later_s,
            stop_s=trials.stop_s + later_s,
            moves_s=trials.moves_s + later_s,
        ),
        markers=None
        if markers is None
        else markers.at_stamps(_moved(markers.stamps, ROUNDING_S, trials, gap_s)),
    )


def _put_apart(series: Series, trials: Trials, gap_s: float) -> Series:
    rate_hz = series.info.sample_rate_hz
    half_s = 0.5 / rate_hz if rate_hz > 0 else 0.0
    return replace(series, stamps=_moved(series.stamps, half_s, trials, gap_s))


def _moved(stamps: F64, half_s: float, trials: Trials, gap_s: float) -> F64:
    """The stamps after as many gaps as there are joins before their middle."""
    joins = np.maximum(np.searchsorted(trials.start_s, stamps + half_s, side="right") - 1, 0)
    return np.asarray(stamps + gap_s * joins, np.float64)


def from_zero(recording: Recording) -> tuple[Recording, float]:
    """The recording with its signal's first stamp at 0, and how much was taken off every stamp."""
    stamps = recording.signal.stamps
    first_s = float(stamps[np.isfinite(stamps)].min()) if len(stamps) else 0.0
    trials, markers = recording.trials, recording.markers
    labels = recording.labels
    moved = replace(
        recording,
        signal=earlier(recording.signal, first_s),
        labels=None if labels is None else earlier(labels, first_s),
        trials=None
        if trials is None
        else replace(
            trials,
            start_s=trials.start_s - first_s,
            stop_s=trials.stop_s - first_s,
            moves_s=trials.moves_s - first_s,
        ),
        markers=None if markers is None else markers.at_stamps(markers.stamps - first_s),
    )
    return (moved, first_s) if first_s else (recording, 0.0)


def earlier(series: Series, by_s: float) -> Series:
    """The same samples so much earlier."""
    return replace(series, stamps=series.stamps - by_s)
