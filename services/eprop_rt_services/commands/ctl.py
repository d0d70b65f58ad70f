"""`eprop-rt ctl`: talk to a running daemon."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_protocols.control import ControlReply, LabelSpan, Setting, Verb
from eprop_rt_protocols.errors import refused_fields
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.commands.status_lines import status_lines, summary
from eprop_rt_services.zmq_link import ControlClient, read_client_keys
from eprop_rt_services.zmq_link.settings import ControlSettings

app = typer.Typer(
    name="ctl",
    help="Ask a running daemon how it does, or tell it what to do; stop always wins.",
    epilog="Example: eprop-rt ctl freeze",
)

EndpointOption = Annotated[
    str, typer.Option("--endpoint", metavar="ENDPOINT", help="the daemon's control.endpoint")
]
KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help="NAME.key from `eprop-rt keys`, or its folder"),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="seconds")]

HERE = ControlSettings().endpoint
ANSWER_S = 2.0
DISK_S = 30.0


def plain(verb: Verb, answer_s: float, example: str, text: str) -> None:
    """Add the command of a verb that is asked as it stands."""

    def ask(
        endpoint: EndpointOption = HERE,
        keys: KeysOption = None,
        timeout_s: TimeoutOption = answer_s,
        json: JsonOption = None,
    ) -> None:
        with _client(endpoint, keys) as client:
            _tell(client.ask(verb, timeout_s), verb, json)

    app.command(verb, help=text, epilog=f"Example: eprop-rt ctl {example}")(ask)


plain(
    "status",
    ANSWER_S,
    "status --json -",
    """How the daemon does.

    Learning, guard, bins, streams, journal, checkpoint, events, latency.
    """,
)
plain("freeze", ANSWER_S, "freeze", "Stop learning and go on decoding.")
plain("thaw", ANSWER_S, "thaw", "Learn again.")


@app.command("set", epilog="Example: eprop-rt ctl set decoder.online.learning_rate=1e-5")
def set_(
    settings: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...")],
    endpoint: EndpointOption = HERE,
    keys: KeysOption = None,
    timeout_s: TimeoutOption = ANSWER_S,
    json: JsonOption = None,
) -> None:
    """Change settings while it runs.

    All that are given, or none and the reason: only some settings may change while it runs.
    """
    given = parsed_settings(settings)
    with _client(endpoint, keys) as client:
        _tell(client.ask("set", timeout_s, settings=given), "set", json)


plain(
    "checkpoint",
    DISK_S,
    "checkpoint",
    """Write what it has learned to its checkpoint.file, or into its journal's folder.

    The answer comes once that is on the disk. `run`, `train` and `replay` go on from there
    (--from).
    """,
)
plain("rollback", ANSWER_S, "rollback", "Go back to the last good weights.")


@app.command(epilog="Example: eprop-rt ctl relabel --from 8120.5 --to 8122 --values 1.5,-0.5")
def relabel(
    from_s: Annotated[float, typer.Option("--from", help="seconds, on the clock of the samples")],
    to_s: Annotated[float, typer.Option("--to", help="later, by 60 s at most")],
    values: Annotated[str, typer.Option(metavar="V,V,...", help="the label, one per output")],
    endpoint: EndpointOption = HERE,
    keys: KeysOption = None,
    timeout_s: TimeoutOption = ANSWER_S,
    json: JsonOption = None,
) -> None:
    """Say what was meant at a time of the past.

    What is still remembered of it learns from that. Programs that know a label for each stamp send
    rows of them (docs/reading_commands.md).
    """
    try:
        label = LabelSpan(from_s=from_s, to_s=to_s, values=parsed_values(values))
    except ValidationError as error:
        raise ConfigError(str(refused_fields("label", error))) from None
    with _client(endpoint, keys) as client:
        _tell(client.ask("relabel", timeout_s, labels=label), "relabel", json)


plain("stop", ANSWER_S, "stop", "End the daemon, whatever else it has been told.")


def _client(endpoint: str, keys: Path | None) -> ControlClient:
    return ControlClient(endpoint, None if keys is None else read_client_keys(keys))


def _tell(reply: ControlReply, verb: Verb, json: Path | None) -> None:
    """Say what came of an order, on stdout; raises StreamError where it was refused."""
    if not reply.ok and verb == "stop":  # it has stopped all the same
        raise StreamError(str(reply.error))
    if not reply.ok:
        raise StreamError(f"the daemon refused {verb}: {reply.error}")
    figures = {} if reply.status is None else reply.status.model_dump(mode="json")
    write_json(json, figures)
    if json == Path("-"):
        return
    if reply.status is None:
        sys.stdout.write(f"{verb}: done\n")
    elif verb == "status":
        sys.stdout.write(status_lines(reply.status))
    else:
        sys.stdout.write(f"{verb}: done; {summary(reply.status)}\n")


def parsed_settings(pairs: list[str]) -> Mapping[str, Setting]:
    """`decoder.seed=3` and the like: true, false, a number, or else a text."""
    settings: dict[str, Setting] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise ConfigError(f"{pair}: expected key.sub=value")
        settings[key] = _parsed(value)
    return settings


def _parsed(text: str) -> Setting:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parsed_values(text: str) -> tuple[float, ...]:
    """`1.5,-0.5` as numbers; raises ConfigError where one is none."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(map(math.isfinite, values)):
        raise ConfigError(f"--values {text}: expected finite numbers with commas between them")
    return values
