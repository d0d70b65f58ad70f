"""Where commands go and where control comes in."""

from typing import Self

from pydantic import Field, model_validator

from eprop_rt.config.quantities import Positive, Settings


class PublishSettings(Settings):
    """Where commands go."""

    endpoint: str = Field("tcp://127.0.0.1:5570", description="for effectors")
    visual_endpoint: str | None = Field(
        None, description="for readers that only show: however slow, they delay no effector"
    )
    topic: str = "decoded"
    names: tuple[str, ...] = ("x", "y")
    units: tuple[str, ...] = ("cm/s", "cm/s")
    deadline_s: Positive = Field(
        0.1, description="after the end of its bin, a command is too old to be acted on"
    )
    lsl_source_id: str | None = Field(
        None,
        description="of LSL outlets for who records: the commands, and what happens to learning; "
        "none: no outlets",
    )
    lsl_name: str | None = Field(None, description="of the commands over LSL; none: the topic")
    lsl_type: str = Field("Decoded", description="of the commands over LSL")
    lsl_regular: bool = Field(
        False, description="announce the commands over LSL with the rate of the bins, not irregular"
    )

    @model_validator(mode="after")
    def _a_unit_each(self) -> Self:
        if self.units and len(self.units) != len(self.names):
            raise ValueError(
                f"publish.units has {len(self.units)} entries, publish.names {len(self.names)}: "
                "give each output its unit, or none any"
            )
        return self


class ControlSettings(Settings):
    """Where the daemon listens to `eprop-rt ctl`."""

    endpoint: str = "tcp://127.0.0.1:5571"
