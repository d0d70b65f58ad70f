"""A decoder as NeuroBench calls it (`neurobench.models.NeuroBenchModel`)."""

from pathlib import Path
from typing import Any

import numpy as np

from eprop_rt.errors import DataError, EpropError
from eprop_rt_services.adapters.trained import Trained, read_trained, steps_a_bin

STEP_S = 0.004  # of its primate reaching task


class NeuroBenchDecoder:
    """Every row of a batch is the next step of one session, batches in order and not shuffled.

    What NeuroBench counts by hooks in PyTorch layers it does not find here: footprint is counted
    (of all that decoding and learning keep), operations are those of `eprop-rt replay --columns
    neurobench`.
    """

    def __init__(self, checkpoint: Path, config: str | None = None, step_s: float = STEP_S) -> None:
        """Raises ConfigError or RestoreError where checkpoint, configuration and steps differ."""
        found = read_trained(checkpoint, config)
        self._trained = Trained(found, steps_a_bin(found, step_s))
        self.activation_hooks: list[Any] = []
        self.connection_hooks: list[Any] = []

    def __call__(self, batch: Any) -> Any:
        """Decode a tensor (steps, channels) or (steps, 1, channels) into (steps, outputs)."""
        torch = _torch()
        steps = np.asarray(batch.detach().cpu().numpy())
        if steps.ndim == 3 and steps.shape[1] == 1:
            steps = steps[:, 0]
        if steps.ndim != 2:
            raise DataError(f"a batch {steps.shape} came, expected (steps, channels)")
        said = np.array([self._trained.step(step) for step in steps], np.float32)
        return torch.from_numpy(said).to(batch.device)

    def reset(self) -> None:
        """Forget the recent past, as between two sessions."""
        self._trained.rest()

    def __net__(self) -> Any:
        """A PyTorch module that holds every array of the decoder as a buffer."""
        torch = _torch()
        net = torch.nn.Module()
        for name, array in self._trained.decoder.snapshot().items():
            net.register_buffer(name.replace(".", "_"), torch.from_numpy(np.asarray(array)))
        return net

    def activation_layers(self) -> list[Any]:
        """None that PyTorch knows."""
        return []

    def connection_layers(self) -> list[Any]:
        """None that PyTorch knows."""
        return []

    def register_hooks(self) -> None:
        """There is nothing to hook into."""

    def reset_hooks(self) -> None:
        """There are none."""

    def close_hooks(self) -> None:
        """There are none."""

    def cleanup_hooks(self) -> None:
        """There are none."""


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415  (an optional extra)
    except ImportError as error:
        raise EpropError(
            f"NeuroBench works on PyTorch's tensors, and torch does not import ({error}): "
            "pip install eprop-rt[neurobench]"
        ) from error
    return torch
