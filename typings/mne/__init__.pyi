"""The part of MNE that this project uses; its own types reach for what is not installed."""

import numpy as np
from mne import io as io
from mne.io import BaseRaw
from numpy.typing import NDArray

class Annotations:
    onset: NDArray[np.float64]
    description: NDArray[np.str_]

def find_events(
    raw: BaseRaw, *, shortest_event: int = 2, verbose: str | None = None
) -> NDArray[np.int64]: ...
