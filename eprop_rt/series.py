"""What flows through the data path: stamped samples, from a live stream or from a recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream announces before its first sample.

    A sample of a regular stream stands for the interval of length 1 / `sample_rate_hz` that
    begins at its stamp. `sample_rate_hz` 0 means irregular.
    """

    name: str
    channels: int
    sample_rate_hz: float
    channel_names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive samples of the signal: stamps (n,) in seconds, samples (n, channels)."""

    stamps: F64
    samples: F32
    stream: int = 0  # which, where the signal comes in several


@dataclass(frozen=True, slots=True)
class LabelChunk:
    """Consecutive labels: stamps (n,) in seconds, values (n, outputs); NaN where absent."""

    stamps: F64
    values: F32
