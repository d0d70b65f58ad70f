"""The cursor: velocity commands in, a position in the workspace out; the same for all decoders."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from eprop_rt.errors import DataError
from eprop_rt.series import F64


class CursorSettings(BaseModel):
    """Bounds and smoothing; the workspace is a square around the centre.

    `smoothing_s` is the time constant of a first-order low-pass on the command; 0 is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    half_width_cm: float = Field(default=14.0, gt=0)
    max_speed_cm_s: float = Field(default=40.0, gt=0)
    smoothing_s: float = Field(default=0.05, ge=0)


class Cursor:
    """Integrates commanded velocity within the bounds of the workspace."""

    def __init__(self, settings: CursorSettings) -> None:
        self._settings = settings
        self._position = np.zeros(2)
        self._velocity = np.zeros(2)

    @property
    def position(self) -> F64:
        """Where the cursor is, (2,) in cm from the centre; a copy."""
        return self._position.copy()

    def put(self, position: F64) -> None:
        """Set the cursor down at a position (2,), at rest."""
        self._position = np.array(position, dtype=np.float64)
        self._velocity = np.zeros(2)

    def step(self, command_cm_s: F64, dt_s: float) -> F64:
        """Move for `dt_s` under a commanded velocity (2,) and return the new position (2,).

        Raises DataError where the command is not finite.
        """
        settings = self._settings
        speed = math.hypot(command_cm_s[0], command_cm_s[1])
        if not math.isfinite(speed):
            raise DataError(
                f"the cursor was commanded to {command_cm_s} cm/s; expected finite numbers: "
                "guard the decoder's output"
            )
        bounded = command_cm_s * min(1.0, settings.max_speed_cm_s / max(speed, 1e-12))
        follows = 1.0
        if settings.smoothing_s > 0:
            follows = 1 - math.exp(-dt_s / settings.smoothing_s)
        self._velocity = self._velocity + follows * (bounded - self._velocity)
        moved = self._position + self._velocity * dt_s
        bounded_to = np.clip(moved, -settings.half_width_cm, settings.half_width_cm)
        self._velocity = (bounded_to - self._position) / dt_s  # a wall stops what runs into it
        self._position = bounded_to
        return self.position
