"""The bins of a recorded closed loop, and how a recovered decoder goes through them."""

from dataclasses import dataclass

import numpy as np

from eprop_rt.config import BinSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.recovery import LinearDecoder, Mask
from eprop_rt.series import F64
from eprop_rt.structs import Ints
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay.source import binned

FITTED = 0.8  # of the trials, or of the bins where there are no trials
WHOLE_SAMPLE = 0.99  # of a sample is the shortest bin


@dataclass(frozen=True, slots=True, eq=False)
class ClosedLoopBins:
    """Bins in order: inputs x (n, inputs), outputs v (n, outputs), the `trial` (n,) of each.

    `trial` is -1 outside of trials, and 0 throughout in a recording that has none; `blocks` names
    the block of each trial.
    """

    name: str
    bin_s: float
    x: F64
    v: F64
    trial: Ints
    blocks: tuple[str, ...]
    has_trials: bool

    @property
    def begins(self) -> Mask:
        """The first bin (n,) of each trial."""
        changed: Mask = np.diff(self.trial, prepend=-1) != 0
        return changed & (self.trial >= 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Trials of one block, all of them fitted or none; errors as shares of the range."""

    block: str
    fitted: bool
    trials: int
    bins: int
    max_error: float
    rms_error: float


def closed_loop_bins(recording: Recording, bin_s: float | None) -> ClosedLoopBins:
    """Bins as the live data path makes them; by default a sample is a bin."""
    if recording.labels is None:
        raise DataError(f"{recording.name} has no series that was put out: name one by --output")
    rate_hz = recording.signal.info.sample_rate_hz
    if bin_s is None and rate_hz <= 0:
        raise DataError(f"{recording.name} has a signal without a rate: give --bin-s")
    if bin_s is not None and bin_s * rate_hz < WHOLE_SAMPLE and rate_hz > 0:
        raise ConfigError(
            f"--bin-s {bin_s:g} came with a sample every {1 / rate_hz:g} s in {recording.name}: "
            "a bin is no shorter"
        )
    seconds = 1 / rate_hz if bin_s is None else bin_s
    index, x, v = binned(recording, BinSettings(bin_s=seconds))
    trials = recording.trials
    stamps = recording.signal.stamps[0] + index * seconds
    return ClosedLoopBins(
        name=recording.name,
        bin_s=seconds,
        x=x.astype(np.float64),
        v=v.astype(np.float64),
        trial=np.zeros(len(index), np.int64) if trials is None else trials.at(stamps),
        blocks=("",) if trials is None else trials.block,
        has_trials=trials is not None,
    )


def chosen(bins: ClosedLoopBins, block: str | None, trials: int | None) -> Mask:
    """The bins (n,) to fit on: of the first trials of a block.

    Raises ConfigError where there is no such block, or not as many trials.
    """
    if not bins.has_trials:
        if block is not None or trials is not None:
            raise ConfigError(f"{bins.name} has no trials: leave --block and --trials out")
        return np.arange(len(bins.trial)) < FITTED * len(bins.trial)
    found = [trial for trial, name in enumerate(bins.blocks) if block in (None, name)]
    if not found:
        known = ", ".join(name or "(without a name)" for name in dict.fromkeys(bins.blocks))
        raise ConfigError(f"{bins.name} has no block {block}: take one of {known}")
    count = round(FITTED * len(found)) if trials is None else trials
    if count > len(found):
        where = bins.name if block is None else f"block {block} of {bins.name}"
        raise ConfigError(f"--trials {count} came, {where} has {len(found)}: ask for fewer")
    return np.isin(bins.trial, found[:count])


def range_of(bins: ClosedLoopBins, used: Mask) -> F64:
    """From the least to the greatest output (outputs,) in the bins that are used."""
    known = used & np.isfinite(bins.v).all(axis=1)
    span = np.ptp(bins.v[known], axis=0) if known.any() else np.zeros(1)
    if not (span > 0).all():
        raise DataError(
            f"an output of {bins.name} never moves in the trials to fit: name another series by "
            "--output, or another --block"
        )
    return np.asarray(span)


def free_running(decoder: LinearDecoder, bins: ClosedLoopBins, used: Mask) -> list[Stretch]:
    """How far the decoder runs from what was recorded, fed with inputs only.

    One that runs on from trial to trial is told the recording's first output.
    """
    span = range_of(bins, used)
    v = decoder.run(bins.x, bins.begins, np.nan_to_num(bins.v[0]))
    error = np.abs(v - bins.v) / span
    scored = np.flatnonzero((bins.trial >= 0) & np.isfinite(error).all(axis=1))
    names = np.array(bins.blocks)[bins.trial[scored]]
    changed = (names[1:] != names[:-1]) | (used[scored][1:] != used[scored][:-1])
    return [
        Stretch(
            block=bins.blocks[bins.trial[part[0]]],
            fitted=bool(used[part[0]]),
            trials=len(np.unique(bins.trial[part])),
            bins=len(part),
            max_error=float(error[part].max()),
            rms_error=float(np.sqrt(np.mean(error[part] ** 2))),
        )
        for part in np.split(scored, np.flatnonzero(changed) + 1)
        if len(part)
    ]
