"""What a checkpoint knows, decoding step by step and learning nothing."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.decoder import Decoder, build_decoder
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.series import F32, F64
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint
from eprop_rt_services.config import load_config

WHOLE = 1e-6  # a share of a bin


def read_trained(checkpoint: Path, config: str | None) -> Checkpoint:
    """The checkpoint, which must fit the configuration where one is given.

    Raises CheckpointError, ConfigError or RestoreError in one line.
    """
    found = read_checkpoint(checkpoint)
    if config is not None:
        settings = load_config(config)
        found.fitting(settings.decoder, settings.inputs)
    if isinstance(found.bins, InputSettings):
        raise ConfigError(
            f"{checkpoint} decodes conditioned signals, a benchmark gives bins: train without "
            "conditioning"
        )
    return found


def steps_a_bin(checkpoint: Checkpoint, step_s: float) -> int:
    """How many steps of a benchmark make one bin; ConfigError where that is no whole number."""
    steps = checkpoint.bins.bin_s / step_s
    if round(steps) < 1 or abs(steps - round(steps)) > WHOLE * steps:
        raise ConfigError(
            f"the checkpoint decodes bins of {checkpoint.bins.bin_s:g} s, the benchmark's steps "
            f"have {step_s:g} s: train with a multiple of that as bins.bin_s"
        )
    return round(steps)


class Trained:
    """One decoder at rest; steps of a benchmark add up to its bins, as bins.reduce says."""

    def __init__(self, checkpoint: Checkpoint, steps: int) -> None:
        self._checkpoint, self._steps = checkpoint, steps
        self._total: F64 = np.zeros(checkpoint.inputs)
        self.restart()

    def restart(self) -> None:
        """Begin with what the checkpoint knows, at rest; say zero until the first bin is full."""
        kept = self._checkpoint
        self.decoder: Decoder = build_decoder(
            kept.decoder, kept.inputs, kept.outputs, kept.bins.bin_s
        )
        self.decoder.restore(kept.arrays)
        self.rest()

    def rest(self) -> None:
        """Forget the recent past, as after a gap."""
        self.decoder.reset()
        self._total[:] = 0
        self._seen = 0
        self._said: F64 = np.zeros(self._checkpoint.outputs)

    def step(self, values: NDArray[np.floating]) -> F64:
        """What one more step (inputs,) means (outputs,): that of the newest full bin."""
        if values.shape != self._total.shape:
            raise DataError(
                f"{values.shape} values came, the checkpoint was made for "
                f"{self._total.shape[0]} channels"
            )
        rms = self._checkpoint.bins.reduce == "rms"
        seen = np.nan_to_num(np.asarray(values, np.float64))
        self._total += seen**2 if rms else seen
        self._seen += 1
        if self._seen == self._steps:
            self._said = self.decoder.predict_one(self._bin())
            self._total[:] = 0
            self._seen = 0
        return self._said.copy()

    def _bin(self) -> F32:
        total = self._total
        if self._checkpoint.bins.reduce != "sum":
            total = total / self._steps
        if self._checkpoint.bins.reduce == "rms":
            total = np.sqrt(total)
        return total.astype(np.float32)
