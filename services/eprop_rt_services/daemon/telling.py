"""How the daemon does, for operators and for Prometheus."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.status import (
    CheckpointStatus,
    GuardStatus,
    JournalStatus,
    LatencyMs,
    Status,
    StreamStatus,
)
from eprop_rt_services.config import Config
from eprop_rt_services.daemon.publishing import Publishing
from eprop_rt_services.daemon.record import Record
from eprop_rt_services.daemon.recorded import RecordedPath
from eprop_rt_services.latency import StageLatencies
from eprop_rt_services.metrics import Observed, latency_table
from eprop_rt_services.sources.kind import LiveSource
from eprop_rt_services.version import program_version

State = Literal["starting", "running", "stopping"]
HELD_FOR_NOBODY = ""


class Telling:
    """Looks at the parts of a daemon, and says what it sees; `path` is None before there is one."""

    def __init__(
        self,
        config: Config,
        source: LiveSource,
        publishing: Publishing,
        record: Record,
        latencies: StageLatencies,
    ) -> None:
        self._config, self._source = config, source
        self._publishing, self._record, self._latencies = publishing, record, latencies
        self._started_s = time.monotonic()
        self._elsewhere: list[Callable[[], Counter[str]]] = []
        self.path: RecordedPath | None = None
        self.state: State = "starting"
        self.before: Counter[str] = Counter()  # events of data paths that were replaced

    def count_also(self, events: Callable[[], Counter[str]]) -> None:
        """Count these as well: of a part that lives as long as the daemon."""
        self._elsewhere.append(events)

    def events(self) -> Counter[str]:
        """Everything unusual so far, by name."""
        total = self.before + self._source.events + self._record.events + self._publishing.events
        total += self._latencies.events
        for events in self._elsewhere:
            total += events()
        if self.path is not None:
            pipeline = self.path.pipeline
            total += pipeline.events | pipeline.guard.counters()
        return total

    def learning(self) -> Learning:
        """Whether it learns now."""
        if not self._config.has_live_labels or self.path is None:
            return "off"
        return "on" if self.path.pipeline.learning else "frozen"

    def status(self) -> Status:
        """All of it."""
        published, learning = self._publishing.published, self.learning()
        updates = 0 if self.path is None else self.path.pipeline.updates
        latencies = self._latencies.measured()
        return Status(
            state=self.state,
            learning=learning,
            learning_cause=self._cause() if learning == "frozen" else HELD_FOR_NOBODY,
            guard=self._guard(),
            bins=published,
            missed_bins=self._publishing.missed,
            published=published,
            updates=updates,
            events=dict(self.events()),
            latency_ms={
                stage: LatencyMs(**durations.summary_ms(), counts=durations.ranges())
                for stage, durations in latencies.items()
            },
            data_age_s=None if self.path is None else self._source.age_s,
            streams=self._streams(),
            journal=self._journal(),
            checkpoint=self._checkpoint(),
            decoder=self._config.decoder.kind,
            model_id=self._publishing.model_id,
            update_id=updates,
            host=self._publishing.host,
            pid=os.getpid(),
            uptime_s=time.monotonic() - self._started_s,
            program_version=program_version(),
        )

    def observed(self) -> Observed:
        """The same for Prometheus."""
        return Observed(self.status(), latency_table(self._latencies))

    def _cause(self) -> Literal["operator", "guard", "marker"]:
        if self.path is not None and not self.path.pipeline.thawed:
            return "marker" if self.path.frozen_by == "marker" else "operator"
        return "guard"

    def _guard(self) -> GuardStatus:
        if self.path is None:
            return GuardStatus(rung="accept", cause="", counters={})
        guard = self.path.pipeline.guard
        counters = {name: count for name, count in guard.counters().items() if count}
        return GuardStatus(rung=guard.rung.name.lower(), cause=guard.cause or "", counters=counters)

    def _streams(self) -> tuple[StreamStatus, ...]:
        return tuple(
            StreamStatus(role=role, name=name, host=host, state=state)
            for role, name, host, state in self._source.standing()
        )

    def _journal(self) -> JournalStatus | None:
        journal = self._record.journal
        if journal is None or journal.path is None:
            return None
        return JournalStatus(
            file=str(journal.path),
            written_bytes=journal.written_bytes,
            age_s=journal.age_s,
            lost_entries=journal.events["journal_entries_lost"],
        )

    def _checkpoint(self) -> CheckpointStatus | None:
        newest = self._record.newest
        if newest is None:
            return None
        age_s = time.monotonic() - newest.at_s
        return CheckpointStatus(file=str(newest.path), age_s=age_s, sha256=newest.sha256)
