"""The gradient of one segment: run and judged, pulled back, and summed over its steps.

Products skip what is zero, which many inputs and nearly all spikes are. Every sum over steps goes
in their order.
"""

from typing import NamedTuple

from eprop_rt.kernels import compiled
from eprop_rt.kernels.objective import judge
from eprop_rt.kernels.rows import add_product, add_rows
from eprop_rt.kernels.segment import Segment, adjoint_segment, forward_segment
from eprop_rt.structs import Floats, Ints, Objective, Params


class Turned(NamedTuple):
    """Weights and feedback with the axes that sums run along last."""

    w: Floats  # (P, N)
    w_out: Floats  # (M, F)
    back: Floats  # (M, N) what carries errors back
    across: Floats  # (N, N) the recurrent part of w, transposed, or (0, 0)


@compiled
def add_gradient(
    params: Params,
    turned: Turned,
    s: Segment,
    objective: Objective,
    of_w: Floats,
    of_w_out: Floats,
) -> tuple[float, float, int]:
    """Run, judge and pull back a segment; adds to of_w (P, N) and, turned, of_w_out (M, F)."""
    loss, penalty, labelled = run(params, turned, s, objective)
    add_pulled_back(params, turned, s, objective, of_w, of_w_out)
    return loss, penalty, labelled


@compiled
def add_pulled_back(
    params: Params,
    turned: Turned,
    s: Segment,
    objective: Objective,
    of_w: Floats,
    of_w_out: Floats,
) -> None:
    """Pull back a segment that was run; adds to of_w (P, N) and, turned, of_w_out (M, F)."""
    pull_back(params, turned, s, objective)
    add_rows_of_w(s, of_w, s.found, 0, of_w.shape[0])
    add_readout(s, of_w_out, s.found)


@compiled
def run(
    params: Params, turned: Turned, s: Segment, objective: Objective
) -> tuple[float, float, int]:
    """Run the network over a segment from rest, and judge it.

    Reads x, target and draw; writes all that the adjoint reads. Loss, penalty, labelled.
    """
    w = turned.w
    k, n = s.x.shape[1], s.z.shape[1]
    for t in range(s.x.shape[0]):
        drive, bias = s.drive[t], w[k + n]
        for j in range(n):
            drive[j] = bias[j]
    add_product(s.x, w[:k], s.found, s.drive)
    forward_segment(params, w[k : k + n], s, objective.voltage_l2 != 0)
    _read_out(turned.w_out, s)
    return judge(objective, s)


@compiled
def _read_out(w_out: Floats, s: Segment) -> None:
    """y = features W_out, of which the transpose (M, F) is given."""
    for t in range(s.y.shape[0]):
        features = s.features[t]
        for k in range(w_out.shape[0]):
            row, total = w_out[k], features[0] * 0
            for f in range(row.shape[0]):
                total += row[f] * features[f]
            s.y[t, k] = total


@compiled
def pull_back(params: Params, turned: Turned, s: Segment, objective: Objective) -> None:
    """From s.error to s.signal = dE/d(drive); drive and membrane are scratch."""
    k, n = s.x.shape[1], s.z.shape[1]
    carry_errors(turned.back, s)
    adjoint_segment(params, turned.w[k : k + n], s, objective)


@compiled
def carry_errors(back: Floats, s: Segment) -> None:
    """signal_j(t) = sum_k B_kj error_k(t)."""
    for t in range(s.signal.shape[0]):
        s.signal[t] = 0
        add_rows(s.error[t], back, s.found, s.signal[t])


@compiled
def add_rows_of_w(s: Segment, of_w: Floats, found: Ints, start: int, stop: int) -> None:
    """Rows start .. stop of dE/dW_ij += sum_t s_i(t) dE/d(drive_j(t)).

    A neuron's s(t) is its spike of the step before. `found` (T + 1,) is scratch.
    """
    steps, k, n = s.signal.shape[0], s.x.shape[1], s.z.shape[1]
    low, high = min(start, k), min(stop, k)
    add_product(s.x.T[low:high], s.signal, found, of_w[low:high])
    low, high = max(start, k), max(min(stop, k + n), k)
    before = s.z[: steps - 1].T
    add_product(before[low - k : high - k], s.signal[1:], found, of_w[low:high])
    if stop > k + n:
        bias = of_w[k + n]
        for t in range(steps):
            for j in range(n):
                bias[j] += s.signal[t, j]


@compiled
def add_readout(s: Segment, of_w_out: Floats, found: Ints) -> None:
    """dE/dW_out_fk += sum_t features_f error_k, turned: (M, F)."""
    for k in range(of_w_out.shape[0]):
        add_rows(s.error[:, k], s.features, found, of_w_out[k])
