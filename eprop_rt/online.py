"""Learning at every bin: eligibility traces times the learning signal of that very bin."""

import math
from copy import deepcopy
from typing import Any, TypeVar, cast

import numpy as np

from eprop_rt.bins.grid import steps_covering
from eprop_rt.build import Network, build_history, build_online_rule, build_online_traces
from eprop_rt.config import EpropSettings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels import steady
from eprop_rt.kernels.online import learn, remember
from eprop_rt.kernels.schedules import allocate
from eprop_rt.kernels.schedules.dispatch import forget, sync
from eprop_rt.kernels.schedules.structs import (
    ADAM,
    MOMENTUM,
    SGD,
    Dense,
    Outer,
    PassState,
    UpdateRule,
)
from eprop_rt.snapshot import Arrays, named
from eprop_rt.structs import Floats, State

T = TypeVar("T")

OPTIMISERS = {"sgd": SGD, "rms": SGD, "momentum": MOMENTUM, "adam": ADAM}  # rms: in the signal


class OnlineLearner:
    """Owns the synapse pass, and the vectors of the newest bins for labels that come late.

    Not every weight is written at once: `sync` is the only way to read them, and what is added to
    them between two bins (rehearsal) is added after it.
    """

    def __init__(self, settings: EpropSettings, network: Network, bin_s: float) -> None:
        self._params = network.params
        self._learn, self._remember = steady(learn), steady(remember)
        self._w = network.weights.w
        self._learns = settings.online.optimiser != "none"
        self.rule = build_online_rule(settings, bin_s)
        self.passes = build_passes(settings, network)
        self.traces = build_online_traces(network, self.rule)
        delay = steps_covering(settings.online.label_delay_s, bin_s)
        self.history = build_history(network, delay + 1)

    def remember(self, state: State, output: Floats, label: Floats) -> int | None:
        """Keep the newest bin; returns the slot of the bin that is to be learned from now."""
        slot = int(self.history.steps[0]) % len(self.history.pre)
        self._remember(self.history, state)
        self.history.y[slot] = output
        self.history.label[slot] = label
        steps = int(self.history.steps[0])
        return steps % len(self.history.pre) if steps >= len(self.history.pre) else None

    def relabel(self, age: int, label: Floats) -> bool:
        """Give the bin `age` bins before the newest its label; False: its turn is over.

        On an axis where the label is absent the one before stands.
        """
        steps = int(self.history.steps[0])
        if age >= min(steps, len(self.history.pre) - 1):
            return False
        kept = self.history.label[(steps - 1 - age) % len(self.history.pre)]
        np.copyto(kept, label, where=~np.isnan(label))
        return True

    def learn_one(self, feedback: Floats, error: Floats) -> bool:
        """Learn from the oldest bin kept; False, and nothing is learned, where that is not finite.

        `feedback` (N, M) carries its `error` (M,) back, 0 where it has no label; with feedback
        (0, M) the error (N,) is the learning signal itself.
        """
        if not self._learns:
            return True
        return bool(
            self._learn(
                self._params,
                self._w,
                self.passes,
                self.rule,
                self.traces,
                self.history,
                feedback,
                error,
            )
        )

    def sync(self) -> None:
        """Write every weight as it is after all bins learned from."""
        sync(self._w, self.passes, self._params)
        if self.traces.scale[0] != 1:
            self._w *= self.traces.scale[0]
            self.traces.scale[0] = 1

    def written(self) -> Floats:
        """A copy of w as `sync` would leave it; nothing is written."""
        w, passes = self._w.copy(), deepcopy(self.passes)
        sync(w, passes, self._params)
        w *= self.traces.scale[0]
        return w

    def forget(self) -> None:
        """Forget the eligibility of the past: after a gap, or where learning resumes."""
        forget(self._w, self.passes, self._params)
        traces = self.traces
        for trace in (traces.zs, traces.zb, traces.zk, traces.psi_bar):
            trace[:] = 0
        for bound in (traces.ebar_norm, traces.eps_norm):
            bound[:] = 0
        self.history.steps[0] = 0

    def adopt(self, settings: EpropSettings, network: Network, bin_s: float) -> None:
        """Go on with another learning rate; arrays and what is pending in them stay."""
        self.rule = build_online_rule(settings, bin_s)
        self.passes = with_arrays(build_passes(settings, network), self.passes)

    @property
    def clipped(self) -> int:
        """How many steps were shortened to the bound on their norm."""
        return int(self.traces.clipped[0])

    def learned(self) -> Arrays:
        """What learning writes, by name; the arrays themselves, not copies."""
        traces = self.traces
        kept: Arrays = {"f": traces.f, "square": traces.square, "squares": traces.squares}
        kept["scale"] = traces.scale
        # Without anything pending a pass keeps eligibility only, which is forgotten.
        pending = not isinstance(self.passes, Dense | Outer)
        return kept | (named(self.passes, "passes") if pending else {})

    def arrays(self) -> Arrays:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        traces = named(self.traces)
        del traces["clipped"]  # a count for people: it decides nothing
        return named(self.passes, "passes") | traces | named(self.history, "history")


def with_arrays(fresh: T, kept: T) -> T:
    """The numbers of `fresh` and the arrays of `kept`, of one kind of named tuple."""
    if isinstance(kept, np.ndarray):
        return kept
    if isinstance(kept, tuple):
        parts = zip(cast(tuple[Any, ...], fresh), kept, strict=True)
        return cast(T, type(kept)(*(with_arrays(one, other) for one, other in parts)))
    return fresh


def build_passes(settings: EpropSettings, network: Network) -> PassState:
    """The synapse pass that the settings name; raises ConfigError where it does not exist."""
    online, penalties = settings.online, settings.penalties
    params, inputs, connected = network.params, network.inputs, network.connected
    kind = "outer" if online.optimiser == "none" else online.pass_kind
    keep = 1 - online.learning_rate * penalties.weight_decay
    clamp = penalties.weight_clamp or math.inf
    try:
        match kind:
            case "dense":
                return allocate.dense(params, inputs, connected, keep, clamp)
            case "deferred":
                return allocate.deferred(params, inputs, online.deferral_bins, connected)
            case "event":
                return allocate.event(params, inputs, connected=connected)
            case "outer":
                return allocate.outer(params, inputs, connected)
            case "accumulated":
                optimiser = OPTIMISERS[online.optimiser]
                rule = UpdateRule(optimiser, rate=online.learning_rate, keep=keep, clamp=clamp)
                return allocate.accumulated(
                    params, inputs, online.update_every, rule, connected=connected
                )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    raise ConfigError(
        "online.schedule auto came to an engine, which has no clock to measure with: name one, or "
        "let eprop_rt.autotune.resolved choose"
    )
