"""The part of MNE that this project uses; its own types reach for what is not installed."""

import numpy as np
from mne import io as io
from mne.io import BaseRaw
from numpy.typing import NDArray

def find_events(
    raw: BaseRaw,
    stim_channel: str | None = None,
    *,
    shortest_event: int = 2,
    verbose: str | None = None,
) -> NDArray[np.int64]: ...
