"""Event-driven: a row is written when it is read; exact for gradient descent at every step.

While nothing enters zb_i, the dense rule is a difference of prefix sums over j's own past. From
the start of a frame, h steps ago:

    q += column kappa^h      p += kappa_in psi (alpha / kappa)^h
    r += column kappa^h p + direct alpha^h

and row i, written h0 steps after that start when the sums were q0, p0, r0, catches up by

    W_ij += kappa^(1-h0) ebar_ij (q - q0) + zb_i alpha^-h0 (r - r0 - p0 (q - q0))
    ebar_ij <- kappa^(h-h0) ebar_ij + zb_i alpha^-h0 kappa^(h-1) (p - p0)

With a synaptic current zb_i is a sum of two exponentials, and p, r are there for either decay.
Powers grow with h0, so frames are short, and rows that stay silent are written a few a step, all
of them within the next frame. Only neurons without adaptation have such sums.
"""

import numpy as np

from eprop_rt.kernels import compiled
from eprop_rt.kernels.schedules.rows import add_rows
from eprop_rt.kernels.schedules.structs import SUM_COLUMN, SUM_PSI, SUM_W, Event, Frames
from eprop_rt.structs import Floats, Ints, Params, Term


@compiled
def add_drive(w: Floats, p: Event, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij; writes the rows that it reads."""
    _catch_up(w, p, _choose(p, pre))
    add_rows(w, p.synapses, pre, drive)


@compiled
def _choose(p: Event, touched: Floats) -> int:
    """Put rows that are touched, and not written yet, into p.chosen; returns how many."""
    count = 0
    for i in range(touched.shape[0]):
        if touched[i] != 0 and p.frames.start[i] < p.clock[0]:
            p.chosen[count] = i
            count += 1
    return count


@compiled
def learn(w: Floats, p: Event, params: Params, term: Term) -> None:
    """One step of eligibility and gradient descent; writes a few silent rows."""
    frames, rows = p.frames, term.s.shape[0]
    now, length = p.clock[0], frames.history.shape[1]
    side, h = now // length % 2, now % length
    _catch_up(w, p, _choose(p, term.s))
    _begin_rows(frames, now, term)
    _remember(frames, side, h)
    _add_to_sums(frames, params, side, h, term)
    _add_to_sums(frames, params, 1 - side, h + length, term)
    p.clock[0] = now + 1
    count = 0
    for i in range(rows * h // length, rows * (h + 1) // length):
        if frames.start[i] < now - h:
            p.chosen[count] = i
            count += 1
    _catch_up(w, p, count)


@compiled
def _begin_rows(frames: Frames, now: int, term: Term) -> None:
    """Keep the presynaptic traces of the rows that are written up to step `now`."""
    zb, zs, mix, trace = term.zb, term.zs, frames.mix, frames.trace
    for i in range(frames.start.shape[0]):
        if frames.start[i] == now:
            for g in range(zb.shape[0]):
                trace[0, g, i] = zb[g, i]
                if trace.shape[0] > 1:
                    trace[0, g, i] += mix[0, g] * zs[i]
                    trace[1, g, i] = mix[1, g] * zs[i]


@compiled
def _remember(frames: Frames, side: int, h: int) -> None:
    """history[side, h] = now[side]; a frame begins with sums of zero."""
    sums, history, ratio = frames.now, frames.history, frames.ratio
    if h == 0:
        sums[side, :, :] = 0
        ratio[side, :, :] = 1
    for kind in range(sums.shape[1]):
        for j in range(sums.shape[2]):
            history[side, h, kind, j] = sums[side, kind, j]


@compiled
def _add_to_sums(frames: Frames, params: Params, side: int, h: int, term: Term) -> None:
    """Add the step that is h steps after the start of a frame."""
    sums, ratio, kin, kappa = frames.now, frames.ratio, float(params.kappa_e_in), frames.kappa
    psi, column, direct, f, power = term.psi, term.column, term.direct, np.uint64(side), kappa**h
    for j in range(psi.shape[0]):
        sums[f, SUM_COLUMN, j] += power * column[j]
    for d in range(ratio.shape[1]):
        of_psi, of_w = np.uint64(SUM_PSI + 2 * d), np.uint64(SUM_W + 2 * d)
        for j in range(psi.shape[0]):
            sums[f, of_psi, j] += kin * psi[j] * ratio[f, d, j]
        for j in range(psi.shape[0]):
            sums[f, of_w, j] += power * column[j] * sums[f, of_psi, j]
        for j in range(direct.shape[0]):
            sums[f, of_w, j] += power * direct[j] * ratio[f, d, j]
    for j in range(psi.shape[0]):
        ratio[f, 0, j] *= params.alpha[j] / kappa
    if ratio.shape[1] > 1:
        for j in range(psi.shape[0]):
            ratio[f, 1, j] *= params.alpha_s / kappa


@compiled
def _catch_up(w: Floats, p: Event, count: int) -> None:
    """Write the rows p.chosen[:count] as they are after all steps learned."""
    frames, ebar, tiny = p.frames, p.traces.ebar, float(p.traces.tiny)
    first, target, inputs = p.synapses.first, p.synapses.target, p.synapses.inputs
    now, start, change, kappa = p.clock[0], frames.start, frames.change, frames.kappa
    length, n, full = frames.history.shape[1], change.shape[1], len(target) == 0
    for c in range(count):
        i = p.chosen[c]
        late, age, base = start[i] % length, now - start[i], np.uint64(first[i, 0])
        if full:
            _differences(frames, start[i] // length % 2, late)
        else:
            low, high = first[i, 0], first[i, -1]
            _own_differences(frames, start[i] // length % 2, late, target, low, high)
        on, keep, on_ebar = kappa ** (1 - late), kappa**age, kappa ** (age + late - 1)
        for g in range(frames.decay.shape[1]):
            low, high = np.uint64(first[i, g]), np.uint64(first[i, g + 1])
            z = frames.trace[0, g, i] * frames.decay[0, g] ** -late
            for k in range(low, high):
                w[k] += z * change[SUM_W, k - base] + on * change[SUM_COLUMN, k - base] * ebar[k]
            for k in range(low, high):
                new = keep * ebar[k] + z * on_ebar * change[SUM_PSI, k - base]
                ebar[k] = new if abs(new) > tiny else 0.0
            if frames.decay.shape[0] > 1 and abs(frames.trace[1, g, i]) > tiny:
                z = frames.trace[1, g, i] * frames.decay[1, g] ** -late
                for k in range(low, high):
                    w[k] += z * change[SUM_W + 2, k - base]
                for k in range(low, high):
                    ebar[k] += z * on_ebar * change[SUM_PSI + 2, k - base]
        start[i] = now
        if full and inputs <= i < inputs + n:
            w[first[i, 0] + i - inputs] = 0


@compiled
def _differences(frames: Frames, side: int, late: int) -> None:
    """What was added to the sums of a frame since its step `late`; r less p0 (q - q0)."""
    now, past, change = frames.now, frames.history, frames.change
    f, h = np.uint64(side), np.uint64(late)
    for j in range(change.shape[1]):
        change[SUM_COLUMN, j] = now[f, SUM_COLUMN, j] - past[f, h, SUM_COLUMN, j]
    for d in range(frames.decay.shape[0]):
        of_psi, of_w = np.uint64(SUM_PSI + 2 * d), np.uint64(SUM_W + 2 * d)
        for j in range(change.shape[1]):
            change[of_psi, j] = now[f, of_psi, j] - past[f, h, of_psi, j]
        for j in range(change.shape[1]):
            change[of_w, j] = (now[f, of_w, j] - past[f, h, of_w, j]) - past[
                f, h, of_psi, j
            ] * change[SUM_COLUMN, j]


@compiled
def _own_differences(
    frames: Frames, side: int, late: int, target: Ints, low: int, high: int
) -> None:
    """The same for the neurons that synapses low .. high end on."""
    now, past, change = frames.now, frames.history, frames.change
    f, h = np.uint64(side), np.uint64(late)
    for k in range(high - low):
        j = np.uint64(target[low + k])
        change[SUM_COLUMN, k] = now[f, SUM_COLUMN, j] - past[f, h, SUM_COLUMN, j]
        for d in range(frames.decay.shape[0]):
            of_psi, of_w = np.uint64(SUM_PSI + 2 * d), np.uint64(SUM_W + 2 * d)
            change[of_psi, k] = now[f, of_psi, j] - past[f, h, of_psi, j]
            change[of_w, k] = (now[f, of_w, j] - past[f, h, of_w, j]) - past[
                f, h, of_psi, j
            ] * change[SUM_COLUMN, k]


@compiled
def sync(w: Floats, p: Event, params: Params) -> None:
    """Write every row."""
    count = 0
    for i in range(p.chosen.shape[0]):
        if p.frames.start[i] < p.clock[0]:
            p.chosen[count] = i
            count += 1
    _catch_up(w, p, count)
