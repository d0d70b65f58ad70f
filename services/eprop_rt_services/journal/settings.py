"""Settings of the journal and of what is kept beside it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from eprop_rt.config import Positive, Settings


class JournalSettings(Settings):
    """Where a session is written down, and how old what is not written yet may be."""

    folder: Path | None = Field(
        None, description="of segments and checkpoints, made where it is not there; none: nowhere"
    )
    flush_s: Positive = Field(0.2, description="what a kill of the daemon may lose")
    sync_s: Positive = Field(1.0, description="what a power cut may lose")
    segment_mb: Positive = Field(1024.0, description="a longer file is followed by another")
    backlog_mb: Positive = Field(64.0, description="kept in memory while the disk is full")


class CheckpointSettings(Settings):
    """Where and how often the daemon keeps what it has learned."""

    file: Path | None = Field(
        None,
        description="written when `eprop-rt ctl checkpoint` says so and when the daemon ends; "
        "none: nowhere, but for the folder of the journal",
    )
    every_s: Positive = Field(60.0, description="between two in the folder of the journal")
    keep: Annotated[int, Field(ge=2)] = Field(
        3, description="newest ones in that folder, beside those that a segment begins with"
    )
