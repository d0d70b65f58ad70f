"""The order of one step, written down once."""

from eprop_rt.kernels import compiled
from eprop_rt.kernels.neuron import advance
from eprop_rt.kernels.readout import read_out, shift_features
from eprop_rt.kernels.synapse import add_drive, decay_to_presynaptic
from eprop_rt.structs import Floats, Params, State, Weights


@compiled
def forward(params: Params, weights: Weights, state: State, x: Floats) -> None:
    """One bin through the network: reads x (K,), writes every array of `state`.

    1. s = inputs of this step, spikes of the step before, 1
    2. presynaptic traces    3. drive    4. neurons    5. readout features    6. output
    """
    k, n = x.shape[0], state.z.shape[0]
    pre = state.pre
    for i in range(k):
        pre[i] = x[i]
    for j in range(n):
        pre[k + j] = state.z[j]
    pre[k + n] = 1
    decay_to_presynaptic(params, pre, state.zb)
    state.drive[:] = 0
    add_drive(weights.w, pre, state.drive)
    advance(params, state.drive, state.v, state.a, state.z, state.psi, state.wait)
    shift_features(params, state.z, x, state.features)
    read_out(weights.w_out, state.features, state.y)
