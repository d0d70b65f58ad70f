"""A daemon's status as a person reads it."""

from collections.abc import Iterator

from eprop_rt_protocols.status import LatencyMs, Status
from eprop_rt_services.wording import amount, duration, printable

LABEL_WIDTH = 12
PERCENTILES = {"p50": "p50", "p95": "p95", "p99": "p99", "p999": "p99.9", "max": "max"}


def summary(status: Status) -> str:
    """One line: state, learning, guard."""
    return printable(f"{status.state}, learning {_learning(status)}, guard {_guard(status)}")


def status_lines(status: Status) -> str:
    """All of it, a line each, with line breaks."""
    return "".join(f"{printable(line)}\n" for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    yield _line(
        status.state,
        f"for {duration(status.uptime_s)} on {status.host}, pid {status.pid}, "
        f"eprop-rt {status.program_version}",
    )
    yield _line("decoder", f"{status.decoder}, model {status.model_id}, update {status.update_id}")
    yield _line("learning", f"{_learning(status)}, {status.updates} bins learned from")
    yield _line("guard", "; ".join([_guard(status), *_counted(status.guard.counters)]))
    yield _line(
        "bins", f"{status.bins}, {status.missed_bins} late; {status.published} commands published"
    )
    age = "none yet" if status.data_age_s is None else f"newest {duration(status.data_age_s)} old"
    yield _line("data", age)
    for stream in status.streams:
        yield _line(stream.role, f"{stream.name} on {stream.host}: {stream.state}")
    yield _line("journal", _journal(status))
    yield _line("checkpoint", _checkpoint(status))
    yield _line("events", ", ".join(_counted(status.events)) or "none")
    if status.latency_ms:
        yield ""
        yield _line("latency, ms", "".join(f"{name:>9}" for name in PERCENTILES.values()))
        for stage, latency in status.latency_ms.items():
            yield _line(stage, _percentiles(latency))


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{text}"


def _learning(status: Status) -> str:
    by = f" by the {status.learning_cause}" if status.learning_cause else ""
    return f"{status.learning}{by}"


def _guard(status: Status) -> str:
    because = f" ({status.guard.cause})" if status.guard.cause else ""
    return f"{status.guard.rung}{because}"


def _counted(events: dict[str, int]) -> list[str]:
    return [f"{name} {count}" for name, count in sorted(events.items())]


def _journal(status: Status) -> str:
    journal = status.journal
    if journal is None:
        return "none"
    lost = f", {journal.lost_entries} entries lost" if journal.lost_entries else ""
    return (
        f"{journal.file}, {amount(journal.written_bytes)}B, "
        f"on the disk {duration(journal.age_s)} ago{lost}"
    )


def _checkpoint(status: Status) -> str:
    kept = status.checkpoint
    if kept is None:
        return "none"
    return f"{kept.file}, {duration(kept.age_s)} ago, sha256 {kept.sha256[:12]}"


def _percentiles(latency: LatencyMs) -> str:
    return "".join(f"{getattr(latency, name):9.3f}" for name in PERCENTILES)
