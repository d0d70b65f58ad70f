"""`schedule: auto`: which synapse pass is fastest on this machine, by measurement.

The engine reads no clock, so the caller gives one. What was chosen belongs beside whatever the
session keeps: schedules agree to rounding, not to the bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from eprop_rt.build import build_network, build_state
from eprop_rt.config import EpropSettings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.step import forward
from eprop_rt.online import OnlineLearner

BINS, ROUNDS = 64, 3
RATE = 0.02  # spikes a bin, of the neurons; inputs are as dense as counts are


@dataclass(frozen=True, slots=True)
class Choice:
    """What was picked, and the seconds a bin that each candidate took."""

    schedule: str
    seconds: dict[str, float]

    def __str__(self) -> str:
        took = ", ".join(f"{name} {1e6 * s:.0f} us" for name, s in self.seconds.items())
        return f"schedule {self.schedule} ({took} a bin)" if took else f"schedule {self.schedule}"


def resolved(
    settings: EpropSettings,
    inputs: int,
    outputs: int,
    bin_s: float,
    clock: Callable[[], float],
) -> tuple[EpropSettings, Choice]:
    """The same settings with the schedule named, and why; `clock` counts seconds.

    Candidates learn the same random bins in turn, the best of three rounds each counts. Where
    rehearsal reads the weights in every bin, writing all of them belongs to the bin.
    """
    names = candidates(settings, bin_s)
    if len(names) == 1:
        return with_schedule(settings, names[0]), Choice(names[0], {})
    trials = {name: _Trial(with_schedule(settings, name), inputs, outputs, bin_s) for name in names}
    seconds = dict.fromkeys(names, np.inf)
    for trial in trials.values():
        trial.run()  # compile, or load what was compiled
    for _ in range(ROUNDS):
        for name, trial in trials.items():
            start = clock()
            trial.run()
            seconds[name] = min(seconds[name], (clock() - start) / BINS)
    fastest = min(names, key=lambda name: seconds[name])
    return with_schedule(settings, fastest), Choice(fastest, seconds)


def candidates(settings: EpropSettings, bin_s: float) -> list[str]:
    """Schedules that give what the settings ask for; one, unless they say auto."""
    if settings.online.schedule != "auto":
        return [settings.online.pass_kind]
    names = [name for name in ("dense", "deferred", "event") if _exists(settings, name, bin_s)]
    return names or ["accumulated"]


def _exists(settings: EpropSettings, schedule: str, bin_s: float) -> bool:
    """Whether the parts go together, down to the time constants: tried on one input."""
    try:
        tried = with_schedule(settings, schedule)
        OnlineLearner(tried, build_network(tried, 1, 1, bin_s), bin_s)
    except (ValidationError, ConfigError):
        return False
    return True


def with_schedule(settings: EpropSettings, schedule: str) -> EpropSettings:
    """The same settings with this schedule; ValidationError where they do not go together."""
    if schedule == "outer":
        schedule = "dense"
    raw = settings.model_dump()
    raw["online"]["schedule"] = schedule
    return EpropSettings.model_validate(raw)


class _Trial:
    """One candidate on a network of its own."""

    def __init__(self, settings: EpropSettings, inputs: int, outputs: int, bin_s: float) -> None:
        self._network = build_network(settings, inputs, outputs, bin_s)
        self._state = build_state(self._network)
        self._online = OnlineLearner(settings, self._network, bin_s)
        self._syncs = settings.rehearsal.steps_per_bin > 0
        rng = np.random.default_rng(0)
        real = self._network.params.alpha.dtype
        self._x = rng.poisson(0.5, (BINS, inputs)).astype(real)
        self._z = (rng.random((BINS, self._network.neurons)) < RATE).astype(real)
        self._error = np.full(outputs, 1e-3, real)
        self._label = np.zeros(outputs, real)

    def run(self) -> None:
        network, online, state = self._network, self._online, self._state
        feedback = network.weights.w_out[: network.neurons]
        for x, z in zip(self._x, self._z, strict=True):
            forward(network.params, network.weights, online.passes, online.traces.scale, state, x)
            state.z[:] = z  # a usual rate, whatever the weights
            if online.remember(state, self._label, self._label) is not None:
                online.learn_one(feedback, self._error)
            if self._syncs:
                online.sync()
