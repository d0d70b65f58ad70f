"""The gradient of stretches of time: forward, error, the neurons' adjoint, sums over steps.

`trial_gradient` is for everyone: arrays in, arrays out. Rehearsal uses the same pieces.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eprop_rt.build import build_segment
from eprop_rt.config import RuleSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.kernels.gradient import Turned, add_gradient, add_pulled_back
from eprop_rt.kernels.segment import Segment
from eprop_rt.objective import Score
from eprop_rt.structs import ELIGIBILITIES, Floats, Objective, Params, Weights


class TrialGradient(NamedTuple):
    """What a rule says about B trials of T steps, in the dtype of the parameters."""

    loss: float  # mean over trials; without the penalties
    w: Floats  # dE/dw, mean over trials, of the shape of weights.w
    w_out: Floats  # dE/dw_out, likewise
    spikes: NDArray[np.bool_]  # (B, T, N)
    outputs: Floats  # (B, T, M) of the readout, or probabilities
    penalty: float  # of firing rate, spikes and voltage; mean over trials


def trial_gradient(
    rule: RuleSettings,
    params: Params,
    weights: Weights,
    inputs: Floats,
    targets: Floats,
    feedback: Floats | None = None,
) -> TrialGradient:
    """The loss of B trials and its gradient by `rule` (Bellec et al. 2020, eq. 1, 4, 28).

    inputs (B, T, K); targets (B, T, M), NaN where there is none, one-hot or probabilities for
    softmax (a step with any NaN has no error); weights.w (K + N, N) presynaptic-major, inputs then
    neurons, or (K + N + 1, N) with a bias last; weights.w_out (N, M), or (N + 1, M); feedback
    (N, M) if and only if the rule says `given`. Nothing is written. `params` comes from
    `build_params`; replace its alpha, rho, beta (N,) for time constants of one's own.

    The bias is a row like the others: the input gain scales it too. Penalties, of every neuron j
    and trial, with r the spikes a step: rate_strength / 2 (r_j - rate_target)^2 + spike_l1 r_j +
    voltage_l2 / 2 (mean of v_j^2); on spikes they act through the spikes alone, as published.
    Without `autapses` their gradient is 0; the given weights are used as they are. Spikes that are
    drawn (params.escape) take random number (b T + t) N + j. Raises DataError or ConfigError where
    shapes or values do not fit.
    """
    _check(rule, params, weights, inputs, targets, feedback)
    dtype = params.alpha.dtype
    batch, length, outputs = targets.shape
    x, target = inputs.astype(dtype), targets.astype(dtype)  # copies
    window = min(rule.window_steps or length, length)
    target[:, : length - window] = np.nan
    if not rule.trial_reset:
        x, target = x.reshape(1, -1, x.shape[2]), target.reshape(1, -1, outputs)
    k, n = x.shape[2], len(params.alpha)
    gain = 1 - params.alpha if rule.input_gain == "one_minus_alpha" else np.ones(n, dtype)
    inner = _with_bias(weights, k, gain)
    back = inner.w_out[:n] if feedback is None else feedback.astype(dtype)
    gradient = Weights(*(np.zeros_like(w) for w in inner))
    spikes = np.zeros((*x.shape[:2], n), np.bool_)
    y = np.zeros_like(target)
    segment = build_segment(params, x.shape[1], k, n + 1, outputs)
    objective = rule_objective(rule)
    loss = penalty = 0.0
    for b in range(len(x)):
        segment.x[:], segment.target[:] = x[b], target[b]
        segment.draw[0] = b * segment.z.size
        came = add_segment_gradient(params, inner, back, segment, objective, gradient)
        loss, penalty = loss + came.loss, penalty + came.penalty
        spikes[b], y[b] = segment.z > 0, segment.y
    if not rule.autapses:
        np.fill_diagonal(gradient.w[k : k + n], 0)
    factor = dtype.type(1.0 / (len(x) * (window if rule.mean_over_window else 1)))
    return TrialGradient(
        loss * float(factor),
        gradient.w[: len(weights.w)] * (gain * factor),
        gradient.w_out[: len(weights.w_out)] * factor,
        spikes.reshape(batch, length, n),
        y.reshape(batch, length, outputs),
        penalty * float(factor),
    )


def rule_objective(rule: RuleSettings, warm_up: int = 0) -> Objective:
    """The rule's numbers for kernels; the first `warm_up` steps of a segment carry no error."""
    return Objective(
        softmax=rule.loss == "softmax",
        warm_up=warm_up,
        rate_strength=rule.rate_strength,
        rate_target=rule.rate_target,
        spike_l1=rule.spike_l1,
        voltage_l2=rule.voltage_l2,
        eligibility=ELIGIBILITIES.index(rule.eligibility),
        through_recurrence=rule.through_recurrence,
        through_reset=rule.through_reset,
    )


