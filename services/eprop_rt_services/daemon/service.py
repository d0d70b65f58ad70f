"""The life of the daemon: start, run until told otherwise, leave everything behind in order."""

import logging
import math
import time
from concurrent.futures import Future
from contextlib import ExitStack

from eprop_rt.errors import ConfigError, EpropError
from eprop_rt.intake import channels_of
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.warmup import warm_up
from eprop_rt_protocols.control import ControlReply, ControlRequest, carried_out
from eprop_rt_services.checkpoint import Checkpoint
from eprop_rt_services.classes.live import LiveClasses
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.dry_run import DryRun
from eprop_rt_services.daemon.ends import (
    GuardExitError,
    NotKeptError,
    StopOrder,
    StoppedEarly,
)
from eprop_rt_services.daemon.keeping import Resume
from eprop_rt_services.daemon.mending import Mending
from eprop_rt_services.daemon.operator import UNKEPT, Operator
from eprop_rt_services.daemon.publishing import Publishing
from eprop_rt_services.daemon.record import STOPPED, Record
from eprop_rt_services.daemon.recorded import RecordedPath
from eprop_rt_services.daemon.session import Beginning, Session, outputs_of
from eprop_rt_services.daemon.telling import Telling
from eprop_rt_services.daemon.viewing import Viewing
from eprop_rt_services.daemon.watching import Inputs, LatenessWatch
from eprop_rt_services.decoders import settled
from eprop_rt_services.garbage import GarbageCollection
from eprop_rt_services.latency import StageLatencies
from eprop_rt_services.loop import run
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.metrics_endpoint import MetricsEndpoint
from eprop_rt_services.realtime import let_commands_out
from eprop_rt_services.security import server_keys
from eprop_rt_services.sources.kind import LiveSource
from eprop_rt_services.sources.live import LslSource, SearchEnded, TooOldError
from eprop_rt_services.stopping import obeying_signals
from eprop_rt_services.supervision import Supervisor
from eprop_rt_services.zmq_link import ControlServer

log = logging.getLogger("eprop_rt")

COMPILING_S, SEARCHING_S = 300.0, 60.0
TELL_S = 5.0


