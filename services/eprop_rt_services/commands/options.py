"""Options that several commands share."""

import json
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from eprop_rt.config import Settings
from eprop_rt.errors import ConfigError


def check_json(path: Path | None) -> Path | None:
    """Raise before the work is done, not after it."""
    if path is None or str(path) == "-":
        return path
    if not path.parent.is_dir():
        raise ConfigError(f"--json {path}: there is no folder {path.parent}, make it first")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"--json {path}: name a file in a folder of yours")
    return path


ConfigOption = Annotated[
    str, typer.Option("--config", "-c", metavar="FILE|preset:NAME", help="what to decode, and how")
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", metavar="KEY.SUB=VALUE", help="replaces one setting"),
]
JsonOption = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="write the printed figures there; - is stdout",
        callback=check_json,
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FILE.html", help="a page of figures and tables that stands alone"
    ),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="CHECKPOINT", help="start with what it has learned"),
]
PrintConfigOption = Annotated[
    bool, typer.Option("--print-config", help="print the whole configuration as YAML and exit")
]


def as_yaml(config: Settings) -> str:
    """The whole configuration, as a file that could be given back."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    return text


def as_typed() -> str:
    """The command line of now, an option a line."""
    words = (shlex.quote(word) for word in sys.argv[1:])
    return " ".join(["eprop-rt", *(f"\\\n  {w}" if w[0] == "-" else w for w in words)])


def print_config(config: Settings) -> None:
    """The whole configuration, on stdout."""
    sys.stdout.write(as_yaml(config))


def write_line(text: str) -> None:
    """A line on stdout, at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_json(path: Path | None, figures: dict[str, Any]) -> None:
    """Write figures where the user asked for them; numbers that are not finite become null."""
    if path is None:
        return
    text = json.dumps(_plain(figures), indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {path} ({error.strerror}): name another --json file"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
