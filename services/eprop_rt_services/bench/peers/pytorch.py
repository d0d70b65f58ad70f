"""Hand-written PyTorch: dense e-prop in place, without autograd, on one thread."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eprop_rt_services.bench.peers import workload as wl

NAME = "PyTorch"
NOTE = "float32, dense, in place, without autograd; torch.compile is slower"


@dataclass(frozen=True, slots=True)
class State:
    """Tensors of the network, all written in place by `learn`, and views of them made once."""

    w: Any  # (K + N, N)
    w_by_neuron: Any  # (N, K + N), of w
    w_out: Any  # (N, M)
    w_out_by_output: Any  # (M, N), of w_out
    bias: Any  # (N,)
    ebar: Any  # (K + N, N)
    autapses: Any  # (N,), of ebar
    s: Any  # (K + N,) inputs, then spikes of the step before
    inputs: Any  # (K,), of s
    z: Any  # (N,), of s
    zb: Any  # (K + N,)
    v: Any  # (N,)
    psi: Any  # (N,), over its peak
    ones: Any  # (N,)
    zf: Any  # (N,)


def build_state(network: wl.Network) -> State:
    """The network at rest, in tensors of its own."""
    rows, n = network.w.shape
    w, w_out = torch.tensor(network.w), torch.tensor(network.w_out)
    ebar, s = torch.zeros(rows, n), torch.zeros(rows)
    return State(
        w=w,
        w_by_neuron=w.t(),
        w_out=w_out,
        w_out_by_output=w_out.t(),
        bias=torch.tensor(network.bias),
        ebar=ebar,
        autapses=ebar[rows - n :].diagonal(),
        s=s,
        inputs=s[: rows - n],
        z=s[rows - n :],
        zb=torch.zeros(rows),
        v=torch.zeros(n),
        psi=torch.zeros(n),
        ones=torch.ones(n),
        zf=torch.zeros(n),
    )


def learn(state: State, inputs: Any, target: Any, eta: float) -> None:
    """One step of the workload's equations, on inputs (K,) and target (M,)."""
    v, z, psi, ebar = state.v, state.z, state.psi, state.ebar
    state.inputs.copy_(inputs)
    v.addmv_(state.w_by_neuron, state.s, beta=wl.ALPHA)
    v.add_(state.bias).sub_(z, alpha=wl.V_TH)
    torch.add(state.s, state.zb, alpha=wl.ALPHA, out=state.zb)
    torch.gt(v, wl.V_TH, out=z)
    torch.sub(v, state.ones, alpha=wl.V_TH, out=psi).abs_()
    torch.sub(state.ones, psi, alpha=1 / wl.V_TH, out=psi).relu_()
    ebar.addr_(state.zb, psi, beta=wl.KAPPA, alpha=(1 - wl.KAPPA) * wl.PEAK / wl.V_TH)
    state.autapses.zero_()
    state.zf.lerp_(z, 1 - wl.KAPPA)
    error = torch.addmv(target, state.w_out_by_output, state.zf, beta=-1)
    state.w.addcmul_(ebar, torch.mv(state.w_out, error), value=-eta)
    state.w_out.addr_(state.zf, error, alpha=-eta)


def measure(work: wl.Work) -> wl.Figures:
    """Microseconds of single steps."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network = wl.build_network(work)
    state = build_state(network)
    spikes, targets = torch.tensor(network.spikes).unbind(), torch.tensor(network.targets).unbind()
    fired = np.zeros(len(spikes))

    def step(t: int) -> None:
        learn(state, spikes[t], targets[t], wl.ETA)

    def observe(t: int) -> None:
        fired[t] = float(state.z.mean())

    with torch.inference_mode():
        wl.time_each(step, observe, range(work.warm_up))
        us = wl.time_each(step, observe, work.timed)
    return wl.Figures(
        name=NAME,
        version=str(torch.__version__),
        inputs=work.inputs,
        neurons=work.neurons,
        us_median=float(np.median(us)),
        us_p99=float(np.percentile(us, 99)),
        spike_rate=float(fired[work.warm_up :].mean()),
        note=NOTE,
    )


if __name__ == "__main__":
    wl.tell(measure(wl.work_of(wl.parser().parse_args())))
