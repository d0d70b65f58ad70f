"""NEST: `eprop_iaf` and `eprop_synapse`, its e-prop with an update at every spike.

Its conventions are those of Korcsak-Gorzo et al. 2025: reset in the step of the spike, filters not
normalised (here their gain is in weights and learning rates), feedback fixed at the readout's first
weights. A synapse is brought up to date when its presynaptic neuron fires, over all steps since:
for gradient descent the weights that a spike meets are then those of updates at every step.
"""

import time
from dataclasses import dataclass
from typing import Any

import nest
import numpy as np

from eprop_rt_services.bench.peers import workload as wl

STEP_MS = 1.0
TAU_MS = -STEP_MS / np.log(wl.ALPHA)
TAU_OUT_MS = -STEP_MS / np.log(wl.KAPPA)
READOUT_GAIN = 1 - wl.KAPPA
BLOCK_STEPS = 20
NOTE = (
    "float64, event-driven; reset in the step of the spike, fixed feedback; "
    f"processor time of blocks of {BLOCK_STEPS} steps"
)


@dataclass(frozen=True, slots=True)
class Populations:
    """Nodes of the simulated network."""

    inputs: Any
    neurons: Any
    readouts: Any


def build(network: wl.Network) -> Populations:
    """The network in a fresh kernel: one thread, steps of 1 ms."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=STEP_MS, total_num_virtual_procs=1)
    rows, n = network.w.shape
    populations = Populations(
        inputs=nest.Create("parrot_neuron", rows - n),
        neurons=nest.Create("eprop_iaf", n, _neuron_settings()),
        readouts=nest.Create("eprop_readout", wl.OUTPUTS, {"E_L": 0.0, "tau_m": TAU_OUT_MS}),
    )
    populations.neurons.set([{"I_e": float(bias)} for bias in network.bias])
    _connect(populations, network)
    _stimulate(populations, network)
    return populations


def _neuron_settings() -> dict[str, float | str]:
    """Millivolts are thresholds of the workload; a current of 1 pA adds 1 mV a step."""
    return {
        "C_m": TAU_MS * (1 - wl.ALPHA),
        "E_L": 0.0,
        "V_m": 0.0,
        "V_th": wl.V_TH,
        "c_reg": 0.0,
        "kappa": wl.KAPPA,
        "surrogate_gradient_function": "piecewise_linear",
        "surrogate_gradient_height": wl.PEAK / wl.V_TH,
        "surrogate_gradient_width": wl.V_TH,
        "t_ref": 0.0,
        "tau_m": TAU_MS,
    }


def _connect(nodes: Populations, network: wl.Network) -> None:
    """Plastic synapses, and the fixed feedback."""
    for model, gain in (("recurrent", READOUT_GAIN), ("readout", READOUT_GAIN**2)):
        nest.CopyModel("eprop_synapse", model)
        nest.SetDefaults(model, {"optimizer": {"type": "gradient_descent", "eta": wl.ETA * gain}})
        nest.SetDefaults(model, {"optimizer": {"optimize_each_step": False}})
    every = {"rule": "all_to_all", "allow_autapses": False}
    k = len(nodes.inputs)
    links = (
        (nodes.inputs, nodes.neurons, "recurrent", network.w[:k].T),
        (nodes.neurons, nodes.neurons, "recurrent", network.w[k:].T),
        (nodes.neurons, nodes.readouts, "readout", READOUT_GAIN * network.w_out.T),
        (nodes.readouts, nodes.neurons, "eprop_learning_signal_connection", network.w_out),
    )
    for sources, targets, model, weight in links:
        synapse = {"synapse_model": model, "delay": STEP_MS, "weight": weight.astype(np.float64)}
        nest.Connect(sources, targets, every, synapse)


def _stimulate(nodes: Populations, network: wl.Network) -> None:
    """Input spikes, targets, and a learning window that is always open."""
    generators = nest.Create("spike_generator", len(nodes.inputs))
    times = [np.flatnonzero(train) * STEP_MS + STEP_MS for train in network.spikes.T]
    generators.set([{"spike_times": train} for train in times])
    nest.Connect(generators, nodes.inputs, "one_to_one")
    steps = np.arange(2.0, len(network.targets) + 2) * STEP_MS  # inputs pass a relay first
    goals = nest.Create("step_rate_generator", wl.OUTPUTS)
    goals.set(
        [
            {"amplitude_times": steps, "amplitude_values": goal.astype(np.float64)}
            for goal in network.targets.T
        ]
    )
    window = nest.Create("step_rate_generator")
    window.set({"amplitude_times": [STEP_MS], "amplitude_values": [1.0]})
    for source, rule, receptor in ((window, "all_to_all", 1), (goals, "one_to_one", 2)):
        synapse = {"synapse_model": "rate_connection_delayed", "receptor_type": receptor}
        nest.Connect(source, nodes.readouts, rule, synapse | {"delay": STEP_MS})


def measure(work: wl.Work) -> wl.Figures:
    """Microseconds a step: processor time, as a block is long enough to be interrupted."""
    network = wl.build_network(work)
    build(network)
    nest.Simulate(work.warm_up * STEP_MS)
    us, spikes = [], 0
    nest.Prepare()
    for _ in range(work.steps // BLOCK_STEPS):
        start = time.process_time_ns()
        nest.Run(BLOCK_STEPS * STEP_MS)
        us.append((time.process_time_ns() - start) / 1e3 / BLOCK_STEPS)
        spikes += nest.local_spike_counter  # of this run, of inputs and neurons
    nest.Cleanup()
    steps = len(us) * BLOCK_STEPS
    spikes -= int(network.spikes[work.warm_up : work.warm_up + steps].sum())
    return wl.Figures(
        name="NEST",
        version=str(nest.__version__),
        inputs=work.inputs,
        neurons=work.neurons,
        us_median=float(np.median(us)),
        us_p99=None,
        spike_rate=float(spikes / steps / work.neurons),
        note=NOTE,
    )


if __name__ == "__main__":
    wl.tell(measure(wl.work_of(wl.parser().parse_args())))
