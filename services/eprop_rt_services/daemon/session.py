"""What a session is: all that decides beside samples and orders, and what it starts with."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eprop_rt.config import DecoderSettings
from eprop_rt.errors import StreamError
from eprop_rt.intake import channels_of
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import StreamInfo
from eprop_rt.snapshot import Arrays
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.journal.events import Start
from eprop_rt_services.journal.segment import Layout
from eprop_rt_services.path import begin_path
from eprop_rt_services.version import program_version


@dataclass(frozen=True, slots=True)
class Session:
    """What is decoded into what: with the samples and orders, all that decides."""

    config: Config
    decoder: DecoderSettings
    signals: tuple[StreamInfo, ...]
    labels: StreamInfo | None
    outputs: int

    @property
    def channels(self) -> int:
        """Of all signals together, as the decoder sees them."""
        return channels_of(self.config.inputs, self.signals)

    def checkpoint(self, pipeline: Pipeline, into: Arrays | None = None) -> Checkpoint:
        """What has been learned by now, in arrays of its own or over those `into`."""
        arrays = pipeline.decoder.snapshot(into)
        return Checkpoint(self.decoder, self.config.inputs, self.channels, self.outputs, arrays)

    def begin(self, beginning: "Beginning | None") -> Pipeline:
        """Its data path; raises RestoreError where `beginning` was made for another array."""
        learned = None
        if beginning is not None:
            beginning.checkpoint.check_shape(self.channels, self.outputs)
            learned = beginning.checkpoint.arrays
        return begin_path(
            self.config, self.decoder, self.signals, self.labels, self.outputs, learned
        )

    def start(self) -> Start:
        """The head of a journal of it that begins from zero."""
        return Start(
            program=program_version(),
            host=socket.gethostname(),
            pid=os.getpid(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            config=self.config.model_dump(mode="json"),
            decoder=self.decoder.model_dump(mode="json"),
            signals=self.signals,
            labels=self.labels,
            outputs=self.outputs,
            origin="zero",
        )

    def layout(self) -> Layout:
        """The streams of a journal of it."""
        publish = self.config.publish
        return Layout(self.signals, self.labels, publish.names, publish.units, publish.topic)


def outputs_of(names: Sequence[str], labels: StreamInfo | None) -> int:
    """How many outputs have these names; raises StreamError where there are not as many labels."""
    if labels is not None and labels.channels != len(names):
        raise StreamError(
            f"the label stream {labels.name} has {labels.channels} channels, publish.names "
            f"names {len(names)}: name one output a label channel"
        )
    return len(names)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a session starts with, and the file in the journal's folder that holds it, if any."""

    checkpoint: Checkpoint
    file: Path | None = None
