"""One layer of LSTM units, trained offline; decoding is plain NumPy."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from eprop_rt.baselines.lstm_training import train
from eprop_rt.build import steps
from eprop_rt.config import LstmSettings
from eprop_rt.cost import Cost, effective, share_of_zeros, size_of
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays, copied, named, write_back

FARTHEST = 20.0  # standard deviations that an input may be from its mean


class Layer(NamedTuple):
    """Gates in PyTorch's order (input, forget, cell, output), one after the other."""

    w_in: F32  # (K, 4 H)
    w_rec: F32  # (H, 4 H)
    bias: F32  # (4 H,)
    w_out: F32  # (H + 1, M), the last row a constant's


class Standard(NamedTuple):
    """What is one unit of each channel: (value - mean) * scale; scale 0 where it never varied."""

    mean: F64
    scale: F64


class LstmDecoder:
    """Static after `fit`; says zero before. `fit` asks for PyTorch, nothing else does."""

    def __init__(self, settings: LstmSettings, inputs: int, outputs: int, bin_s: float) -> None:
        units = settings.units
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._length = steps(settings.sequence_s, bin_s)
        self._layer = Layer(
            np.zeros((inputs, 4 * units), np.float32),
            np.zeros((units, 4 * units), np.float32),
            np.zeros(4 * units, np.float32),
            np.zeros((units + 1, outputs), np.float32),
        )
        self._inputs = Standard(np.zeros(inputs), np.zeros(inputs))
        self._outputs = Standard(np.zeros(outputs), np.zeros(outputs))
        self._x: F32 = np.zeros(inputs, np.float32)
        self._h: F32 = np.zeros(units, np.float32)
        self._c: F32 = np.zeros(units, np.float32)

    def fit(self, x: F32, labels: F32) -> None:
        """Fit on bins x (n, inputs) and labels (n, outputs); NaN labels carry no error.

        Training stops early by the error on the last tenth. Stays as it was on too few bins;
        raises ConfigError where PyTorch is not installed.
        """
        if np.isfinite(labels).all(axis=1).sum() < 20 * self._length:
            return
        x = np.where(np.isfinite(x), x, 0)
        standardise(x.astype(np.float64), self._inputs)
        standardise(labels.astype(np.float64), self._outputs)
        scaled_x = np.array([self._scaled(row).copy() for row in x])
        scaled_labels = (labels - self._outputs.mean) * self._outputs.scale
        trained = train(self._settings, self._length, scaled_x, scaled_labels.astype(np.float32))
        for array, new in zip(self._layer, trained, strict=True):
            array[:] = new
        self.reset()

    def _scaled(self, x: F32) -> F32:
        away = (x - self._inputs.mean) * self._inputs.scale
        self._x[:] = np.clip(away, -FARTHEST, FARTHEST)
        return self._x

    def predict_one(self, x: F32) -> F64:
        """Decode one bin (inputs,); what is not finite counts as 0."""
        finite = np.isfinite(x)
        self.events["input_not_finite"] += not finite.all()
        layer, units = self._layer, len(self._h)
        gates = self._scaled(np.where(finite, x, 0)) @ layer.w_in
        gates += self._h @ layer.w_rec + layer.bias
        enter, keep, leave = (logistic(gates[k * units : (k + 1) * units]) for k in (0, 1, 3))
        self._c[:] = keep * self._c + enter * np.tanh(gates[2 * units : 3 * units])
        self._h[:] = leave * np.tanh(self._c)
        said = self._h @ layer.w_out[:-1] + layer.w_out[-1]
        scale = self._outputs.scale
        width = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1.0), 0.0)
        return np.asarray(self._outputs.mean + said * width, np.float64)

    def learn_one(self, label: F32) -> None:
        """Learn nothing: the fit is offline."""

    def relabel(self, age: int, label: F32) -> bool:
        """Too late: past bins are not kept."""
        return False

    def rehearse(self) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Bring the units to rest."""
        self._h[:] = 0
        self._c[:] = 0

    def resume(self) -> None:
        """Do nothing."""

    def cost(self) -> Cost:
        """What units say is graded: MACs, where neither side is zero; nothing is learned."""
        layer = self._layer
        everything = np.concatenate([layer.w_in.ravel(), layer.w_rec.ravel(), layer.w_out.ravel()])
        return Cost(
            footprint_bytes=size_of(self._arrays()),
            learning_footprint_bytes=0,
            connection_sparsity=share_of_zeros(everything),
            activation_sparsity=share_of_zeros(self._h),
            macs=effective(layer.w_in, self._x)
            + effective(layer.w_rec, self._h)
            + effective(layer.w_out[:-1], self._h),
            acs=0.0,
            learning_macs=0.0,
            learning_acs=0.0,
        )

    def snapshot(self, into: Arrays | None = None) -> Arrays:
        """Weights, scales and the units."""
        return copied(self._arrays(), into)

    def restore(self, snapshot: Arrays) -> None:
        """Continue from `snapshot`."""
        write_back(snapshot, self._arrays())

    def _arrays(self) -> Arrays:
        return (
            named(self._layer)
            | named(self._inputs, "inputs")
            | named(self._outputs, "outputs")
            | {"x": self._x, "h": self._h, "c": self._c}
        )


def standardise(values: F64, standard: Standard) -> None:
    """Write mean and scale of each column of (n, channels); NaN is passed over."""
    deviation = np.nanstd(values, axis=0)
    standard.mean[:] = np.nanmean(values, axis=0)
    varies = deviation > 1e-7 * (1.0 + np.abs(standard.mean))
    standard.scale[:] = np.where(varies, 1 / np.where(varies, deviation, 1.0), 0.0)


def logistic(x: F32) -> F32:
    """1 / (1 + exp(-x)), which overflows nowhere."""
    half: F32 = 0.5 * np.tanh(0.5 * x) + 0.5
    return half
