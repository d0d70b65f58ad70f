"""The engine: one recurrent spiking network that decodes a bin, then learns from it by e-prop."""

from collections import Counter

import numpy as np

from eprop_rt.build import Real, build_params, build_state, build_weights, steps
from eprop_rt.config import EpropSettings
from eprop_rt.kernels.step import forward
from eprop_rt.memory import Memory
from eprop_rt.online import OnlineLearner
from eprop_rt.readout import build_readout_rule
from eprop_rt.rehearsal import Rehearsal
from eprop_rt.scale import RunningScale
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, prefixed, write_back
from eprop_rt.structs import Weights


class Engine:
    """Owns weights and state. A bin is `predict_one`, then `learn_one`, then `rehearse`.

    `predict_one` moves the network's state and nothing that is learned; `learn_one` and
    `rehearse` write weights and statistics. A caller that wants a frozen decoder calls
    `predict_one` alone, and `resume` before it learns again.
    """

    def __init__(self, settings: EpropSettings, inputs: int, outputs: int, bin_s: float) -> None:
        network = settings.network
        dtype: Real = np.dtype(settings.dtype)
        features = network.neurons + settings.readout.lags * inputs + 1
        self.events: Counter[str] = Counter()
        self._params = build_params(network, bin_s, dtype)
        drawn = build_weights(network, inputs, features, outputs, settings.seed)
        self._weights = Weights(*(w.astype(dtype) for w in drawn))
        self._state = build_state(self._params, inputs, features, outputs)
        self._input_scale = RunningScale(settings.inputs, inputs, bin_s)
        self._target_scale = RunningScale(settings.targets, outputs, bin_s)
        kept = max(
            steps(settings.rehearsal.memory_s, bin_s),
            2 * steps(settings.rehearsal.segment_s, bin_s),
        )
        self._memory = Memory(kept, inputs, outputs)
        self._online = OnlineLearner(settings.online, self._params, self._weights)
        self._readout = build_readout_rule(settings.readout, self._weights.w_out, bin_s)
        self._rehearsal = Rehearsal(
            settings.rehearsal, self._params, self._weights, bin_s, settings.seed
        )
        self._x = np.zeros(inputs, dtype)
        self._target = np.zeros(outputs, dtype)
        self._error = np.zeros(outputs, dtype)
        self._bin: F32 = np.zeros(inputs, np.float32)

    def predict_one(self, x: F32) -> F64:
        """Decode one bin x (inputs,); returns the output (outputs,) in the units of the labels.

        What is not finite counts as 0, as in a bin to which nothing was added.
        """
        finite = np.isfinite(x)
        self.events["input_not_finite"] += not finite.all()
        self._bin[:] = np.where(finite, x, 0)
        self._input_scale.apply(self._bin, self._x)
        forward(self._params, self._weights, self._state, self._x)
        return self._target_scale.undo(self._state.y)

    def learn_one(self, label: F32) -> None:
        """Learn from the label (outputs,) of the bin predicted last; NaN where there is none."""
        self._target_scale.apply(label, self._target)
        np.subtract(self._state.y, self._target, out=self._error)
        self._error[np.isnan(self._target)] = 0
        self.events["update_refused"] += not self._online.learn_one(self._state, self._error)
        if self._error.any():
            self.events["readout_restarted"] += not self._readout.learn_one(
                self._state.features, self._error
            )
        self._memory.append(self._bin, label)
        self._input_scale.learn_one(self._bin)
        self._target_scale.learn_one(label)

    def rehearse(self) -> None:
        """Learn from the past, this bin's share of it."""
        refused = self._rehearsal.run(self._memory, self._input_scale, self._target_scale)
        self.events["rehearsal_refused"] += refused

    def reset(self) -> None:
        """Bring the network to rest, as after a gap in the stream; what it learned stays."""
        for array in self._state:
            array[:] = 0
        self._state.features[-1] = 1
        self._online.reset()

    def resume(self) -> None:
        """Start learning again after frozen bins: their eligibility was never traced."""
        self._online.reset()

    def snapshot(self) -> Arrays:
        """Copies of everything that decides the future, by name."""
        return copied(self._arrays())

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`; raises RestoreError where it belongs to another network."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        return (
            prefixed("weights", self._weights._asdict())
            | prefixed("state", self._state._asdict())
            | prefixed("input_scale", self._input_scale.arrays())
            | prefixed("target_scale", self._target_scale.arrays())
            | prefixed("memory", self._memory.arrays())
            | prefixed("online", self._online.arrays())
            | prefixed("readout", self._readout.arrays())
            | prefixed("rehearsal", self._rehearsal.arrays())
            | {"bin": self._bin}
        )
