"""What Prometheus is told about a running daemon: names, units, and how numbers become samples."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)

from eprop_rt.ladder import Rung
from eprop_rt_protocols.status import Status
from eprop_rt_services.latency import STAGES, Durations, Stage, StageLatencies

STATES: Final = ("starting", "running", "stopping")
LEARNING: Final = ("on", "off", "frozen")
# An edge is as exact as the histogram behind it.
EDGES_S: Final = (
    *(2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3),
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0),
)
PACE_S: Final = 0.001

# Stages are metrics apart, for a sum over all of them would mean nothing.
LATENCIES: Final[Mapping[Stage, tuple[str, str]]] = {
    "transport": ("eprop_rt_transport_seconds", "Stamp of a bin's newest sample to its pull."),
    "binning": ("eprop_rt_binning_seconds", "Pull of the samples to the closed bin."),
    "decode": ("eprop_rt_decode_seconds", "Closed bin to decoded output."),
    "publish": ("eprop_rt_publish_seconds", "Decoded output to command sent."),
    "total": ("eprop_rt_command_latency_seconds", "Stamp of the newest sample to command sent."),
    "learn": ("eprop_rt_learn_seconds", "Learning and rehearsing, after the command."),
}

LatencyTable = Mapping[tuple[Stage, bool], Durations]


@dataclass(frozen=True, slots=True)
class Observed:
    """How a daemon does at one moment; latencies by stage and by whether learning was on."""

    status: Status
    latencies: LatencyTable = field(default_factory=dict)


def latency_table(stages: StageLatencies) -> LatencyTable:
    """A copy of every stage that was measured."""
    pairs = ((stage, learning) for stage in STAGES for learning in (True, False))
    table = {pair: stages.taken(pair[0], learning=pair[1]) for pair in pairs}
    return {pair: durations for pair, durations in table.items() if durations.count}


class DaemonCollector:
    """Reads a daemon when Prometheus asks.

    Metrics are rendered one by one as they are yielded; in between the interpreter is left to the
    loop, so that a bin waits for one of them at most and not for all.
    """

    def __init__(self, look: Callable[[], tuple[Observed, float]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Every metric of the daemon; `look` gives what was observed, and its age in seconds."""
        observed, age_s = self._look()
        for part in (identity, counts, gauges, latencies):
            for metric in part(observed):
                yield metric
                time.sleep(PACE_S)
        yield GaugeMetricFamily(
            "eprop_rt_status_age_seconds", "Time since the loop last told how it does.", age_s
        )


def identity(observed: Observed) -> Iterator[Metric]:
    """What runs, and in which state."""
    status = observed.status
    told = {
        "version": status.program_version,
        "decoder": status.decoder,
        "model": status.model_id,
    }
    yield InfoMetricFamily("eprop_rt", "What runs.", told)
    states = {name: name == status.state for name in STATES}
    yield StateSetMetricFamily("eprop_rt_state", "State of the daemon.", states)
    learning = {name: name == status.learning for name in LEARNING}
    yield StateSetMetricFamily("eprop_rt_learning", "Whether bins are learned from.", learning)


def counts(observed: Observed) -> Iterator[Metric]:
    """What only grows."""
    status, journal = observed.status, observed.status.journal
    told = {
        "bins": ("Bins decoded.", status.bins),
        "missed_bins": ("Bins whose command came after its deadline.", status.missed_bins),
        "published_commands": ("Commands sent.", status.published),
        "updates": ("Bins learned from.", status.updates),
    }
    if journal is not None:
        told["journal_bytes"] = ("Bytes written to the journal.", journal.written_bytes)
        told["journal_lost_entries"] = (
            "Entries that the journal could not take.",
            journal.lost_entries,
        )
    for name, (text, value) in told.items():
        yield CounterMetricFamily(f"eprop_rt_{name}", text, value)
    events = CounterMetricFamily("eprop_rt_events", "Unusual events, by name.", labels=["event"])
    for event, times in status.events.items():
        events.add_metric([event], times)
    yield events


def gauges(observed: Observed) -> Iterator[Metric]:
    """What goes up and down; what is not known (yet) is absent."""
    status, journal = observed.status, observed.status.journal
    rung = Rung[status.guard.rung.upper()]
    told = {
        "uptime_seconds": ("Time since the start.", status.uptime_s),
        "guard_rung": ("How far up its ladder the guard is; 0: all is well.", float(rung)),
    }
    if status.data_age_s is not None:
        told["data_age_seconds"] = ("Age of the newest sample.", status.data_age_s)
    if journal is not None:
        told["journal_age_seconds"] = (
            "Age of the oldest entry that is not on the disk.",
            journal.age_s,
        )
    for name, (text, value) in told.items():
        yield GaugeMetricFamily(f"eprop_rt_{name}", text, value)


def latencies(observed: Observed) -> Iterator[Metric]:
    """Durations of every stage, with learning on and off."""
    for stage, (name, text) in LATENCIES.items():
        metric = HistogramMetricFamily(name, text, labels=["learning"])
        for learning, label in ((True, "on"), (False, "off")):
            if (durations := observed.latencies.get((stage, learning))) is not None:
                upto = zip(map(str, EDGES_S), durations.up_to(EDGES_S), strict=True)
                buckets = [(edge, float(count)) for edge, count in upto]
                buckets.append(("+Inf", float(durations.count)))
                metric.add_metric([label], buckets, durations.sum_s)
        yield metric
