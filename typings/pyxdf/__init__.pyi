"""The part of pyxdf (which has no types of its own) that this project uses."""

from pathlib import Path
from typing import IO, Any

def load_xdf(
    filename: str | Path | IO[bytes],
    select_streams: int | list[int] | list[dict[str, str]] | None = None,
    *,
    synchronize_clocks: bool = True,
    dejitter_timestamps: bool = True,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]: ...
def resolve_streams(fname: str | Path) -> list[dict[str, Any]]: ...
