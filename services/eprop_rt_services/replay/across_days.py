"""From one day to the next: decoders that go on learning, beside what else a laboratory does.

static      the decoder in question with yesterday's weights, nothing learned today
recentred   the same, with each channel brought to the mean and deviation that it had yesterday
refitted    a Wiener filter fitted on today's first ten minutes, and used from then on

Day by day: R2 of the first minute, of the whole day and of what follows the first ten minutes, and
the first minute, counted from 1, whose R2 is 90 % of today's offline level: that of a Wiener filter
fitted on the first 80 %, over the last 20 %.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eprop_rt.baselines.recentred import RecentredDecoder
from eprop_rt.baselines.wiener import WienerDecoder
from eprop_rt.build import steps
from eprop_rt.config import BinSettings, WienerSettings
from eprop_rt.decoder import Decoder
from eprop_rt.metrics import pearson_r, r2, score
from eprop_rt.series import F64
from eprop_rt_services.decoders import decoder_for
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay.cache import content_of, key_of
from eprop_rt_services.replay.contestant import FITTED, Contestant, Replayed, run_through
from eprop_rt_services.replay.source import (
    binned,
    channels_seen,
    check_array,
    fitting_part,
    outputs_of,
    true_labels,
)

REFIT_S = 600.0
REACHED = 0.9  # of the offline level
SETTLE_S = 60.0  # of yesterday's statistics, with which today's begin
ROWS = ("static", "recentred", "refitted")


@dataclass(frozen=True, slots=True)
class Day:
    """How one decoder did on one day: R2, means of the axes, NaN where there is none.

    `r` is Pearson's, over the whole day. `minutes` is None where no minute reached the level.
    """

    first_minute: float
    minutes: int | None
    whole: float
    after_refit: float
    r: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bins of a day, and what each was decoded to."""

    index: list[int]
    predicted: F64


@dataclass(frozen=True, slots=True)
class Transition:
    """One day after another: today's offline level, and every decoder's day by name."""

    recording: str
    offline: float
    days: dict[str, Day]


class DayBreak:
    """The night between two recordings: made before `main` has seen today."""

    def __init__(self, main: Contestant, before: Recording, today: Recording) -> None:
        self._bins = main.setting.bins
        self._today = today
        self._main = main
        self._before = before
        check_array(before, today)
        # Each is a pass over today that depends on yesterday's weights, so it is done now.
        self._decoded = {
            "static": self._frozen("static", self._yesterdays, learning=False),
            "recentred": self._frozen("recentred", self._recentred, learning=True),
            "refitted": self._wiener(refitted_share(today, self._bins)),
        }

    def compare(self, carried: list[Replayed]) -> Transition:
        """Beside what was carried into today."""
        offline = self._wiener(FITTED)
        level = float(score(offline.predicted, self._true(offline)).r2_last20.mean())
        everyone = {one.decoder: Decoded(one.index.tolist(), one.predicted) for one in carried}
        everyone |= self._decoded
        minute, refit = (steps(s, self._bins.bin_s) for s in (60.0, REFIT_S))
        days = {}
        for name, decoded in everyone.items():
            true = self._true(decoded)
            if name == "refitted":
                true[: min(refit, len(true))] = np.nan
            days[name] = day_of(decoded.predicted, true, (minute, refit), REACHED * level)
        return Transition(self._today.name, level, days)

    def _true(self, decoded: Decoded) -> F64:
        return true_labels(self._today, self._bins, decoded.index)

    def _yesterdays(self) -> Decoder:
        channels, outputs = channels_seen(self._today, self._bins), outputs_of(self._today)
        yesterday = self._main.decoder()  # first, as it settles what its settings leave open
        decoder, _ = decoder_for(self._main.settings, channels, outputs, self._bins.bin_s)
        if yesterday is not None:
            decoder.restore(yesterday.snapshot())
        decoder.reset()
        return decoder

    def _recentred(self) -> Decoder:
        _, then, _ = binned(self._before, self._bins)
        return RecentredDecoder(self._yesterdays(), then, steps(SETTLE_S, self._bins.bin_s))

    def _frozen(self, name: str, build: Callable[[], Decoder], *, learning: bool) -> Decoded:
        cache, key = self._main.setting.cache, key_of(self._main.key, content_of(self._today), name)
        found = cache.load(key)
        if found is None:
            arrays, facts = run_through(
                self._today, build(), self._main.setting, lambda _: None, learning=learning
            )
            cache.store(key, arrays, facts)
        else:
            arrays = found[0]
        return Decoded(arrays["index"].tolist(), arrays["predicted"])

    def _wiener(self, share: float) -> Decoded:
        x, labels = fitting_part(self._today, self._bins, share)
        decoder = WienerDecoder(WienerSettings(), x.shape[1], labels.shape[1])
        decoder.fit(x, labels)
        arrays, _ = run_through(self._today, decoder, self._main.setting, lambda _: None)
        return Decoded(arrays["index"].tolist(), arrays["predicted"])


def refitted_share(recording: Recording, bins: BinSettings) -> float:
    """Which share of its bins the first ten minutes are."""
    count = len(binned(recording, bins)[0])
    # Half a bin more than that many: a share of a share of them is cut, not rounded.
    return min(1.0, (round(REFIT_S / bins.bin_s) + 0.5) / max(count, 1))


def day_of(predicted: F64, true: F64, bins: tuple[int, int], level: float) -> Day:
    """Figures of one day; `bins` of a minute and before the refit."""
    minute, refit = bins
    by_minute = [
        mean_r2(predicted[at : at + minute], true[at : at + minute])
        for at in range(0, len(true) - minute + 1, minute)
    ]
    reached = [k + 1 for k, value in enumerate(by_minute) if value >= level]
    return Day(
        first_minute=by_minute[0] if by_minute else float("nan"),
        minutes=reached[0] if reached else None,
        whole=mean_r2(predicted, true),
        after_refit=mean_r2(predicted[refit:], true[refit:]),
        r=float(pearson_r(predicted, true).mean()),
    )


def mean_r2(predicted: F64, true: F64) -> float:
    """Mean of the axes."""
    return float(r2(predicted, true).mean())
