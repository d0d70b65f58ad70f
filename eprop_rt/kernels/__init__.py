"""Compiled code: plain arrays in, plain arrays written in place, paper letters, equation numbers.

Letters (Bellec et al. 2020, Nature Communications 11:3625; equation numbers are of its Methods):
i presynaptic (inputs, then neurons, then one row that is always 1: the bias), j postsynaptic,
k outputs, t steps; alpha, rho, kappa the decays of membrane, adaptation and readout filter; v
voltage, a adaptation, z spike, A threshold, psi pseudo-derivative, zb filtered presynaptic trace,
e eligibility trace, L learning signal. Weights are presynaptic-major, W[i, j], so that a spike
reads one contiguous row.

Nothing here allocates on the step, knows a unit, or imports more than numpy, numba and
`eprop_rt.structs`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, typeof
from numba.core.compiler import CompilerBase, DefaultPassBuilder

F = TypeVar("F", bound=Callable[..., Any])

# `contract` lets multiply-adds fuse, `reassoc` lets sums vectorise. Finite-math flags stay off:
# a NaN must stay visible to the guard.
FAST = {"contract", "reassoc", "nsz", "arcp"}


class _Restrict(CompilerBase):
    """Numba's own compiler, told that no two arguments overlap."""

    def define_pipelines(self) -> list[Any]:
        """The usual one, with C's `restrict` on every pointer."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def compiled(function: F, **options: Any) -> F:
    """Compile a kernel the one way this project does: cached on disk, NumPy error model.

    Without Numba's reference counts: counting the arrays of a named tuple up and down at every
    call took longer than the arithmetic. What would allocate does not compile.

    Always inlined: a kernel that stays a function of its own exists in several versions, each
    rounded in its own way, and which one is called would depend on what was compiled or loaded
    before. The first run after an installation would then give another digest than the second.
    """
    settings = {"forceinline": True, "fastmath": FAST, **options}
    return njit(cache=True, error_model="numpy", nogil=True, _nrt=False, **settings)(function)


def disjoint(function: F) -> F:
    """Likewise, for kernels that are never given an array twice of which they write one.

    Loops over many arrays then vectorise; else the checks at run time would be too many.
    """
    return compiled(function, pipeline_class=_Restrict, forceinline=False)


def in_order(function: F) -> F:
    """Likewise, for sums over samples, whose order must not depend on how many came at once."""
    return compiled(
        function, pipeline_class=_Restrict, forceinline=False, fastmath=FAST - {"reassoc"}
    )


def steady(kernel: F) -> F:
    """`kernel` for one caller whose arguments never change their types, layouts included.

    Their types are looked at by the first call alone: at every call that takes Numba longer, for
    named tuples of some fifty arrays, than most kernels do.
    """
    chosen: Callable[..., Any] | None = None

    def call(*arguments: Any) -> Any:
        nonlocal chosen
        if chosen is None:
            compiler = getattr(kernel, "compile", None)  # none with the JIT switched off
            types = tuple(typeof(argument) for argument in arguments)
            chosen = kernel if compiler is None else compiler(types)
        return chosen(*arguments)

    return cast(F, call)
