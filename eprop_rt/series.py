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
    """Consecutive samples of a signal: stamps (n,) in seconds, samples (n, channels).

    `stream` tells signals apart whose channels are joined.
    """

    stamps: F64
    samples: F32
    stream: int = 0


@dataclass(frozen=True, slots=True)
class LabelChunk:
    """Consecutive labels: stamps (n,) in seconds, values (n, outputs); NaN where absent."""

    stamps: F64
    values: F32


@dataclass(frozen=True, slots=True)
class MarkerChunk:
    """Consecutive markers, such as the states of a task: stamps (n,) in seconds, n texts."""

    stamps: F64
    texts: tuple[str, ...]


Item = Chunk | LabelChunk | MarkerChunk
