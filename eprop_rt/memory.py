"""The session's own past: a ring of bins and their labels, for rehearsal."""

import numpy as np

from eprop_rt.series import F32
from eprop_rt.structs import Ints


class Memory:
    """Inputs (capacity, channels) and labels (capacity, outputs) of the newest bins, unscaled."""

    def __init__(self, capacity: int, channels: int, outputs: int) -> None:
        self._inputs: F32 = np.zeros((capacity, channels), np.float32)
        self._labels: F32 = np.full((capacity, outputs), np.nan, np.float32)
        self._written: Ints = np.zeros(1, np.int64)

    def __len__(self) -> int:
        return int(min(self._written[0], len(self._inputs)))

    def append(self, inputs: F32, label: F32) -> None:
        """Keep one bin; the oldest makes room."""
        at = int(self._written[0]) % len(self._inputs)
        self._inputs[at] = inputs
        self._labels[at] = label
        self._written[0] += 1

    def relabel(self, age: int, label: F32) -> F32 | None:
        """Give the bin `age` bins before the newest its label; returns the one it had, if kept.

        On an axis where the label is absent the one before stands.
        """
        if age >= len(self):
            return None
        at = (int(self._written[0]) - 1 - age) % len(self._labels)
        before: F32 = self._labels[at].copy()
        self._labels[at] = np.where(np.isnan(label), before, label)
        return before

    def read(self, start: int, length: int) -> tuple[F32, F32]:
        """Copies of `length` consecutive bins; `start` counts from the oldest kept."""
        first = (int(self._written[0]) - len(self) + start) % len(self._inputs)
        before, after = (
            slice(first, first + length),
            slice(max(0, first + length - len(self._inputs))),
        )
        inputs = np.concatenate((self._inputs[before], self._inputs[after]))
        return inputs, np.concatenate((self._labels[before], self._labels[after]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that a snapshot keeps, by name; the arrays themselves, not copies."""
        return {"inputs": self._inputs, "labels": self._labels, "written": self._written}
