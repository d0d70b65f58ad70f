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
from typing import Any, TypeVar

from numba import njit
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
    """
    return njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True, _nrt=False, **options)(
        function
    )


def disjoint(function: F) -> F:
    """Likewise, for kernels that are never given an array twice of which they write one.

    Loops over many arrays then vectorise; else the checks at run time would be too many.
    """
    return compiled(function, pipeline_class=_Restrict)