class Daemon:
    """Decodes live streams until it is told to stop.

    Sockets open and kernels compile in `serve`, before the streams are looked for: what is
    decoded is never older than the first sample after that. A stop is obeyed at any time.
    """

    def __init__(
        self,
        config: Config,
        start: Checkpoint | None = None,
        *,
        resume: Resume | None = None,
        warm: bool = False,
        source: LiveSource | None = None,
    ) -> None:
        """`resume`: from the journal's folder, where there is something in it, else from `start`.

        `warm`: the kernels are loaded. `source` is that of `config.lsl` unless another one stands
        in its place.

        Raises RestoreError where a checkpoint was made with other settings or none is sound,
        ConfigError where a folder or file cannot be written to.
        """
        self._record = Record(config, local_clock)
        self._beginning = None if start is None else Beginning(start)
        self._resumed = resume is not None
        if resume is None:
            self._record.begin_afresh()
        else:
            self._beginning = self._record.resumed(resume) or self._beginning
        if self._beginning is not None:
            decoder = self._beginning.checkpoint.fitting(config.decoder, config.inputs)
            config = config.model_copy(update={"decoder": decoder})
        self._config = config
        self._source = LslSource(config.lsl) if source is None else source
        self._classes = (
            None if config.classes is None else LiveClasses(config.classes, config.bins.bin_s)
        )
        self._latencies = StageLatencies()
        self._warm, self._stop = warm, StopOrder()
        self._told_s = -math.inf
        self.was_ready = False
        self._mending = Mending(self._record)

    def serve(self) -> None:
        """Run until stopped; raises StreamError where the streams never come or are others.

        What was learned is kept however it ends, where the guard trusts it. Raises NotKeptError
        where it was told to stop and that could not be, GuardExitError where the guard gave up.
        """
        local_clock()  # says in one line where there is no liblsl
        with obeying_signals(self._stop.by_signal), ExitStack() as closing:
            self._open(closing)
            try:
                self._prepare(closing)
            except (SearchEnded, StoppedEarly):
                log.info("stopped before it was ready", extra={"event": "stopped_early"})
                return
            self._run()

    def _open(self, closing: ExitStack) -> None:
        config, enter = self._config, closing.enter_context
        self._supervisor = enter(Supervisor())
        self._stop.heard = self._supervisor.told
        self._publishing = enter(Publishing(config))
        self._record.listener = self._publishing.tell
        self._telling = Telling(
            config, self._source, self._publishing, self._record, self._latencies
        )
        self._control = enter(
            ControlServer(
                config.control.endpoint,
                server_keys(config.security),
                on_stop=self._stop.by_message,
                meanwhile=self._answer,
            )
        )
        if (refused := let_commands_out()) is not None:
            log.warning(refused, extra={"event": "realtime_refused"})
        self._telling.count_also(lambda: self._control.events)
        if (classes := self._classes) is not None:
            self._telling.count_also(lambda: classes.events)
        self._metrics = enter(MetricsEndpoint(config.metrics, self._telling.observed()))
        if self._metrics.address is not None:
            at = self._metrics.address
            log.info("metrics on %s", at, extra={"event": "metrics", "address": at})
        enter(self._source)
        enter(self._record)

    def _prepare(self, closing: ExitStack) -> None:
        config = self._config
        self._supervisor.starting("loading kernels", COMPILING_S)
        if not self._warm:
            with self._stop.interrupting():
                warm_up(config.inputs, config.decoder)
            self._supervisor.loaded()
        wanted = config.lsl.signal.predicate()
        ready = {"event": "kernels_ready", "wanted": wanted}
        log.info("kernels ready, looking for %s", wanted, extra=ready)
        self._connect()
        obey = self._path.obey
        if self._resumed:
            self._bring_back()
        dry_run = DryRun(self._session, self._publishing.encoder)
        self._inputs = Inputs(
            self._source, config.lsl, self._path, self._record, dry_run, self._classes
        )
        self._lateness = LatenessWatch(lambda: self._publishing.missed, obey)
        self._operator = Operator(
            self._control, config.bins.bin_s, obey, self._keep, self._telling.status
        )
        self._record.prepare(self._pipeline)
        self._garbage = closing.enter_context(GarbageCollection())
        self._source.drop_backlog()
        self._telling.state = "running"
        self._control.open()
        self.was_ready = True
        endpoints = {"commands": self._publishing.endpoint, "control": self._control.endpoint}
        where = ", ".join(f"{what} on {endpoint}" for what, endpoint in endpoints.items())
        self._supervisor.ready(where)
        log.info("ready: %s", where, extra={"event": "ready", **endpoints})

    def _bring_back(self) -> None:
        """What an operator had said before a crash."""
        for order, by in self._record.stood():
            try:
                self._path.obey(order, by)
            except EpropError as error:  # settings of another configuration
                refused = {"event": "order_refused", "verb": order.verb}
                log.warning(
                    "%s of before the crash was refused: %s", order.verb, error, extra=refused
                )

    def _run(self) -> None:
        cause, as_told = "failed", False
        try:
            run(self._inputs, self._path, self._send, self._between)
            cause, as_told = STOPPED, True
        except EpropError as error:
            cause, as_told = str(error), isinstance(error, TooOldError)
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise
        finally:
            lost = self._end(cause, as_told=as_told)
        if lost is not None:
            raise NotKeptError(f"{UNKEPT}: {lost}")
        published, missed = self._publishing.published, self._publishing.missed
        stopped = {"event": "stopped", "bins": published, "missed": missed}
        log.info("stopped after %d bins, %d late", published, missed, extra=stopped)

    def _end(self, cause: str, *, as_told: bool) -> str | None:
        """Leave everything behind in order; why what was learned is not on the disk."""
        self._telling.state = "stopping"
        self._operator.end()
        self._supervisor.stopping("keeping what was learned", as_told=as_told)
        if self._stop.given:
            self._record.note(self._stop.text)
        left = self._record.end(self._session, self._pipeline, cause, whole=self._path.whole)
        for path in left.files:
            kept = {"event": "learned_kept", "file": str(path)}
            log.info("wrote what was learned to %s", path, extra=kept)
        if left.lost is not None:
            lost = {"event": "learned_lost", "why": left.lost}
            log.warning("what was learned last is not kept: %s", left.lost, extra=lost)
        self._operator.part(left.lost)
        return left.lost

    def _search_is_over(self) -> bool:
        """Whether to stop looking for the streams; says now and then that it still looks."""
        now_s = time.monotonic()
        if now_s - self._told_s > TELL_S:
            self._told_s = now_s
            self._supervisor.starting("looking for the streams", SEARCHING_S)
        return self._stop.given

    def _connect(self) -> None:
        signal_info, label_info = self._source.open(self._search_is_over)
        config = self._config
        if self._classes is not None:
            label_info = self._classes.label_info(label_info) if config.has_live_labels else None
        outputs = outputs_of(config.publish.names, label_info)
        channels = channels_of(config.inputs, self._source.signal_infos)
        decoder, said = settled(config.decoder, channels, outputs, config.bins.bin_s)
        for line in said:
            log.info(line, extra={"event": "decoder_settled"})
        self._session = Session(config, decoder, self._source.signal_infos, label_info, outputs)
        found = {
            "stream": signal_info.name,
            "channels": signal_info.channels,
            "sample_rate_hz": signal_info.sample_rate_hz,
            "labels": label_info.name if label_info else "none",
        }
        line = "%s: %d channels at %g Hz; labels: %s"
        log.info(line, *found.values(), extra={"event": "streams_found", **found})
        lsl = config.lsl
        self._path = RecordedPath(
            self._begin(self._beginning),
            self._record,
            self._latencies,
            lsl.max_age_s if lsl.when_old == "hold" else None,
        )
        self._telling.path = self._path
        self._viewing = Viewing(self._session, self._path, self._publishing, self._source)

    def _begin(self, beginning: Beginning | None) -> Pipeline:
        self._record.begin(self._session, beginning)
        return self._session.begin(beginning)

    def _send(self, output: Output) -> None:
        published_s = self._publishing.send(
            output, self._telling.learning(), self._pipeline.updates
        )
        self._path.published(output, published_s)
        self._publishing.send_beside(output)

    def _between(self) -> bool:
        """What is done between two steps; whether to stop."""
        if self._stop.given:
            return True
        self._publishing.greet()
        self._operator.attend()
        self._lateness.look()
        self._record.guard(self._pipeline)
        self._record.tend(self._session, self._pipeline, self._telling.events)
        while self._source.notices:
            notice = self._source.notices.popleft()
            self._record.note(f"{notice.event}: {notice.text}")
        if self._record.broken and self._path.between_items:
            beginning = self._mending.look(self._session, self._pipeline)
            if beginning is not None:
                self._begin_anew(beginning)
        now_s = time.monotonic()
        self._supervisor.beat(now_s)
        if self._inputs.silent or not self._path.between_items:  # a command is just out
            self._metrics.answer(self._telling.observed)
            self._garbage.between_bins(now_s)
        if self._path.between_items:
            self._viewing.look(now_s)
        if self._pipeline.guard.exit_cause is not None:
            raise GuardExitError(
                f"the guard gave up ({self._pipeline.guard.exit_cause}): another start is needed"
            )
        return False

    def _answer(self, request: ControlRequest) -> ControlReply:
        """An answer while it starts; orders have nothing to work on yet."""
        if request.verb != "status":
            raise ConfigError(f"the daemon is still starting: send {request.verb} when it runs")
        return carried_out(request, self._telling.status())

    def _begin_anew(self, beginning: Beginning) -> None:
        """The journal has a hole: go on with another data path, that begins from a file."""
        before = self._pipeline
        try:
            self._path.replace(self._begin(beginning))
        except ConfigError as error:
            log.warning("%s", error, extra={"event": "journal_not_begun"})
            return
        self._telling.before += before.events | before.guard.counters()
        path = self._record.journal_path
        goes_on = {"event": "journal_begun_anew", "file": str(path)}
        log.warning("the journal goes on in %s", path, extra=goes_on)

    def _keep(self) -> "Future[None]":
        return self._record.checkpoint(self._session, self._pipeline)

    @property
    def _pipeline(self) -> Pipeline:
        return self._path.pipeline
