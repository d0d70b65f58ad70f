"""From settings to arrays: the only place where a time constant becomes a decay."""

import math
from typing import Any

import numpy as np

from eprop_rt.config import NetworkSettings, SurrogateSettings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels.segment import Segment
from eprop_rt.kernels.surrogate import AREA, KINDS
from eprop_rt.structs import Params, State, Traces, Weights

Real = np.dtype[np.floating[Any]]


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


def build_params(settings: NetworkSettings, bin_s: float, dtype: Real) -> Params:
    """Decays per bin; neurons lie sorted by membrane time constant, adaptive ones spread evenly."""
    real = dtype.type
    n, groups = settings.neurons, settings.tau_groups
    taus = np.geomspace(*settings.membrane_tau_s, groups)
    start = np.array([n * g // groups for g in range(groups + 1)], np.int64)
    group_alpha = np.array([decay(t, bin_s) for t in taus], dtype)
    share = np.floor(np.arange(n + 1) * settings.adaptive_fraction + 1e-9)  # 0.3 of 40 is 12
    adaptive = np.diff(share) > 0
    kappa = decay(settings.readout_tau_s, bin_s)
    if 0 < settings.refractory_s < bin_s:
        raise ConfigError(
            f"network.refractory_s {settings.refractory_s} is shorter than one bin of {bin_s} s: "
            "use 0 or at least one bin"
        )
    return Params(
        alpha=np.repeat(group_alpha, np.diff(start)),
        rho=np.full(n, decay(settings.adaptation_tau_s, bin_s), dtype),
        beta=(adaptive * settings.adaptation_strength).astype(dtype),
        group_start=start,
        group_alpha=group_alpha,
        kappa=real(kappa),
        kappa_in=real(1 - kappa),
        v_th=real(settings.threshold),
        surrogate=KINDS.index(settings.surrogate.kind),
        gamma=real(surrogate_height(settings.surrogate)),
        width=real(settings.surrogate.width),
        refractory=round(settings.refractory_s / bin_s),
    )


def build_weights(
    settings: NetworkSettings, inputs: int, features: int, outputs: int, seed: int
) -> Weights:
    """Gaussian weights scaled by fan-in, no autapses, zero bias and lagged readout; float64."""
    n = settings.neurons
    rng = np.random.default_rng(seed)
    w = np.zeros((inputs + n + 1, n))
    w[:inputs] = rng.normal(0, settings.input_gain / math.sqrt(inputs), (inputs, n))
    w[inputs : inputs + n] = rng.normal(0, settings.recurrent_gain / math.sqrt(n), (n, n))
    np.fill_diagonal(w[inputs : inputs + n], 0)
    w_out = np.zeros((features, outputs))
    w_out[:n] = rng.normal(0, settings.readout_gain / math.sqrt(n), (n, outputs))
    return Weights(w, w_out)


def build_state(params: Params, inputs: int, features: int, outputs: int) -> State:
    """A network at rest."""
    dtype, n = params.alpha.dtype, len(params.alpha)
    rows = inputs + n + 1
    state = State(
        v=np.zeros(n, dtype),
        a=np.zeros(n, dtype),
        z=np.zeros(n, dtype),
        psi=np.zeros(n, dtype),
        wait=np.zeros(n, np.int64),
        drive=np.zeros(n, dtype),
        pre=np.zeros(rows, dtype),
        zb=np.zeros((len(params.group_alpha), rows), dtype),
        features=np.zeros(features, dtype),
        y=np.zeros(outputs, dtype),
    )
    state.features[-1] = 1
    return state


def build_traces(params: Params, inputs: int) -> Traces:
    """Eligibility of a network that has not moved yet."""
    n = len(params.alpha)
    shape = (inputs + n + 1, n)
    dtype = params.alpha.dtype
    adaptive = bool(params.beta.any())
    return Traces(np.zeros(shape, dtype), np.zeros(shape if adaptive else (0, 0), dtype))


def build_segment(params: Params, length: int, inputs: int, features: int, outputs: int) -> Segment:
    """Scratch for one rehearsed segment of `length` steps."""
    dtype, n = params.alpha.dtype, len(params.alpha)
    return Segment(
        x=np.zeros((length, inputs), dtype),
        target=np.zeros((length, outputs), dtype),
        drive=np.zeros((length, n), dtype),
        z=np.zeros((length, n), dtype),
        z_before=np.zeros((length, n), dtype),
        psi=np.zeros((length, n), dtype),
        features=np.zeros((length, features), dtype),
        signal=np.zeros((length, n), dtype),
        error=np.zeros((length, outputs), dtype),
        rate=np.zeros(n, dtype),
        v=np.zeros(n, dtype),
        a=np.zeros(n, dtype),
        wait=np.zeros(n, np.int64),
    )