def add_segment_gradient(
    params: Params,
    weights: Weights,
    feedback: Floats,
    segment: Segment,
    objective: Objective,
    gradient: Weights,
) -> Score:
    """Add dE/dw and dE/dw_out of `segment` to `gradient`; returns how it did.

    The network starts from rest; the first objective.warm_up steps and NaN targets carry no error.
    Reads segment.x, target and draw, overwrites the rest. feedback (N, M) carries errors back.
    Nothing through recurrence and reset: this is e-prop (Bellec et al. 2020, eq. 1), every sum over
    time exchanged with the synapses. Through both, and w_out[:N] as feedback: backpropagation.
    """
    turned = turn(weights, feedback)
    of_w_out = np.zeros_like(turned.w_out)
    loss, penalty, labelled = add_gradient(params, turned, segment, objective, gradient.w, of_w_out)
    gradient.w_out[:] += of_w_out.T
    return Score(float(loss), float(penalty), int(labelled))


def turn(weights: Weights, feedback: Floats) -> Turned:
    """Weights as kernels sum along them; w itself, not a copy; feedback (N, M)."""
    w, w_out = weights
    back, nothing = np.ascontiguousarray(feedback.T), w_out[:0, :0]
    return Turned(w, np.ascontiguousarray(w_out.T), back, nothing)


def pull_back(
    params: Params,
    weights: Weights,
    feedback: Floats,
    segment: Segment,
    objective: Objective,
    gradient: Weights,
) -> None:
    """Add to `gradient` what `score` wrote to segment.error, rate and v; overwrites its signal."""
    turned = turn(weights, feedback)
    of_w_out = np.zeros_like(turned.w_out)
    add_pulled_back(params, turned, segment, objective, gradient.w, of_w_out)
    gradient.w_out[:] += of_w_out.T


def _with_bias(weights: Weights, inputs: int, gain: Floats) -> Weights:
    """Copies with a bias row each, zero where none was given; gain folded into w.

    With w' = g w the drive is that of a gain g, and dE/dw = g dE/dw' that of traces with g.
    """
    n = len(gain)
    w = np.zeros((inputs + n + 1, n), gain.dtype)
    w[: len(weights.w)] = weights.w
    w_out = np.zeros((n + 1, weights.w_out.shape[1]), gain.dtype)
    w_out[: len(weights.w_out)] = weights.w_out
    return Weights(w * gain, w_out)


def _check(
    rule: RuleSettings,
    params: Params,
    weights: Weights,
    inputs: Floats,
    targets: Floats,
    feedback: Floats | None,
) -> None:
    """Raise where the arrays do not fit each other, or hold what cannot be learned from."""
    if inputs.ndim != 3 or targets.ndim != 3 or inputs.shape[:2] != targets.shape[:2]:
        raise DataError(
            f"inputs {inputs.shape} and targets {targets.shape} came: give (B, T, K) and (B, T, M)"
        )
    k, n, outputs = inputs.shape[2], len(params.alpha), targets.shape[2]
    if 0 in (*inputs.shape, outputs):
        raise DataError(f"inputs {inputs.shape} and targets {targets.shape} came: one is empty")
    if weights.w.shape not in ((k + n, n), (k + n + 1, n)):
        raise DataError(
            f"weights.w {weights.w.shape} came for {k} inputs and {n} neurons: "
            f"give {(k + n, n)}, or {(k + n + 1, n)} with a bias"
        )
    if weights.w_out.shape not in ((n, outputs), (n + 1, outputs)):
        raise DataError(
            f"weights.w_out {weights.w_out.shape} came for {n} neurons and {outputs} outputs: "
            f"give {(n, outputs)}, or {(n + 1, outputs)} with a bias"
        )
    if (feedback is None) != (rule.feedback == "symmetric"):
        came = "no matrix" if feedback is None else "a matrix"
        raise ConfigError(
            f"feedback is {rule.feedback} and {came} came: give one with feedback: given, only then"
        )
    if feedback is not None and feedback.shape != (n, outputs):
        raise DataError(f"feedback {feedback.shape} came: give {(n, outputs)}")
    if not np.isfinite(inputs).all() or np.isinf(targets).any():
        raise DataError("inputs must be finite and targets finite or NaN: mask the rest")
