from typing import Literal

from numpy import float64
from numpy.typing import NDArray

Array = NDArray[float64]

def butter(
    order: int,
    edges: float | tuple[float, ...],
    shape: str,
    *,
    fs: float,
    output: Literal["sos"],
) -> Array: ...
def iirnotch(frequency: float, quality: float, *, fs: float) -> tuple[Array, Array]: ...
def tf2sos(b: Array, a: Array) -> Array: ...
def sosfilt_zi(sos: Array) -> Array: ...
