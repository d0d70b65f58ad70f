"""Which stream is wanted from the lab network, in words that a configuration can hold."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from eprop_rt_protocols.strictness import STRICT

_IDENTIFYING = ("name", "type", "source_id")

# The text lands between quotes in an XPath query, which has no way to escape them.
_Quotable = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^'\x00-\x1f]*$")]


class StreamRequirement(BaseModel):
    """What a stream must be called to be taken, and what it must then turn out to be."""

    model_config = STRICT

    name: _Quotable | None = None
    type: _Quotable | None = None
    source_id: _Quotable | None = None
    channels: Annotated[int, Field(ge=1)] | None = None
    sample_rate_hz: Annotated[float, Field(ge=0, description="0 means irregular")] | None = None

    @model_validator(mode="after")
    def _says_which_stream(self) -> Self:
        if not self.identity():
            raise ValueError("at least one of name, type, source_id must be given")
        return self

    def identity(self) -> dict[str, str]:
        """Return the identifying fields that are given."""
        given = ((field, getattr(self, field)) for field in _IDENTIFYING)
        return {field: value for field, value in given if value is not None}

    def predicate(self) -> str:
        """Return the XPath 1.0 predicate by which Lab Streaming Layer finds the stream."""
        return " and ".join(f"{field}='{value}'" for field, value in self.identity().items())
