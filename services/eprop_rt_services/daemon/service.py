"""The life of the daemon: start, run until told otherwise, leave everything behind in order."""

import gc
import logging
import os
import signal
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
from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.status import (
    CheckpointStatus,
    GuardStatus,
    JournalStatus,
    LatencyMs,
    Status,
)
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.operator import Operator
from eprop_rt_services.daemon.publishing import Publishing
from eprop_rt_services.daemon.record import Beginning, Record, Session
from eprop_rt_services.daemon.recorded import RecordedPath
from eprop_rt_services.decoders import settled
from eprop_rt_services.latency import LatencyHistogram
from eprop_rt_services.loop import run
from eprop_rt_services.lsl_link import LslSource, local_clock
from eprop_rt_services.path import begin_path
from eprop_rt_services.version import program_version
from eprop_rt_services.zmq_link import ControlServer

log = logging.getLogger("eprop_rt")

MEND_S = 2.0


class Daemon:
    """Decodes live streams until it is told to stop.

    Sockets open and kernels compile in `serve`, before the streams are looked for: what is
    decoded is never older than the first sample after that.
    """

    def __init__(
        self, config: Config, start: Checkpoint | None = None, *, resume: bool = False
    ) -> None:
        """`resume`: with the newest checkpoint in the journal's folder, where there is one.

        Raises RestoreError where a checkpoint was made with other settings, ConfigError where a
        folder or file cannot be written to.
        """
        self._record = Record(config, local_clock)
        self._beginning = None if start is None else Beginning(start)
        if resume:
            self._beginning = self._record.newest_checkpoint() or self._beginning
        if self._beginning is not None:
            decoder = self._beginning.checkpoint.fitting(config.decoder, config.bins)
            config = config.model_copy(update={"decoder": decoder})
        self._config = config
        self._source = LslSource(
            signal=config.lsl.signal,
            labels=config.lsl.labels,
            resolve_timeout_s=config.lsl.wait_s,
            max_buffer_s=config.lsl.max_buffer_s,
            max_clock_error_s=config.lsl.max_clock_error_s,
        )
        self._latency = LatencyHistogram()
        self._started_s = time.monotonic()
        self._state: Literal["starting", "running", "stopping"] = "starting"
        self._events_before: Counter[str] = Counter()  # of data paths that were replaced
        self._mending: tuple[Checkpoint, Future[None]] | None = None
        self._mend_at_s = 0.0

    def serve(self) -> None:
        """Run until stopped; raises StreamError where the streams never come or are others.

        What was learned is kept however it ends. Raises ConfigError where that cannot be written.
        """
        config = self._config
        with (
            Publishing(config.publish, config.decoder) as self._publishing,
            ControlServer(config.control.endpoint) as self._control,
            self._source,
            self._record,
        ):
            warm_up(config.bins, config.decoder)
            log.info("kernels ready, looking for %s", config.lsl.signal.predicate())
            self._connect()
            self._operator = Operator(self._control, self._path.obey, self._keep, self._status)
            self._source.drop_backlog()
            gc.collect()
            gc.freeze()
            self._state = "running"
            log.info(
                "ready: commands on %s, control on %s",
                self._publishing.endpoint,
                self._control.endpoint,
            )
            with obeying_signals(self._stop):
                self._run()
            log.info(
                "stopped after %d bins, %d late",
                self._publishing.published,
                self._publishing.missed,
            )

    def _run(self) -> None:
        cause = "failed"
        try:
            run(self._source, self._path, self._send, self._told_to_stop)
            cause = "stopped"
        finally:
            for path in self._record.end(self._session, self._pipeline, cause):
                log.info("wrote what was learned to %s", path)
            self._operator.answer_kept()

    def _connect(self) -> None:
        signal_info, label_info = self._source.open()
        config, outputs = self._config, self._outputs(label_info)
        decoder, said = settled(config.decoder, signal_info.channels, outputs, config.bins.bin_s)
        for line in said:
            log.info(line)
        self._session = Session(config, decoder, (signal_info,), label_info, outputs)
        log.info(
            "%s: %d channels at %g Hz; labels: %s",
            signal_info.name,
            signal_info.channels,
            signal_info.sample_rate_hz,
            label_info.name if label_info else "none",
        )
        beginning = self._beginning
        self._path = RecordedPath(self._begin(beginning), self._record)

    def _begin(self, beginning: Beginning | None) -> Pipeline:
        session, learned = self._session, None
        if beginning is not None:
            beginning.checkpoint.check_shape(session.channels, session.outputs)
            learned = beginning.checkpoint.arrays
        self._record.begin(session, beginning)
        return begin_path(
            session.config,
            session.decoder,
            session.signals,
            session.labels,
            session.outputs,
            learned,
        )

    def _outputs(self, labels: StreamInfo | None) -> int:
        named = len(self._config.publish.names)
        if labels is not None and labels.channels != named:
            raise StreamError(
                f"the label stream {labels.name} has {labels.channels} channels, publish.names "
                f"names {named}: name one output a label channel"
            )
        return named

    def _send(self, output: Output) -> None:
        published_s = self._publishing.send(output, self._learning, self._pipeline.updates)
        self._record.command(output, published_s, self._pipeline.updates)
        self._latency.add(published_s - output.origin_s)

    def _told_to_stop(self) -> bool:
        self._publishing.greet()
        self._operator.attend()
        self._record.tend(self._session, self._pipeline, self._events)
        if self._record.broken and self._path.between_items:
            self._mend()
        return self._operator.stop_asked or self._state == "stopping"

    def _mend(self) -> None:
        """The journal has a hole: begin the data path anew, from a checkpoint on the disk."""
        now_s = time.monotonic()
        if self._mending is not None and self._mending[1].done():
            (checkpoint, written), self._mending = self._mending, None
            newest = self._record.newest
            if written.exception() is None and newest is not None:
                self._begin_anew(Beginning(checkpoint, newest.path))
        elif self._mending is None and now_s > self._mend_at_s:
            self._mend_at_s = now_s + MEND_S
            checkpoint = self._session.checkpoint(self._pipeline)
            self._mending = checkpoint, self._record.keep(checkpoint)

    def _begin_anew(self, beginning: Beginning) -> None:
        before = self._pipeline.events
        try:
            self._path.pipeline = self._begin(beginning)
        except ConfigError as error:
            log.warning("%s", error)
            return
        self._events_before += before
        log.warning("the journal goes on in %s", self._record.journal_path)

    def _keep(self) -> "Future[None]":
        return self._record.checkpoint(self._session, self._pipeline, asked=True)

    def _stop(self) -> None:
        self._state = "stopping"

    @property
    def _pipeline(self) -> Pipeline:
        return self._path.pipeline

    @property
    def _learning(self) -> Learning:
        if self._config.lsl.labels is None:
            return "off"
        return "on" if self._pipeline.learning else "frozen"

    def _events(self) -> Counter[str]:
        parts = self._pipeline, self._source, self._control, self._record
        return sum((part.events for part in parts), self._events_before)

    def _status(self) -> Status:
        total = self._latency.summary_ms()
        published = self._publishing.published
        return Status(
            state="stopping" if self._operator.stop_asked else self._state,
            learning=self._learning,
            learning_cause="operator" if self._learning == "frozen" else "",
            guard=GuardStatus(rung="accept", cause="", counters={}),
            bins=published,
            missed_bins=self._publishing.missed,
            published=published,
            updates=self._pipeline.updates,
            events=dict(self._events()),
            latency_ms={"total": LatencyMs(**total)} if total else {},
            data_age_s=None,
            streams=(),
            journal=self._journal_status(),
            checkpoint=self._checkpoint_status(),
            decoder=self._config.decoder.kind,
            model_id=self._publishing.model_id,
            update_id=self._pipeline.updates,
            host=self._publishing.host,
            pid=os.getpid(),
            uptime_s=time.monotonic() - self._started_s,
            program_version=program_version(),
        )

    def _journal_status(self) -> JournalStatus | None:
        journal = self._record.journal
        if journal is None or journal.path is None:
            return None
        return JournalStatus(
            file=str(journal.path),
            written_bytes=journal.written_bytes,
            age_s=journal.age_s,
            lost_entries=journal.events["journal_entries_lost"],
        )

    def _checkpoint_status(self) -> CheckpointStatus | None:
        newest = self._record.newest
        if newest is None:
            return None
        age_s = time.monotonic() - newest.at_s
        return CheckpointStatus(file=str(newest.path), age_s=age_s, sha256=newest.sha256)


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
