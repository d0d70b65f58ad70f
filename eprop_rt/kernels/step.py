"""The order of one step, written down once."""

from typing import Any

from eprop_rt.kernels import compiled
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.online import learn, remember
from eprop_rt.kernels.readout import add_rank_one, carry_output, read_out, shift_features
from eprop_rt.kernels.schedules.dispatch import add_drive
from eprop_rt.structs import Floats, Live, Params, Scalar, State, Weights


@compiled
def forward(
    params: Params, weights: Weights, passes: Any, scale: Floats, state: State, x: Floats
) -> None:
    """One bin through the network: reads x (K,), writes every array of `state`.

    1. s = inputs of this step, spikes of the step before, 1
    2. drive    3. neurons    4. readout features    5. output

    `passes` is the state of the synapse pass, which may hold weights that are not written yet;
    what it stores is the weights divided by scale (1,).
    """
    k, n = x.shape[0], state.z.shape[0]
    pre, drive = state.pre, state.drive
    for i in range(k):
        pre[i] = x[i]
    for j in range(n):
        pre[k + j] = state.z[j]
    pre[k + n] = 1
    drive[:] = 0
    add_drive(weights.w, passes, pre, drive)
    if scale[0] != 1:
        for j in range(n):
            drive[j] *= scale[0]
    advance(params, state.membrane, drive, state.z, state.psi, state.steps[0] * n)
    state.steps[0] += 1
    shift_features(params, state.z, x, state.features)
    if params.carries:
        carry_output(params, weights.w_out, state)
    else:
        read_out(weights.w_out, state.features, state.y)


@compiled
def decode_and_learn(live: Live, x: Floats, target: Floats, readout_rate: Scalar) -> None:
    """A whole bin at once, squared error and delta rule: forward, error, e-prop, readout.

    For loops that stay in compiled code; the target (M,) is that of this very bin, not NaN.
    """
    params, weights, state, error = live.params, live.weights, live.state, live.traces.error
    forward(params, weights, live.passes, live.traces.scale, state, x)
    remember(live.history, state)
    for k in range(target.shape[0]):
        error[k] = state.y[k] - target[k]
    feedback = weights.w_out[: state.z.shape[0]]
    learn(params, weights.w, live.passes, live.rule, live.traces, live.history, feedback, error)
    add_rank_one(weights.w_out, state.features, error, -readout_rate)
