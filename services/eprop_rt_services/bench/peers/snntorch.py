"""snnTorch: recurrent leaky neurons, with its online training, a truncated gradient a step.

It has no eligibility traces. Its `RTRL` is truncated backpropagation over one step: forward,
backward, update, detach. That is less work than e-prop, and another gradient.
"""

from typing import Any

import numpy as np
import snntorch as snn
import torch

from eprop_rt_services.bench.peers import workload as wl

NOTE = "float32; no eligibility traces: backpropagation through one step, less work than e-prop"


def _triangular(above: Any, upstream: Any, _spikes: Any) -> Any:
    """The surrogate's part in the backward pass; `above` is v - V_TH."""
    return upstream * torch.relu(1 - above.abs() / wl.V_TH) * (wl.PEAK / wl.V_TH)


class Learner:
    """A network of snnTorch's layers, and plain gradient descent at every step."""

    def __init__(self, network: wl.Network) -> None:
        n, rows = network.w.shape[1], network.w.shape[0]
        k = rows - n
        surrogate = snn.surrogate.custom_surrogate(_triangular)
        self._drive = torch.nn.Linear(k, n)
        self._neurons = snn.RLeaky(
            beta=wl.ALPHA, linear_features=n, threshold=wl.V_TH, spike_grad=surrogate
        )
        self._output = torch.nn.Linear(n, wl.OUTPUTS, bias=False)
        self._readout = snn.Leaky(beta=wl.KAPPA, reset_mechanism="none")
        recurrent = self._neurons.recurrent
        with torch.no_grad():
            self._drive.weight.copy_(torch.tensor(network.w[:k].T))
            self._drive.bias.copy_(torch.tensor(network.bias))
            recurrent.weight.copy_(torch.tensor(network.w[k:].T))
            recurrent.bias.zero_()
            self._output.weight.copy_(torch.tensor((1 - wl.KAPPA) * network.w_out.T))
        self._drive.bias.requires_grad_(False)
        recurrent.bias.requires_grad_(False)
        learned = [self._drive.weight, recurrent.weight, self._output.weight]
        self._optimiser = torch.optim.SGD(learned, lr=wl.ETA, fused=True)
        self.z, self._v = torch.zeros(n), torch.zeros(n)
        self._y = torch.zeros(wl.OUTPUTS)

    def learn(self, inputs: Any, target: Any) -> None:
        """One step: inputs (K,), target (M,)."""
        z, v = self._neurons(self._drive(inputs), self.z, self._v)
        _, y = self._readout(self._output(z), self._y)
        loss = 0.5 * (y - target).square().sum()
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self.z, self._v, self._y = z.detach(), v.detach(), y.detach()


def measure(work: wl.Work) -> wl.Figures:
    """Microseconds of single steps."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network = wl.build_network(work)
    learner = Learner(network)
    spikes, targets = torch.tensor(network.spikes).unbind(), torch.tensor(network.targets).unbind()
    fired = np.zeros(len(spikes))

    def step(t: int) -> None:
        learner.learn(spikes[t], targets[t])

    def observe(t: int) -> None:
        fired[t] = float(learner.z.mean())

    wl.time_each(step, observe, range(work.warm_up))
    us = wl.time_each(step, observe, work.timed)
    return wl.Figures(
        name="snnTorch",
        version=str(snn.__version__),
        inputs=work.inputs,
        neurons=work.neurons,
        us_median=float(np.median(us)),
        us_p99=float(np.percentile(us, 99)),
        spike_rate=float(fired[work.warm_up :].mean()),
        note=NOTE,
    )


if __name__ == "__main__":
    wl.tell(measure(wl.work_of(wl.parser().parse_args())))
