"""What a checkpoint knows, decoding step by step and learning nothing."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.decoder import Decoder, build_decoder
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.intake import Intake
from eprop_rt.series import F64, Chunk, StreamInfo
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
    """One decoder at rest; steps of a benchmark go into its bins as samples do anywhere else."""

    def __init__(self, checkpoint: Checkpoint, steps: int) -> None:
        self._checkpoint = checkpoint
        self._step_s = checkpoint.bins.bin_s / steps
        self._info = StreamInfo("steps", checkpoint.inputs, 1.0 / self._step_s)
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
        self._intake = Intake(self._checkpoint.bins, (self._info,))
        self._seen = 0
        self._said: F64 = np.zeros(self._checkpoint.outputs)

    def step(self, values: NDArray[np.floating]) -> F64:
        """What one more step (inputs,) means (outputs,): that of the newest full bin."""
        if values.shape != (self._info.channels,):
            raise DataError(
                f"{values.shape} values came, the checkpoint was made for "
                f"{self._info.channels} channels"
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and left out
            sample = np.asarray(values, np.float32)[None]
        stamps = np.array([self._seen * self._step_s])
        self._seen += 1
        for full in self._intake.push(Chunk(stamps, sample)):
            self._said = self.decoder.predict_one(full.values)
        return self._said.copy()
