"""`eprop-rt board`: an amplifier that BrainFlow knows, as LSL streams."""

import time
from contextlib import ExitStack
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_services.boards.board import TYPES, Board, Reached, columns
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.lsl_link import LslOutlet, local_clock, marker_outlet
from eprop_rt_services.stopping import Stop

SILENT_S = 10.0


def command(
    name: Annotated[
        str, typer.Option("--id", help="synthetic, cyton, playback, streaming, ... or a number")
    ],
    channels: Annotated[
        str, typer.Option(metavar="TYPE,...", help=f"a stream each: {', '.join(TYPES)}")
    ] = "exg",
    source_id: Annotated[
        str | None, typer.Option(metavar="TEXT", help="of the streams  [default: the board's name]")
    ] = None,
    serial_port: Annotated[str, typer.Option(help="such as /dev/ttyUSB0")] = "",
    mac_address: Annotated[str, typer.Option(help="of a Bluetooth board")] = "",
    ip_address: Annotated[str, typer.Option(help="of a board in the network")] = "",
    ip_port: Annotated[int, typer.Option(min=0, max=65535, help="of it")] = 0,
    serial_number: Annotated[str, typer.Option(help="which of several boards")] = "",
    other_info: Annotated[str, typer.Option(help="what else BrainFlow asks for")] = "",
    file: Annotated[str, typer.Option(help="that the board `playback` plays")] = "",
    master: Annotated[
        str, typer.Option(metavar="ID", help="the board behind `playback` or `streaming`")
    ] = "",
    streamer: Annotated[
        str, typer.Option(help="also file://NAME:w or streaming_board://ADDRESS:PORT, by BrainFlow")
    ] = "",
    chunk_ms: Annotated[
        float, typer.Option(min=1, max=1000, help="how often the board is asked")
    ] = 10.0,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="stop by itself after so long")] = (
        None
    ),
    json: JsonOption = None,
) -> None:
    """Send what an amplifier measures over Lab Streaming Layer, until Ctrl-C.

    Every type of channels is a stream of its own, named after board and type; marks that BrainFlow
    has set are a stream of markers. Stamps are BrainFlow's, put on the LSL clock.
    """
    reached = Reached(
        serial_port, mac_address, ip_address, ip_port, serial_number, other_info, file, master
    )
    kinds = [kind.strip() for kind in channels.split(",") if kind.strip()]
    if not kinds:
        raise ConfigError(f"--channels names no type: take of {', '.join(TYPES)}")
    console = Console(highlight=False, soft_wrap=True)
    with Stop() as stop, ExitStack() as closing:
        source = closing.enter_context(Board(name, reached, streamer))
        prefix = source_id or f"brainflow-{source.name}"
        sending = []
        for kind in dict.fromkeys(kinds):
            info = source.info_of(kind)
            outlet = closing.enter_context(LslOutlet(info, TYPES[kind], f"{prefix}-{kind}"))
            sending.append((source.rows_of(kind), outlet))
            console.print(
                f"sending name='{info.name}' type='{TYPES[kind]}' source_id='{prefix}-{kind}': "
                f"{info.channels} channels at {info.sample_rate_hz:g} Hz"
            )
        marks = closing.enter_context(marker_outlet(f"{source.name} markers", f"{prefix}-markers"))
        sent, marked, heard_s = 0, 0, local_clock()
        end_s = None if seconds is None else heard_s + seconds
        while not stop.asked() and (end_s is None or local_clock() < end_s):
            time.sleep(chunk_ms / 1000)
            taken = source.take()
            if len(taken.stamps) == 0:
                if local_clock() - heard_s > SILENT_S:
                    raise StreamError(
                        f"{source.name} sent nothing for {SILENT_S:g} s: look after the board"
                    )
                continue
            heard_s = local_clock()
            sent += len(taken.stamps)
            marked += len(taken.markers)
            for stamp_s, text in taken.markers:
                marks.mark(stamp_s, text)
            for rows, outlet in sending:
                outlet.push(taken.stamps, columns(taken.rows, rows))
    console.print(f"sent {sent} samples, {marked} markers")
    write_json(json, {"board": source.name, "samples": sent, "markers": marked})
