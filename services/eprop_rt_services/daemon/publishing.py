"""Commands on their way out: the header, the sockets."""

import hashlib
import socket
from typing import Self

from eprop_rt.config import DecoderSettings
from eprop_rt.pipeline import Output
from eprop_rt_protocols.command import Command, CommandHeader, Learning, Stamps
from eprop_rt_services.config import PublishSettings
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandPublisher, ServerKeys

LSL_CLOCK = "lsl_local_clock"


class Publishing:
    """Publishes what was decoded. `missed` counts commands that came after their deadline."""

    def __init__(
        self, settings: PublishSettings, decoder: DecoderSettings, keys: ServerKeys | None
    ) -> None:
        self._settings = settings
        self.model_id = hashlib.sha256(decoder.model_dump_json().encode()).hexdigest()[:12]
        self.host = socket.gethostname()
        self._publisher = CommandPublisher(
            settings.endpoint, settings.topic, settings.visual_endpoint, keys
        )
        self.missed = 0

    @property
    def endpoint(self) -> str:
        """Where commands are published."""
        return self._publisher.endpoint

    @property
    def published(self) -> int:
        """How many commands went out."""
        return self._publisher.published

    def send(self, output: Output, learning: Learning, updates: int) -> float:
        """Publish one command; returns when that was, on the clock of the stamps."""
        settings = self._settings
        values = output.values.astype("<f4")
        now_s = local_clock()
        header = CommandHeader(
            version=2,
            sequence=self._publisher.published,
            stamps=Stamps(
                origin_s=output.origin_s,
                bin_end_s=output.bin_end_s,
                published_s=now_s,
                clock=LSL_CLOCK,
            ),
            deadline_s=output.bin_end_s + settings.deadline_s,
            host=self.host,
            model_id=self.model_id,
            update_id=updates,
            learning=learning,
            output="decoded",
            dtype="<f4",
            shape=values.shape,
            names=settings.names,
            units=settings.units,
        )
        self._publisher.publish(Command(header, values))
        self.missed += now_s > header.deadline_s
        return now_s

    def greet(self) -> None:
        """Send the last command to whoever has joined since; call it between commands."""
        self._publisher.greet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
