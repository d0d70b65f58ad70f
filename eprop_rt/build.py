"""From settings to arrays: the only place where a time constant becomes a decay."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.aligned import aligned, aligned_copy
from eprop_rt.config import EpropSettings, NetworkSettings, SurrogateSettings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.segment import Segment
from eprop_rt.kernels.surrogate import AREA, KINDS
from eprop_rt.snapshot import named
from eprop_rt.structs import (
    ELIGIBILITIES,
    FULL,
    PRESYNAPTIC_FILTER,
    History,
    Membrane,
    OnlineRule,
    OnlineTraces,
    Params,
    State,
    Weights,
)

EPOCH = 2**32  # steps (a bin each) between two resets, at most
Real = np.dtype[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Network:
    """What a network is: `connected` (P, N), or None where every synapse is there."""

    params: Params
    weights: Weights  # w (P, N); (S,) where some synapses are missing, row after row
    connected: Mask | None
    inputs: int
    outputs: int

    @property
    def neurons(self) -> int:
        """How many."""
        return len(self.params.alpha)

    @property
    def rows(self) -> int:
        """Presynaptic rows: inputs, neurons, bias."""
        return self.inputs + self.neurons + 1


def decay(tau_s: float, dt_s: float) -> float:
    """exp(-dt / tau): what is left of a leaky quantity after one step."""
    return math.exp(-dt_s / tau_s)


def steps(duration_s: float, bin_s: float) -> int:
    """A duration in whole bins, at least one."""
    return max(1, round(duration_s / bin_s))


def surrogate_height(settings: SurrogateSettings) -> float:
    """The height as given, or the one at which the shape has area 1 and is a density."""
    if settings.height is not None:
        return settings.height
    return 1.0 / (AREA[KINDS.index(settings.kind)] * settings.width)


def build_params(
    settings: NetworkSettings,
    bin_s: float,
    dtype: Real,
    seed: int = 0,
    trace_tau_s: Sequence[float] = (),
) -> Params:
    """Decays per bin; neurons lie sorted by membrane time constant, adaptive ones spread evenly.

    `seed` is of the spikes that are drawn, `trace_tau_s` of the readout's traces. Raises
    ConfigError where a refractory time is shorter than a bin.
    """
    real = dtype.type
    n, groups = settings.neurons, settings.tau_groups
    taus = np.geomspace(*settings.membrane_tau_s, groups)
    start = np.array([n * g // groups for g in range(groups + 1)], np.int64)
    group_alpha = np.array([decay(t, bin_s) for t in taus], dtype)
    share = np.floor(np.arange(n + 1) * settings.adaptive_fraction + 1e-9)  # 0.3 of 40 is 12
    adaptive = np.diff(share) > 0
    alpha = np.repeat(group_alpha, np.diff(start))
    kappa = decay(settings.readout_tau_s, bin_s)
    kappa_e = decay(settings.eligibility_tau_s or settings.readout_tau_s, bin_s)
    trace = np.array([decay(t, bin_s) for t in trace_tau_s])
    plus = settings.convention == "eprop_plus"
    tau_s = settings.synapse_tau_s
    if 0 < settings.refractory_s < bin_s:
        raise ConfigError(
            f"network.refractory_s {settings.refractory_s} is shorter than one bin of {bin_s} s: "
            "use 0 or at least one bin"
        )
    return Params(
        alpha=alpha,
        rho=np.full(n, decay(settings.adaptation_tau_s, bin_s), dtype),
        beta=(adaptive * settings.adaptation_strength).astype(dtype),
        group_start=start,
        group_alpha=group_alpha,
        alpha_s=real(0 if tau_s is None else decay(tau_s, bin_s)),
        # A reset at once, after the pseudo-derivative, is one at the next step that has decayed.
        reset=settings.threshold * (alpha if plus else np.ones(n, dtype)),
        v_th=real(settings.threshold),
        threshold=np.full(n, settings.threshold, dtype),
        surrogate=KINDS.index(settings.surrogate.kind),
        shape=np.array([surrogate_height(settings.surrogate), settings.surrogate.width], dtype),
        escape=settings.spikes == "escape",
        seed=seed,
        refractory=round(settings.refractory_s / bin_s),
        kappa=real(kappa),
        kappa_in=real(1 if plus else 1 - kappa),
        trace=trace.astype(dtype),
        trace_in=np.sqrt(1 - trace**2).astype(dtype),
        carries=plus,
        kappa_e=real(kappa_e),
        kappa_e_in=real(1 if plus else 1 - kappa_e),
    )


def build_connections(settings: NetworkSettings, inputs: int, seed: int) -> Mask | None:
    """Which synapses there are (P, N), drawn; the bias always, autapses never. None: all."""
    if settings.connectivity == 1:
        return None
    n = settings.neurons
    rng = np.random.default_rng((seed, 1))
    connected: Mask = rng.random((inputs + n + 1, n)) < settings.connectivity
    connected[-1] = True
    np.fill_diagonal(connected[inputs : inputs + n], False)
    return connected


def build_weights(
    settings: NetworkSettings, inputs: int, features: int, outputs: int, seed: int
) -> Weights:
    """Gaussian weights scaled by fan-in, no autapses, zero bias and lagged readout; float64."""
    n, share = settings.neurons, settings.connectivity
    rng = np.random.default_rng(seed)
    w = np.zeros((inputs + n + 1, n))
    w[:inputs] = rng.normal(0, settings.input_gain / math.sqrt(inputs * share), (inputs, n))
    w[inputs : inputs + n] = rng.normal(0, settings.recurrent_gain / math.sqrt(n * share), (n, n))
    np.fill_diagonal(w[inputs : inputs + n], 0)
    w_out = np.zeros((features, outputs))
    w_out[:n] = rng.normal(0, settings.readout_gain / math.sqrt(n), (n, outputs))
    return Weights(w, w_out)


def build_network(settings: EpropSettings, inputs: int, outputs: int, bin_s: float) -> Network:
    """Everything of a network but its state."""
    dtype: Real = np.dtype(settings.dtype)
    readout = settings.readout
    heard = (readout.lags + len(readout.trace_tau_s)) * inputs
    features = settings.network.neurons + heard + 1
    connected = build_connections(settings.network, inputs, settings.seed)
    drawn = build_weights(settings.network, inputs, features, outputs, settings.seed)
    w = drawn.w if connected is None else drawn.w[connected]
    return Network(
        build_params(settings.network, bin_s, dtype, settings.seed, readout.trace_tau_s),
        Weights(aligned_copy(w.astype(dtype)), drawn.w_out.astype(dtype)),
        connected,
        inputs,
        outputs,
    )


def build_state(network: Network) -> State:
    """A network at rest."""
    dtype, n = network.params.alpha.dtype, network.neurons
    state = State(
        membrane=build_membrane(n, dtype),
        z=np.zeros(n, dtype),
        psi=np.zeros(n, dtype),
        drive=np.zeros(n, dtype),
        pre=np.zeros(network.rows, dtype),
        features=np.zeros(len(network.weights.w_out), dtype),
        y=np.zeros(network.outputs, dtype),
        carried=np.zeros(network.outputs, dtype),
        steps=np.zeros(1, np.int64),
    )
    state.features[-1] = 1
    return state


def bring_to_rest(state: State) -> None:
    """As it was built, in place, but for the count of steps, by which noise is drawn."""
    epoch = int(state.steps[0]) // EPOCH
    for array in named(state).values():
        array[:] = 0
    state.steps[0] = (epoch + 1) * EPOCH  # draws that no step before has had
    state.features[-1] = 1


def build_membrane(neurons: int, dtype: Real) -> Membrane:
    """Neurons at rest."""
    v, current, a = (aligned((neurons,), dtype) for _ in range(3))
    return Membrane(v, current, a, np.zeros(neurons, np.int64))


def build_segment(params: Params, length: int, inputs: int, features: int, outputs: int) -> Segment:
    """Scratch for one segment of `length` steps."""
    dtype, n = params.alpha.dtype, len(params.alpha)
    return Segment(
        x=aligned((length, inputs), dtype),
        target=aligned((length, outputs), dtype),
        drive=aligned((length, n), dtype),
        z=aligned((length, n), dtype),
        psi=aligned((length, n), dtype),
        v=aligned((length, n), dtype),
        features=aligned((length, features), dtype),
        y=aligned((length, outputs), dtype),
        signal=aligned((length, n), dtype),
        error=aligned((length, outputs), dtype),
        rate=aligned((n,), dtype),
        membrane=build_membrane(n, dtype),
        draw=np.zeros(1, np.int64),
        found=np.zeros(max(length, inputs, n, outputs) + 1, np.int64),
    )


def build_history(network: Network, steps: int) -> History:
    """The newest `steps` steps of a network that has made none."""
    dtype, n = network.params.alpha.dtype, network.neurons
    return History(
        pre=np.zeros((steps, network.rows), dtype),
        psi=np.zeros((steps, n), dtype),
        z=np.zeros((steps, n), dtype),
        v=np.zeros((steps, n), dtype),
        features=np.zeros((steps, len(network.weights.w_out)), dtype),
        y=np.zeros((steps, network.outputs), dtype),
        label=np.full((steps, network.outputs), np.nan, dtype),
        steps=np.zeros(1, np.int64),
    )


def build_online_traces(network: Network, rule: OnlineRule) -> OnlineTraces:
    """Online learning that has seen nothing yet."""
    params, n = network.params, network.neurons
    dtype = params.alpha.dtype
    shape = (len(params.group_alpha), network.rows)
    goes_past = rule.voltage_l2 > 0 or rule.eligibility != FULL
    return OnlineTraces(
        zs=np.zeros(network.rows, dtype),
        zb=np.zeros(shape, dtype),
        zk=np.zeros(shape if rule.eligibility == PRESYNAPTIC_FILTER else (0, 0), dtype),
        psi_bar=np.zeros(n, dtype),
        f=np.zeros(n, dtype),
        ebar_norm=np.zeros(n, dtype),
        eps_norm=np.zeros(n, dtype),
        square=np.zeros(n, dtype),
        squares=np.zeros(1, np.int64),
        scale=np.ones(1, dtype),
        signal=np.zeros(n, dtype),
        column=np.zeros(n, dtype),
        direct=np.zeros(n if goes_past else 0, dtype),
        zb_norm=np.zeros(shape[0], dtype),
        error=np.zeros(network.outputs, dtype),
        clipped=np.zeros(1, np.int64),
    )


def build_online_rule(settings: EpropSettings, bin_s: float) -> OnlineRule:
    """A step of online learning, in the network's dtype and per bin."""
    online, penalties = settings.online, settings.penalties
    real = np.dtype(settings.dtype).type
    by_scale = online.pass_kind in ("deferred", "event", "outer")
    shrink = online.learning_rate * penalties.weight_decay if by_scale else 0.0
    return OnlineRule(
        rate=real(-1 if online.pass_kind == "accumulated" else online.learning_rate),
        per_neuron=online.optimiser == "rms",
        decay=real(0.99),
        tiny=real(1e-8),
        rate_strength=real(penalties.rate_strength),
        rate_target=real(penalties.rate_target_hz * bin_s),
        rate_decay=real(decay(penalties.rate_tau_s, bin_s)),
        spike_l1=real(penalties.spike_l1),
        voltage_l2=real(penalties.voltage_l2),
        keep=real(1 - shrink),
        cap=real(penalties.update_norm or math.inf),
        eligibility=ELIGIBILITIES.index(online.eligibility),
    )
