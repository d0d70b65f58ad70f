"""What one learning step costs, schedule by schedule, in one run on one core.

A step is everything of a bin: drive, neurons, readout, learning signal, eligibility traces and
weights, and the readout's own update. Steps are timed one by one inside compiled code, as in a
replay; the spikes are given (2 % of inputs and neurons), so that every schedule does the same work.
"""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from eprop_rt.build import build_network, build_state
from eprop_rt.config import (
    EpropSettings,
    NetworkSettings,
    OnlineSettings,
    ReadoutSettings,
    RehearsalSettings,
)
from eprop_rt.kernels.step import decode_and_learn
from eprop_rt.online import OnlineLearner
from eprop_rt.series import F64
from eprop_rt.snapshot import copied, named
from eprop_rt.structs import Floats, Live

# Arrays that grow with the synapses, by the end of their path in `Live`.
PER_SYNAPSE = (
    "weights.w",
    "traces.ebar",
    "traces.eps_a",
    "optimiser.m",
    "optimiser.v",
    "optimiser.gradient",
)
RATE = 0.02  # spikes a step, of inputs and neurons
OUTPUTS = 2
READOUT_RATE = 1e-3
STEP_S = 0.001
CYCLE = 512  # steps after which inputs and spikes repeat

READY = """
import time
from eprop_rt.config import BinSettings, EpropSettings
from eprop_rt.warmup import warm_up
start = time.perf_counter()
warm_up(BinSettings(), EpropSettings())
print(time.perf_counter() - start)
"""

CLOCK = ctypes.CDLL(None).clock_gettime
CLOCK.argtypes = (ctypes.c_int, ctypes.c_void_p)
CLOCK.restype = ctypes.c_int
MONOTONIC = 1


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table before it is measured."""

    schedule: str
    optimiser: str = "sgd"
    update_every: int = 1
    deferral_bins: int = 32
    eligibility: str = "full"

    @property
    def name(self) -> str:
        """As the table says it."""
        if self.eligibility != "full":
            return f"~ {self.eligibility}"
        if self.schedule == "deferred":
            return f"deferred {self.deferral_bins}"
        if self.schedule == "accumulated":
            return f"accumulated {self.update_every}"
        return self.schedule

    @property
    def exact(self) -> bool:
        """Whether it is gradient descent by the full rule at every step, as `dense` is."""
        plain = self.optimiser == "sgd" and self.update_every == 1
        return plain and self.eligibility == "full"


VARIANTS = (
    Variant("dense"),
    Variant("dense", "rms"),
    Variant("deferred", deferral_bins=16),
    Variant("deferred", deferral_bins=32),
    Variant("deferred", deferral_bins=64),
    Variant("event"),
    Variant("accumulated", update_every=10),
    Variant("accumulated", "momentum", update_every=10),
    Variant("accumulated", "adam", update_every=10),
    Variant("dense", "adam"),
    Variant("dense", eligibility="rank_one"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """What one variant took: microseconds a step over all rounds.

    `us_worst` is the slowest step where each counts by its fastest of several passes over the very
    same work: what the schedule itself does at its worst, without what else the machine does.
    """

    inputs: int
    neurons: int
    schedule: str  # ~ approximates the full rule
    optimiser: str
    exact: bool
    us_median: float
    us_p99: float
    us_p999: float
    us_worst: float
    ns_per_synapse: float
    bytes_per_synapse: float


class Trial:
    """A network under one variant, and its steps."""

    def __init__(self, inputs: int, neurons: int, variant: Variant) -> None:
        settings = settings_of(neurons, variant)
        network = build_network(settings, inputs, OUTPUTS, STEP_S)
        online = OnlineLearner(settings, network, STEP_S)
        self.network, self._online, self._variant = network, online, variant
        self._live = Live(
            network.params,
            network.weights,
            online.passes,
            online.rule,
            online.traces,
            online.history,
            build_state(network),
        )
        rng = np.random.default_rng(0)
        self._x = (rng.random((CYCLE, inputs)) < RATE).astype(np.float32)
        self._z = (rng.random((CYCLE, neurons)) < RATE).astype(np.float32)
        phase = np.arange(CYCLE)[:, None] * 0.05 + np.arange(OUTPUTS)
        self._target = np.sin(phase).astype(np.float32)
        self._stamps = np.zeros((CYCLE + 1, 2), np.int64)

    def run(self) -> F64:
        """One cycle; returns the microseconds of each step (CYCLE,)."""
        clock = self._stamps.ctypes
        timed_steps(self._live, self._x, self._z, self._target, clock.data)
        seconds = self._stamps[:, 0] + self._stamps[:, 1] * 1e-9
        us: F64 = np.diff(seconds - seconds[0]) * 1e6
        return us

    def run_by_calls(self) -> F64:
        """One cycle, each step called from Python; microseconds of each (CYCLE,)."""
        rate, took = np.float32(READOUT_RATE), np.zeros(CYCLE)
        for t in range(CYCLE):
            start = time.perf_counter()
            decode_and_learn(self._live, self._x[t], self._target[t], rate)
            took[t] = time.perf_counter() - start
            self._live.state.z[:] = self._z[t]
        return took * 1e6

    @contextmanager
    def same_start(self) -> Iterator[Callable[[], None]]:
        """Bring everything back to what it is now, whenever told."""
        start = copied(named(self._live))

        def back() -> None:
            for key, array in named(self._live).items():
                np.copyto(array, start[key])

        yield back

    def bytes_per_synapse(self) -> float:
        """Memory of weights, traces, gradients and moments, by synapse; vectors not counted."""
        arrays = named(self._live).items()
        grown = sum(array.nbytes for name, array in arrays if name.endswith(PER_SYNAPSE))
        return grown / self.network.weights.w.size


def settings_of(neurons: int, variant: Variant) -> EpropSettings:
    """LIF neurons with one time constant of 20 steps."""
    return EpropSettings(
        network=NetworkSettings(
            neurons=neurons,
            adaptive_fraction=0.0,
            tau_groups=1,
            membrane_tau_s=(0.02, 0.02),
            readout_tau_s=0.02,
        ),
        online=OnlineSettings.model_validate(
            {
                "learning_rate": 1e-5,
                "schedule": variant.schedule,
                "optimiser": variant.optimiser,
                "update_every": variant.update_every,
                "deferral_bins": variant.deferral_bins,
                "eligibility": variant.eligibility,
            }
        ),
        readout=ReadoutSettings(rule="delta", learning_rate=READOUT_RATE),
        rehearsal=RehearsalSettings(steps_per_bin=0),
    )


@njit(nogil=True, _nrt=False)
def timed_steps(live: Any, x: Floats, z: Floats, target: Floats, stamps: int) -> None:
    """Every step in turn; writes a time stamp (seconds, nanoseconds) before each and at the end."""
    for t in range(x.shape[0]):
        CLOCK(MONOTONIC, stamps + 16 * t)
        decode_and_learn(live, x[t], target[t], np.float32(READOUT_RATE))
        for j in range(z.shape[1]):
            live.state.z[j] = z[t, j]
    CLOCK(MONOTONIC, stamps + 16 * x.shape[0])


def measure(inputs: int, neurons: int, rounds: int, variants: Sequence[Variant]) -> list[Case]:
    """Variants at one size, in turn round by round, so that all share the machine's moods."""
    trials = {variant: Trial(inputs, neurons, variant) for variant in variants}
    took: dict[Variant, list[F64]] = {variant: [] for variant in variants}
    worst: dict[Variant, float] = {}
    for trial in trials.values():
        trial.run()  # compile, and fill the schedule's windows
    for _ in range(rounds):
        for variant, trial in trials.items():
            took[variant].append(trial.run())
    for variant, trial in trials.items():
        worst[variant] = float(fastest_of_each(trial).max())
    return [
        case(trials[variant], variant, np.concatenate(took[variant]), worst[variant])
        for variant in variants
    ]


