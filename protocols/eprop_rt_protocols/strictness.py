"""How strictly a message is read, and which version of it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

VERSION: Literal[2] = 2

# Nothing is guessed: no unknown field, no "1" for 1, no NaN where a stamp belongs.
STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=255)]
