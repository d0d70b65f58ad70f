"""`eprop-rt record`: live streams into a file."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from eprop_rt.errors import ConfigError
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.lsl_link import local_clock, require_lsl
from eprop_rt_services.stopping import Stop

KEYS = ("name", "type", "source_id")


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT.xdf", help="the file to write")],
    stream: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[name=|type=|source_id=]WHAT", help="may be repeated  [default: all]"
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="stop by itself after so long")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write live streams to an XDF file, until Ctrl-C.

    Streams keep their names, types, numbers and clocks; how their clocks differ from this machine's
    is measured and written along, and whoever reads the file puts it right. Streams may join late;
    one whose sender comes back is a further stream of the file.
    """
    if out.suffix.lower() != ".xdf":
        raise ConfigError(f"{out} is no XDF file: give a name that ends in .xdf")
    wanted = [required(one) for one in stream or ()]
    require_lsl()
    # Imports liblsl, which has just been seen to be there.
    from eprop_rt_services.streaming.capture import Capture  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    with Stop() as stop, Capture(out, wanted, console.print) as capture:
        end_s = None if seconds is None else local_clock() + seconds
        console.print("looking for streams; Ctrl-C ends the recording")
        capture.run(lambda: stop.asked() or (end_s is not None and local_clock() > end_s))
    told = capture.streams
    for name, (samples, offsets) in told.items():
        console.print(f"{name}: {samples} samples, {offsets} measurements of its clock")
    console.print(f"wrote {out}" if told else f"wrote {out}, without a stream: none was in sight")
    figures = [{"stream": name, "samples": n, "offsets": m} for name, (n, m) in told.items()]
    write_json(json, {"file": str(out), "streams": figures})


def required(said: str) -> StreamRequirement:
    """`type=EEG` and the like; without a key it is a name."""
    key, sign, value = said.partition("=")
    given = {key: value} if sign and key in KEYS else {"name": said}
    try:
        return StreamRequirement.model_validate(given)
    except ValidationError:
        raise ConfigError(
            f"--stream {said!r} names no stream: give its name, or type=... or source_id=..."
        ) from None
