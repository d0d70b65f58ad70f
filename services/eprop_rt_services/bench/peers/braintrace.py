"""braintrace: its D-RTRL, on models for which that is e-prop.

D-RTRL carries a trace for each synapse and hidden state, and drops what passes between neurons. Two
models have e-prop's gradient under it:

`filtered` (the fastest): the readout filter alone is a hidden state. The membrane is written as
filtered presynaptic spikes times weights, which is the same while weights are held, and differs by
the order of one update while they change.

`membrane`: membrane and readout filter are hidden states, as one would write the model down. Spikes
reach the readout a step later: a hidden state may depend on those of the step before only.
"""

import time
from collections.abc import Callable
from typing import Any

import brainstate
import braintrace
import jax
import numpy as np
from jax import numpy as jnp

from eprop_rt_services.bench.peers import reference
from eprop_rt_services.bench.peers import workload as wl

BLOCK_STEPS = 20
CHECKED_STEPS = 100


def _above_threshold(v: Any) -> Any:
    return (v > wl.V_TH).astype(v.dtype)


def _surrogate(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    (v,), (dv,) = primals, tangents
    psi = jnp.maximum(0.0, 1 - jnp.abs(v - wl.V_TH) / wl.V_TH) * (wl.PEAK / wl.V_TH)
    return _above_threshold(v), psi * dv


spike = jax.custom_jvp(_above_threshold)
spike.defjvp(_surrogate)
hold = jax.lax.stop_gradient


class FilteredModel(brainstate.nn.Module):
    """The readout filter is the hidden state."""

    late_steps = 0  # of the readout

    def __init__(self, network: wl.Network) -> None:
        self.w = brainstate.ParamState(jnp.asarray(network.w))
        self._bias = jnp.asarray(network.bias)

    def init_state(self, *_: Any, **__: Any) -> None:
        """At rest."""
        rows, n = self.w.value.shape
        self.zf = brainstate.HiddenState(jnp.zeros(n))
        self.zb = brainstate.ShortTermState(jnp.zeros(rows))
        self.rest = brainstate.ShortTermState(jnp.zeros(n))  # of the membrane: bias and resets
        self.z = brainstate.ShortTermState(jnp.zeros(n))

    def update(self, inputs: Any) -> Any:
        """Filtered spikes (N,) after a step on inputs (K,)."""
        z = self.z.value
        self.zb.value = wl.ALPHA * self.zb.value + jnp.concatenate((inputs, z))
        self.rest.value = wl.ALPHA * self.rest.value + self._bias - wl.V_TH * z
        z = spike(braintrace.matmul(self.zb.value, self.w.value) + self.rest.value)
        self.z.value = hold(z)
        self.zf.value = wl.KAPPA * self.zf.value + (1 - wl.KAPPA) * z
        return self.zf.value

    def spikes(self) -> Any:
        """Of the newest step, (N,)."""
        return self.z.value


class MembraneModel(brainstate.nn.Module):
    """Membrane and readout filter are hidden states."""

    late_steps = 1

    def __init__(self, network: wl.Network) -> None:
        self.w = brainstate.ParamState(jnp.asarray(network.w))
        self._bias = jnp.asarray(network.bias)

    def init_state(self, *_: Any, **__: Any) -> None:
        """At rest."""
        n = self.w.value.shape[1]
        self.v = brainstate.HiddenState(jnp.zeros(n))
        self.zf = brainstate.HiddenState(jnp.zeros(n))

    def update(self, inputs: Any) -> Any:
        """Filtered spikes (N,) of the step before, after a step on inputs (K,)."""
        z = spike(self.v.value)
        s = jnp.concatenate((inputs, hold(z)))
        drive = braintrace.matmul(s, self.w.value) + self._bias - wl.V_TH * hold(z)
        self.v.value = wl.ALPHA * self.v.value + drive
        self.zf.value = wl.KAPPA * self.zf.value + (1 - wl.KAPPA) * z
        return self.zf.value

    def spikes(self) -> Any:
        """Of the newest step, (N,)."""
        return spike(self.v.value)


MODELS: dict[str, type[FilteredModel] | type[MembraneModel]] = {
    "filtered": FilteredModel,
    "membrane": MembraneModel,
}
NAMES = {"filtered": "braintrace", "membrane": "braintrace (membrane as a state)"}


class Learner:
    """A model under D-RTRL, with a readout and plain gradient descent."""

    def __init__(self, network: wl.Network, model: str) -> None:
        k = len(network.w) - network.w.shape[1]
        no_autapses = np.ones_like(network.w)
        np.fill_diagonal(no_autapses[k:], 0.0)
        self._no_autapses = jnp.asarray(no_autapses)
        self.model = MODELS[model](network)
        self._w_out = brainstate.ParamState(jnp.asarray(network.w_out))
        online: Any = braintrace.compile(self.model, braintrace.D_RTRL, jnp.zeros(k))

        def loss(inputs: Any, target: Any) -> Any:
            return 0.5 * jnp.sum((online(inputs) @ self._w_out.value - target) ** 2)

        self._gradient = brainstate.transform.grad(loss, {"w": self.model.w, "out": self._w_out})

    def gradient(self, inputs: Any, target: Any) -> tuple[Any, Any]:
        """Of w and w_out at one step, which it takes."""
        found = self._gradient(inputs, target)
        return found["w"] * self._no_autapses, found["out"]

    def learn(self, inputs: Any, target: Any) -> Any:
        """One step and its update; returns the part of the neurons that fired."""
        dw, dw_out = self.gradient(inputs, target)
        self.model.w.value = self.model.w.value - wl.ETA * dw
        self._w_out.value = self._w_out.value - wl.ETA * dw_out
        return jnp.mean(self.model.spikes())


def gradient_cosines(network: wl.Network, model: str) -> tuple[float, float]:
    """Of the gradients of w and w_out over the first steps with e-prop's in plain NumPy."""
    learner = Learner(network, model)
    late = learner.model.late_steps
    spikes = jnp.asarray(network.spikes[: CHECKED_STEPS + late])
    targets = jnp.asarray(np.roll(network.targets, late, axis=0)[: CHECKED_STEPS + late])

    def add(total: Any, data: Any) -> Any:
        return jax.tree.map(jnp.add, total, learner.gradient(*data)), None

    def total(spikes: Any, targets: Any) -> Any:
        for t in range(late):
            learner.gradient(spikes[t], targets[t])
        start = jnp.zeros_like(network.w), jnp.zeros_like(network.w_out)
        return brainstate.transform.scan(add, start, (spikes[late:], targets[late:]))[0]

    found = brainstate.transform.jit(total)(spikes, targets)
    known = reference.gradient(network, CHECKED_STEPS)
    dw, dw_out = (reference.cosine(np.asarray(a), b) for a, b in zip(found, known, strict=True))
    return dw, dw_out


def _time_blocks(learner: Learner, network: wl.Network, work: wl.Work) -> tuple[float, float]:
    """Microseconds a step, median of scanned blocks, and the firing rate in them.

    Processor time, as a block is long enough to be interrupted.
    """
    block = brainstate.transform.jit(
        lambda spikes, targets: brainstate.transform.for_loop(learner.learn, spikes, targets)
    )
    us, fired = [], []
    for start in range(0, work.timed.stop - BLOCK_STEPS + 1, BLOCK_STEPS):
        some = slice(start, start + BLOCK_STEPS)
        spikes, targets = jnp.asarray(network.spikes[some]), jnp.asarray(network.targets[some])
        before = time.process_time_ns()
        rates = block(spikes, targets).block_until_ready()
        if start >= work.warm_up:
            us.append((time.process_time_ns() - before) / 1e3 / BLOCK_STEPS)
            fired.append(float(rates.mean()))
    return float(np.median(us)), float(np.mean(fired))


def _time_single(learner: Learner, network: wl.Network, work: wl.Work) -> float:
    """Microseconds of a compiled step called by itself, as data come, median."""
    once: Callable[[Any, Any], Any] = brainstate.transform.jit(learner.learn)
    count = min(work.timed.stop, 600)
    spikes, targets = (
        [jnp.asarray(row) for row in rows[:count]] for rows in (network.spikes, network.targets)
    )
    us = wl.time_each(
        lambda t: once(spikes[t], targets[t]).block_until_ready(), lambda t: None, range(count)
    )
    return float(np.median(us[count // 4 :]))


def measure(work: wl.Work, model: str, step_by_step: bool) -> wl.Figures:
    """Microseconds a step: of blocks that are scanned, or of single calls, as data come."""
    network = wl.build_network(work)
    cosine, cosine_out = gradient_cosines(network, model)
    learner = Learner(network, model)
    us, rate = _time_blocks(learner, network, work)
    how = f"processor time of scans of {BLOCK_STEPS} steps"
    if step_by_step:
        us, how = _time_single(learner, network, work), "a compiled step a call"
    return wl.Figures(
        name=NAMES[model] + (", step by step" if step_by_step else ""),
        version=str(braintrace.__version__),
        inputs=work.inputs,
        neurons=work.neurons,
        us_median=us,
        us_p99=None,
        spike_rate=rate,
        note=(
            f"float32, D-RTRL, {how}; cosine with e-prop's gradient {cosine:.6f}, "
            f"of the readout {cosine_out:.6f}"
        ),
    )


if __name__ == "__main__":
    parser = wl.parser()
    parser.add_argument("--model", choices=list(MODELS), default="filtered")
    parser.add_argument("--step-by-step", action="store_true")
    given = parser.parse_args()
    wl.tell(measure(wl.work_of(given), given.model, given.step_by_step))
