"""The daemon: live streams in, commands out, orders obeyed between two bins."""

import gc
import hashlib
import logging
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Literal

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import StreamInfo
from eprop_rt.warmup import warm_up
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.control import ControlReply, ControlRequest, Status
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.decoders import decoder_for, settled
from eprop_rt_services.keeper import CheckpointKeeper
from eprop_rt_services.latency import LatencyLog
from eprop_rt_services.loop import run
from eprop_rt_services.lsl_link import LslSource, local_clock
from eprop_rt_services.zmq_link import CommandPublisher, ControlServer, ReplyAddress

log = logging.getLogger("eprop_rt")

LSL_CLOCK = "lsl_local_clock"


class Daemon:
    """Decodes one signal stream until it is told to stop.

    Sockets open and kernels compile in `serve`, before the streams are looked for: what is
    decoded is never older than the first sample after that.
    """

    def __init__(self, config: Config, start: Checkpoint | None = None) -> None:
        """Raises RestoreError where `start` was made with other settings."""
        if start is not None:
            decoder = start.fitting(config.decoder, config.bins)
            config = config.model_copy(update={"decoder": decoder})
        self._config, self._start = config, start
        self._source = LslSource(
            signal=config.lsl.signal,
            labels=config.lsl.labels,
            resolve_timeout_s=config.lsl.wait_s,
            max_buffer_s=config.lsl.max_buffer_s,
            max_clock_error_s=config.lsl.max_clock_error_s,
        )
        self._model_id = hashlib.sha256(config.decoder.model_dump_json().encode()).hexdigest()[:12]
        self._host = socket.gethostname()
        self._keeper = CheckpointKeeper(config.checkpoint.file)
        self._kept: list[tuple[ReplyAddress, ControlRequest, Future[None]]] = []  # being written
        self._latency = LatencyLog()
        self._missed = 0
        self._started_s = time.monotonic()
        self._state: Literal["starting", "running", "stopping"] = "starting"

    def serve(self) -> None:
        """Run until stopped; raises StreamError where the streams never come or are others.

        What was learned is kept however it ends. Raises ConfigError where that cannot be written.
        """
        publish, control = self._config.publish, self._config.control
        with (
            CommandPublisher(publish.endpoint, publish.topic) as self._publisher,
            ControlServer(control.endpoint) as self._control,
            self._source,
            self._keeper,
        ):
            warm_up(self._config.bins, self._config.decoder)
            log.info("kernels ready, looking for %s", self._config.lsl.signal.predicate())
            self._pipeline = self._connect()
            self._source.drop_backlog()
            gc.collect()
            gc.freeze()
            self._state = "running"
            log.info(
                "ready: commands on %s, control on %s",
                self._publisher.endpoint,
                self._control.endpoint,
            )
            with obeying_signals(self._stop):
                try:
                    run(self._source, self._pipeline, self._send, self._told_to_stop)
                finally:
                    self._keep_the_last()
            log.info("stopped after %d bins, %d late", self._publisher.published, self._missed)

    def _connect(self) -> Pipeline:
        signal_info, label_info = self._source.open()
        outputs = self._outputs(label_info)
        settings, bins = self._config.decoder, self._config.bins
        shape = signal_info.channels, outputs
        self._settled, said = settled(settings, *shape, bins.bin_s)
        self._shape = shape
        decoder, _ = decoder_for(self._settled, *shape, bins.bin_s, self._start)
        decoder.reset()  # whatever was decoded last was another session's
        for line in said:
            log.info(line)
        log.info(
            "%s: %d channels at %g Hz; labels: %s",
            signal_info.name,
            signal_info.channels,
            signal_info.sample_rate_hz,
            label_info.name if label_info else "none",
        )
        return Pipeline(bins, signal_info, label_info, decoder, outputs, self._config.guard)

    def _outputs(self, labels: StreamInfo | None) -> int:
        named = len(self._config.publish.names)
        if labels is not None and labels.channels != named:
            raise StreamError(
                f"the label stream {labels.name} has {labels.channels} channels, publish.names "
                f"names {named}: name one output a label channel"
            )
        return named

    def _send(self, output: Output) -> None:
        publish = self._config.publish
        values = output.values.astype("<f4")
        now_s = local_clock()
        header = CommandHeader(
            version=1,
            sequence=self._publisher.published,
            stamps=Stamps(
                origin_s=output.origin_s,
                bin_end_s=output.bin_end_s,
                published_s=now_s,
                clock=LSL_CLOCK,
            ),
            deadline_s=output.bin_end_s + publish.deadline_s,
            host=self._host,
            model_id=self._model_id,
            update_id=self._pipeline.updates,
            learning=self._learning,
            dtype="<f4",
            shape=values.shape,
            names=publish.names,
            units=publish.units,
        )
        self._publisher.publish(Command(header, values))
        self._latency.add(now_s - output.origin_s)
        self._missed += now_s > header.deadline_s

    @property
    def _learning(self) -> Literal["on", "off", "frozen"]:
        if self._config.lsl.labels is None:
            return "off"
        return "on" if self._pipeline.learning else "frozen"

    def _told_to_stop(self) -> bool:
        self._publisher.greet()
        for address, request in self._control.poll():
            if request.verb == "checkpoint":
                self._keep(address, request)
            else:
                self._control.reply(address, self._obey(request))
        self._answer_kept()
        return self._state == "stopping"

    def _keep(self, address: ReplyAddress, request: ControlRequest) -> None:
        """Write beside the loop what has been learned up to the bin before the one in hand."""
        try:
            self._kept.append((address, request, self._keeper.begin(self._checkpoint)))
        except ConfigError as error:
            self._control.reply(address, refusal(request, error))

    def _answer_kept(self) -> None:
        """Answer those who asked for what is on the disk by now."""
        for asked in [one for one in self._kept if one[2].done()]:
            self._kept.remove(asked)
            address, request, written = asked
            error = written.exception()
            reply = self._done(request) if error is None else refusal(request, error)
            self._control.reply(address, reply)

    def _checkpoint(self) -> Checkpoint:
        arrays = self._pipeline.decoder.snapshot()
        return Checkpoint(self._settled, self._config.bins, *self._shape, arrays)

    def _keep_the_last(self) -> None:
        path = self._keeper.finish(self._checkpoint)
        self._answer_kept()
        if path is not None:
            log.info("wrote what was learned to %s", path)

    def _obey(self, request: ControlRequest) -> ControlReply:
        match request.verb:
            case "stop":
                self._stop()
            case "freeze":
                self._pipeline.freeze()
            case "thaw":
                self._pipeline.thaw()
            case "status" | "checkpoint":
                pass
        return self._done(request)

    def _done(self, request: ControlRequest) -> ControlReply:
        return ControlReply(
            version=1, request_id=request.request_id, ok=True, status=self._status()
        )

    def _stop(self) -> None:
        self._state = "stopping"

    def _status(self) -> Status:
        events: Counter[str] = self._pipeline.events + self._source.events + self._control.events
        events += self._keeper.events
        return Status(
            state=self._state,
            learning=self._learning,
            bins=self._publisher.published,
            missed_bins=self._missed,
            published=self._publisher.published,
            events=dict(events),
            latency_ms=self._latency.summary_ms(),
            decoder=self._config.decoder.kind,
            model_id=self._model_id,
            uptime_s=time.monotonic() - self._started_s,
        )


def refusal(request: ControlRequest, error: BaseException) -> ControlReply:
    """Why an order was not carried out."""
    return ControlReply(version=1, request_id=request.request_id, ok=False, error=str(error)[:1000])


@contextmanager
def obeying_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the loop after the bin in hand, inside this block."""
    names = signal.SIGTERM, signal.SIGINT
    before = [signal.signal(name, lambda *_: stop()) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)
