"""A decoder as the FALCON challenge calls it (`falcon_challenge.interface.BCIDecoder`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError
from eprop_rt.series import F64
from eprop_rt_services.adapters.trained import Trained, read_trained, steps_a_bin

STEP_S = 0.02  # FalconConfig.bin_size_ms


class FalconDecoder:
    """As many sessions side by side as `batch_size`, each with a decoder of its own.

    It learns nothing while it is evaluated: the challenge gives no labels then. `task_config` is
    kept for the evaluator, which asks nothing of it.
    """

    def __init__(
        self,
        checkpoint: Path,
        config: str | None = None,
        batch_size: int = 1,
        task_config: object = None,
        step_s: float = STEP_S,
    ) -> None:
        """Raises ConfigError or RestoreError where checkpoint, configuration and steps differ."""
        self._task_config = task_config
        self._checkpoint = read_trained(checkpoint, config)
        self._steps = steps_a_bin(self._checkpoint, step_s)
        self.set_batch_size(batch_size)

    def set_batch_size(self, batch_size: int) -> None:
        """Decode so many sessions at once, all from the beginning."""
        self.batch_size = batch_size
        self._tags: list[str] = [""] * batch_size
        self._trained = [Trained(self._checkpoint, self._steps) for _ in range(batch_size)]

    def reset(self, dataset_tags: Sequence[object] = ("",)) -> None:
        """Begin anew where the session is another one than before; DataError on a wrong count."""
        tags = [str(tag) for tag in dataset_tags]
        if len(tags) > self.batch_size:
            raise DataError(f"{len(tags)} sessions came, batch_size is {self.batch_size}")
        tags += [""] * (self.batch_size - len(tags))
        for trained, before, now in zip(self._trained, self._tags, tags, strict=True):
            if before != now or not now:
                trained.restart()
        self._tags = tags

    def predict(self, neural_observations: NDArray[np.floating]) -> F64:
        """Decode one step (sessions, channels) of counts into (sessions, outputs).

        The evaluator's last batch may be of fewer sessions than batch_size.
        """
        rows = np.asarray(neural_observations)
        if rows.ndim != 2 or not 0 < len(rows) <= self.batch_size:
            raise DataError(
                f"observations {rows.shape} came, expected ({self.batch_size}, channels), or less "
                "sessions"
            )
        return np.array([one.step(row) for one, row in zip(self._trained, rows, strict=False)])

    def observe(self, neural_observations: NDArray[np.floating]) -> None:
        """Take one step that is not scored."""
        self.predict(neural_observations)

    def on_done(self, dones: NDArray[np.bool_]) -> None:
        """A trial has ended: nothing, as the stream of a closed loop knows no trials."""
