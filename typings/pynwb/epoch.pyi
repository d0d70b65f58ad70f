from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class VectorData:
    # On reading a dataset of h5py, which numpy takes as an array.
    data: NDArray[np.generic]
    target: VectorData  # of a column of lists only

class DynamicTable:
    id: VectorData
    colnames: Sequence[str]
    def __len__(self) -> int: ...
    def __getitem__(self, column: str) -> VectorData: ...

class TimeIntervals(DynamicTable): ...
