from collections.abc import Callable, Collection
from typing import Any, TypeVar

from numba.core.compiler import CompilerBase

F = TypeVar("F", bound=Callable[..., Any])

__version__: str

def njit(
    *,
    cache: bool = ...,
    fastmath: bool | Collection[str] = ...,
    error_model: str = ...,
    inline: str = ...,
    nogil: bool = ...,
    parallel: bool = ...,
    _nrt: bool = ...,
    pipeline_class: type[CompilerBase] = ...,
) -> Callable[[F], F]: ...
