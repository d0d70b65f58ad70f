"""Loss and penalties of a trial on PyTorch's tape, nothing derived by hand.

A spike has the value of a step (or of a draw) and the derivative of the distribution of the noise
on the threshold: no surrogate is written down here, PyTorch differentiates the distribution.
"""

import math

import numpy as np
import torch

from eprop_rt.gradient import TrialGradient
from eprop_rt.kernels.surrogate import KINDS
from gradient_oracle import K, N, T, prepared, uniform

AREA = {
    "rectangular": 2.0,
    "triangular": 1.0,
    "logistic": 4.0,
    "arctangent": math.pi,
    "fast_sigmoid": 2.0,
    "gaussian": math.sqrt(2 * math.pi),
    "exponential": 2.0,
}


BELOW = {  # the noise's probability to be below x
    "rectangular": lambda x: torch.clamp((1 + x) / 2, 0, 1),
    "triangular": lambda x: torch.where(
        x.abs() < 1, 0.5 + torch.sign(x) * (x.abs() - x * x / 2), (x > 0).double()
    ),
    "logistic": torch.sigmoid,
    "arctangent": lambda x: 0.5 + torch.atan(x) / math.pi,
    "fast_sigmoid": lambda x: 0.5 * (1 + x / (1 + x.abs())),
    "gaussian": lambda x: 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    "exponential": lambda x: 0.5 - 0.5 * torch.sign(x) * torch.expm1(-x.abs()),
}


def spike(p, u, draw):
    """0 or 1 as the network says, with the derivative of the distribution."""
    kind, (height, width) = KINDS[p.surrogate], p.shape
    chance = BELOW[kind](u / float(width))
    value = (u > 0).double()
    if p.escape:
        drawn = torch.tensor([uniform(p.seed, draw * N + j) for j in range(N)])
        value = (drawn < chance).double()
    # The density is the shape at height 1 / area: the shape wanted is that much higher.
    soft = chance * float(height * width * AREA[kind])
    return value.detach() + soft - soft.detach()


def on_tape(rule, p, weights, inputs, targets, feedback):
    """Loss, penalty, gradients and spikes of a rule with full eligibility.

    Where errors come back through another matrix or filter than the readout's, the gradient of W is
    that of sum_t L(t) zf(t) with L held fixed: what e-prop is (Bellec et al. 2020, eq. 1).
    """
    gain, padded, inputs, targets, factor = prepared(rule, p, weights, inputs, targets)
    cut = not (rule.through_recurrence or rule.through_reset)
    kappa = float(p.kappa_e if cut else p.kappa)
    rest = float(p.kappa_e_in if cut else p.kappa_in)
    own = feedback is None and kappa == float(p.kappa)
    w, w_out = (torch.tensor(a, requires_grad=True) for a in padded)
    back = w_out[:N].detach() if feedback is None else torch.tensor(feedback)
    zero = torch.zeros((), dtype=torch.float64)
    loss, held, penalty, draw, spikes = zero, zero, zero, 0, []
    alpha, rho, beta, threshold, reset, g = (
        torch.tensor(a) for a in (p.alpha, p.rho, p.beta, p.threshold, p.reset, gain)
    )
    for x, d in zip(torch.tensor(inputs), torch.tensor(targets), strict=True):
        steps = len(x)
        v, current, a, z, zf, wait, count = (torch.zeros(N, dtype=torch.float64) for _ in range(7))
        y = torch.zeros(w_out.shape[1], dtype=torch.float64)
        for t in range(steps):
            s = torch.cat([x[t], z if rule.through_recurrence else z.detach(), torch.ones(1)])
            current = float(p.alpha_s) * current + g * (s @ w)
            v = alpha * v + current - reset * (z if rule.through_reset else z.detach())
            a = rho * a + z
            u = (v - threshold - beta * a) / float(p.v_th)
            z = (wait == 0).double() * spike(p, u, draw)
            spikes.append(z.detach().numpy() > 0)
            wait = torch.where(z.detach() > 0, float(p.refractory), torch.clamp(wait - 1, min=0))
            zf = kappa * zf + rest * z
            y = float(p.kappa) * y + float(p.kappa_in) * (z @ w_out[:N])
            count, draw = count + z, draw + 1
            penalty = penalty + rule.voltage_l2 / 2 / steps * (v**2).sum()
            step_loss, error = judged(rule, y + w_out[N], d[t])
            loss = loss + step_loss
            held = held + (back @ error.detach()) @ zf
        rate = count / steps
        penalty = penalty + rule.rate_strength / 2 * ((rate - rule.rate_target) ** 2).sum()
        penalty = penalty + rule.spike_l1 * rate.sum()
    (of_out,) = torch.autograd.grad(loss, w_out, retain_graph=True)
    (of_w,) = torch.autograd.grad((loss if own else held) + penalty, w)
    of_w = of_w.numpy()
    if not rule.autapses:
        np.fill_diagonal(of_w[K : K + N], 0)
    return TrialGradient(
        loss.item() * factor,
        of_w[: len(weights.w)] * factor,
        of_out.numpy()[: len(weights.w_out)] * factor,
        np.reshape(spikes, (-1, T, N)),
        None,
        penalty.item() * factor,
    )


def judged(rule, y, d):
    """Loss and error of one step."""
    known = ~torch.isnan(d)
    if rule.loss == "squared":
        error = torch.where(known, y - torch.nan_to_num(d), 0.0)
        return 0.5 * (error**2).sum(), error
    if not known.all():
        return 0.0, torch.zeros_like(y)
    return -(d * torch.log_softmax(y, 0)).sum(), torch.softmax(y, 0) - d
