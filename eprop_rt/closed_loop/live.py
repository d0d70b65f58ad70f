"""A closed loop whose halves are apart: a screen here, a person there, and a wire between them."""

from typing import Any, Self

from pydantic import Field, model_validator

from eprop_rt.closed_loop.forms import CountsForm
from eprop_rt.closed_loop.room import RoomSettings
from eprop_rt.config import NonNegative, Positive, Settings
from eprop_rt.errors import ConfigError

AXES = 2  # of a screen
KINDS = {"population": "cosine", "user": "late"}  # where none is given


class DirectLabelSettings(Settings):
    """What is taken to be intended: straight to the target, once people have reacted to it."""

    speed_cm_s: Positive = 20.0
    slows_cm: Positive = Field(5.0, description="nearer by, labels slow down in proportion")
    after_s: NonNegative = Field(0.25, description="none until so long after a target came on")


class LiveSettings(RoomSettings):
    """A room that can be put on a wire, and the labels that its screen gives."""

    labels: DirectLabelSettings = DirectLabelSettings()

    @model_validator(mode="before")
    @classmethod
    def _of_the_usual_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        usual = {
            name: {"kind": kind, **given[name]}
            for name, kind in KINDS.items()
            if isinstance(given.get(name), dict)
        }
        return {**given, **usual}

    @model_validator(mode="after")
    def _fits_the_wire(self) -> Self:
        if self.task.axes != AXES:
            raise ConfigError(
                f"task {self.task.kind} has axes {self.task.axes}; expected {AXES}, as a screen "
                "has: take another task, or run it with `eprop-rt closedloop`"
            )
        if self.cursor.adds:
            raise ConfigError(
                "cursor.adds is true; expected false, as commands over the wire are velocities "
                "that end at their deadline: set it to false"
            )
        if not isinstance(self.form, CountsForm):
            raise ConfigError(
                f"form {self.form.kind} came; expected counts, which is what goes over the wire: "
                "leave it out"
            )
        return self
