"""The schedules behind one name each: what the rest of the engine calls.

A step is `add_drive`, then the neurons, then `learn`. Weights may be read after `sync` only;
whoever adds to them does so between two steps: what is pending is a sum, so w += delta commutes.

The type of the state decides, in compiled code while it compiles.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numba.extending import overload

from eprop_rt.kernels.schedules import accumulated, deferred, dense, event, outer
from eprop_rt.kernels.schedules.structs import (
    Accumulated,
    Deferred,
    Dense,
    Event,
    Outer,
    PassState,
)
from eprop_rt.structs import Floats, Ints, Params, Term

SCHEDULES: dict[type, ModuleType] = {
    Dense: dense,
    Deferred: deferred,
    Accumulated: accumulated,
    Event: event,
    Outer: outer,
}


def add_drive(w: Floats, p: PassState, pre: Floats, drive: Floats) -> None:
    """drive_j += sum_i s_i W_ij, as the weights are after all steps learned.

    w (P, N) or (S,); `deferred` and `event` write the rows that they read.
    """
    SCHEDULES[type(p)].add_drive(w.reshape(-1), p, pre, drive)


def learn(w: Floats, p: PassState, params: Params, term: Term) -> None:
    """One step: eligibility traces, then W_ij += column_j ebar_ij + direct_j zb_i.

    `accumulated` takes gradients for column and direct (L for -eta L): its optimiser has the rate.
    """
    SCHEDULES[type(p)].learn(w.reshape(-1), p, params, term)


def sync(w: Floats, p: PassState, params: Params) -> None:
    """Write everything that is pending: w and the traces are then what `dense` has."""
    SCHEDULES[type(p)].sync(w.reshape(-1), p, params)


@overload(add_drive)
def _add_drive(w: Any, p: Any, pre: Any, drive: Any) -> Callable[..., None]:
    chosen = SCHEDULES[p.instance_class].add_drive

    def body(w: Any, p: Any, pre: Any, drive: Any) -> None:
        chosen(w.reshape(-1), p, pre, drive)

    return body


@overload(learn)
def _learn(w: Any, p: Any, params: Any, term: Any) -> Callable[..., None]:
    chosen = SCHEDULES[p.instance_class].learn

    def body(w: Any, p: Any, params: Any, term: Any) -> None:
        chosen(w.reshape(-1), p, params, term)

    return body


@overload(sync)
def _sync(w: Any, p: Any, params: Any) -> Callable[..., None]:
    chosen = SCHEDULES[p.instance_class].sync

    def body(w: Any, p: Any, params: Any) -> None:
        chosen(w.reshape(-1), p, params)

    return body


def arrays(p: PassState) -> dict[str, Floats | Ints]:
    """Every array of a state by its path, the arrays themselves: what a snapshot keeps.

    Weights belong to it, as they are: what is pending in the one is missing in the other.
    """
    return dict(_named("", p))


def _named(path: str, value: Any) -> Iterator[tuple[str, Floats | Ints]]:
    if isinstance(value, np.ndarray):
        yield path, value
    elif hasattr(value, "_asdict"):
        for name, part in value._asdict().items():
            yield from _named(f"{path}.{name}" if path else name, part)


def forget(w: Floats, p: PassState, params: Params) -> None:
    """Forget the eligibility of the past, after writing what it has led to."""
    sync(w, p, params)
    if isinstance(p, Outer):
        return
    traces = p.pending.traces if isinstance(p, Deferred | Accumulated) else p.traces
    traces.ebar[:] = 0
    traces.eps_a[:] = 0
