from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

class BaseRaw:
    info: Mapping[str, Any]
    n_times: int
    ch_names: list[str]
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def get_channel_types(self) -> list[str]: ...
    def get_data(
        self, picks: Sequence[int], start: int, stop: int, *, verbose: str | None = None
    ) -> NDArray[np.float64]: ...

def read_raw_edf(
    input_fname: Path,
    *,
    preload: bool = False,
    infer_types: bool = False,
    include: Sequence[str] | None = None,
    exclude_after_unique: bool = False,
    verbose: str | None = None,
) -> BaseRaw: ...
def read_raw_bdf(
    input_fname: Path,
    *,
    preload: bool = False,
    infer_types: bool = False,
    include: Sequence[str] | None = None,
    exclude_after_unique: bool = False,
    verbose: str | None = None,
) -> BaseRaw: ...