def fastest_of_each(trial: Trial, passes: int = 5) -> F64:
    """Each step's fastest time over several passes of the very same steps (CYCLE,)."""
    with trial.same_start() as back:
        every = []
        for _ in range(passes):
            back()
            every.append(trial.run())
    return np.asarray(np.min(every, axis=0))


def variant_of(case: Case) -> Variant:
    """The variant that a case measured."""
    found = (v for v in VARIANTS if (v.name, v.optimiser) == (case.schedule, case.optimiser))
    return next(found)


def us_a_call(inputs: int, neurons: int, variant: Variant) -> float:
    """Microseconds of a whole step that is called from Python by itself, median."""
    trial = Trial(inputs, neurons, variant)
    trial.run()
    return float(np.median([trial.run_by_calls() for _ in range(4)]))


def case(trial: Trial, variant: Variant, us: F64, us_worst: float) -> Case:
    """The figures of one variant."""
    p50, p99, p999 = np.percentile(us, (50, 99, 99.9)).tolist()
    return Case(
        inputs=trial.network.inputs,
        neurons=trial.network.neurons,
        schedule=variant.name,
        optimiser=variant.optimiser,
        exact=variant.exact,
        us_median=p50,
        us_p99=p99,
        us_p999=p999,
        us_worst=us_worst,
        ns_per_synapse=p50 * 1e3 / trial.network.weights.w.size,
        bytes_per_synapse=trial.bytes_per_synapse(),
    )


def triad_gb_s(megabytes: int = 256, rounds: int = 7) -> float:
    """Memory bandwidth of one core, a = b + s c over arrays that no cache holds (McCalpin 1995)."""
    n = megabytes * 2**20 // 3 // 8
    a, b, c = np.zeros(n), np.ones(n), np.ones(n)
    triad(a, b, c, 3.0)
    best = min(_seconds(lambda: triad(a, b, c, 3.0)) for _ in range(rounds))
    return 3 * 8 * n / best / 1e9


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@njit(nogil=True, _nrt=False)
def triad(a: F64, b: F64, c: F64, s: float) -> None:
    """a_i = b_i + s c_i."""
    for i in range(a.shape[0]):
        a[i] = b[i] + s * c[i]


def ready_s() -> float:
    """Seconds from the first call to ready in a new process, the compile cache warm."""
    runs = [
        subprocess.run([sys.executable, "-c", READY], capture_output=True, text=True, check=True)
        for _ in range(2)  # the first may compile
    ]
    return float(runs[-1].stdout)


@contextmanager
def on_one_core() -> Iterator[int]:
    """Keep this process, and those that it starts, on the last core that it may use."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)
