"""Commands on their way out: the header, the sockets, and the LSL outlets beside them."""

import hashlib
import socket
from collections import Counter
from contextlib import ExitStack
from typing import Final, Self

import numpy as np

from eprop_rt.pipeline import Output
from eprop_rt.series import StreamInfo
from eprop_rt_protocols.command import CommandHeader, Learning, Stamps
from eprop_rt_protocols.encoder import CommandEncoder, Moment
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.config import Config
from eprop_rt_services.lsl_link import LslOutlet, local_clock, marker_outlet
from eprop_rt_services.security import server_keys
from eprop_rt_services.zmq_link import CommandPublisher

LSL_CLOCK = "lsl_local_clock"
WIRE: Final = np.dtype("<f4")


class Publishing:
    """Publishes what was decoded. `missed` counts commands that came after their deadline."""

    def __init__(self, config: Config) -> None:
        """Raises as CommandPublisher does."""
        self._settings = settings = config.publish
        decoder = config.decoder.model_dump_json().encode()
        self.model_id = hashlib.sha256(decoder).hexdigest()[:12]
        self.host = socket.gethostname()
        self.missed = 0
        self.encoder = CommandEncoder(settings.topic, self._first_header())
        with ExitStack() as undo:
            self._publisher = undo.enter_context(
                CommandPublisher(
                    settings.endpoint,
                    settings.topic,
                    settings.visual_endpoint,
                    server_keys(config.security),
                )
            )
            self._outlet: LslOutlet | None = None
            self._happenings: LslOutlet | None = None
            if settings.lsl_source_id is not None:
                rate_hz = 1 / config.bins.bin_s if settings.lsl_regular else 0.0
                self._announce(settings.lsl_source_id, rate_hz, undo)
            self._closing = undo.pop_all()

    def _announce(self, source_id: str, rate_hz: float, undo: ExitStack) -> None:
        settings = self._settings
        name = settings.lsl_name or settings.topic
        info = StreamInfo(name, len(settings.names), rate_hz, settings.names, settings.units)
        self._outlet = undo.enter_context(LslOutlet(info, settings.lsl_type, source_id))
        self._happenings = undo.enter_context(
            marker_outlet(f"{settings.topic} events", f"{source_id}-events")
        )

    @property
    def endpoint(self) -> str:
        """Where commands are published."""
        return self._publisher.endpoint

    @property
    def visual_endpoint(self) -> str | None:
        """Where views are published, and commands for who only shows them."""
        return self._publisher.visual_endpoint

    @property
    def events(self) -> Counter[str]:
        """What the sockets refused so far."""
        return self._publisher.events

    @property
    def published(self) -> int:
        """How many commands went out."""
        return self._publisher.published

    def send(self, output: Output, learning: Learning, updates: int) -> float:
        """Publish one command; returns when that was, on the clock of the stamps."""
        now_s, deadline_s = local_clock(), output.bin_end_s + self._settings.deadline_s
        moment = Moment(
            sequence=self._publisher.published,
            origin_s=output.origin_s,
            bin_end_s=output.bin_end_s,
            published_s=now_s,
            deadline_s=deadline_s,
            update_id=updates,
            learning=learning,
            output=output.state,
        )
        self._publisher.send(self.encoder.encode(moment, output.values.astype(WIRE)))
        self.missed += now_s > deadline_s
        return now_s

    def _first_header(self) -> CommandHeader:
        settings = self._settings
        return CommandHeader(
            version=VERSION,
            sequence=0,
            stamps=Stamps(origin_s=0.0, bin_end_s=0.0, published_s=0.0, clock=LSL_CLOCK),
            deadline_s=0.0,
            host=self.host,
            model_id=self.model_id,
            update_id=0,
            learning="off",
            output="decoded",
            dtype=WIRE.str,
            shape=(len(settings.names),),
            names=settings.names,
            units=settings.units,
        )

    def send_beside(self, output: Output) -> None:
        """The same over LSL, for who records; the command is out already."""
        if self._outlet is not None:
            stamp = np.array([output.bin_end_s])
            self._outlet.push(stamp, output.values[None].astype(np.float32))

    def tell(self, text: str) -> None:
        """Something that happened, over LSL."""
        if self._happenings is not None:
            self._happenings.mark(local_clock(), text)

    @property
    def viewed(self) -> bool:
        """Whether somebody wants to see views."""
        return self._publisher.viewed

    def show(self, frames: list[bytes]) -> None:
        """A view, for those who look."""
        self._publisher.show(frames)

    def greet(self) -> None:
        """Send the last command to whoever has joined since; call it between commands."""
        self._publisher.greet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
