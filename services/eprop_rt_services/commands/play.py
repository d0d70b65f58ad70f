"""`eprop-rt play`: a recording as live streams."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.errors import ConfigError, RecordingError
from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.config import load_config
from eprop_rt_services.recordings import Selection
from eprop_rt_services.stopping import Stop
from eprop_rt_services.streaming.player import Pace, Player
from eprop_rt_services.streaming.track import SIGNAL_TYPE, Track, read_tracks

RecordingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        "-o",
        metavar="recording.KEY=VALUE",
        help="replaces one setting of what is read: board, markers, spike_bin_s, spikes_by, ...",
    ),
]


def command(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="the file to play")],
    speed: Annotated[
        float, typer.Option(min=0.01, max=100, help="so many times as fast, see below")
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="again and again, until stopped")] = False,
    wait_for_reader: Annotated[
        bool, typer.Option("--wait-for-reader", help="begin once somebody has subscribed")
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE|preset:NAME",
            help="whose section `recording` says what is read, as `replay` reads it",
        ),
    ] = None,
    override: RecordingOption = None,
    signal: Annotated[str | None, typer.Option(metavar="NAME", help="of the signal")] = None,
    labels: Annotated[str | None, typer.Option(metavar="NAME", help="of the labels, or none")] = (
        None
    ),
    type: Annotated[
        str, typer.Option(help="of the signal's stream, where the file does not say")
    ] = SIGNAL_TYPE,
    start_s: Annotated[float, typer.Option("--start", min=0, help="skip so many seconds")] = 0.0,
    seconds: Annotated[
        float | None, typer.Option(min=0.001, help="of the recording; all of it if not given")
    ] = None,
    chunk_ms: Annotated[
        float, typer.Option(min=0.1, max=1000, help="samples of so long leave together")
    ] = 10.0,
    json: JsonOption = None,
) -> None:
    """Send a recording over Lab Streaming Layer, as if it came from the devices now.

    Every stream of an XDF file is sent under its name and type; of other files, or where a series
    is named, signal and labels (and markers). Stamps keep their spacing, counted from the start of
    play on this machine's clock. At --speed X that spacing, and the interval of a sample, is
    divided by X: for the same bins divide bins.bin_s, and every other time in the configuration, by
    X too.
    """
    selection = selection_of(config, override or (), {"signal": signal, "labels": labels})
    tracks = stretch(read_tracks(recording, selection, type), start_s, seconds, recording)
    console = Console()
    with Stop() as stop, Player(tracks, Pace(speed, chunk_ms / 1000, loop)) as player:
        console.print(_table(tracks, speed))
        for track in (track for track in tracks if track.left_out):
            console.print(f"{track.info.name}: left out {track.left_out} samples without a stamp")
        if wait_for_reader:
            console.print("waiting for a reader")
            player.wait_for_reader(stop.asked)
        console.print(f"playing {player.pass_s:.1f} s{', again and again' if loop else ''}")
        player.play(stop.asked)
    console.print(f"sent {player.sent} samples, the latest {player.late_s * 1000:.1f} ms late")
    streams = [
        {
            "name": track.info.name,
            "type": track.type,
            "source_id": track.source_id,
            "channels": track.info.channels,
            "sample_rate_hz": track.info.sample_rate_hz * speed,
            "samples": track.samples,
        }
        for track in tracks
    ]
    figures = {"streams": streams, "seconds": player.pass_s, "sent": player.sent}
    write_json(json, {**figures, "latest_ms": player.late_s * 1000})


def selection_of(
    config: str | None, overrides: Sequence[str], named: dict[str, str | None]
) -> Selection:
    """What the section `recording` says, and before it what was named; raises ConfigError."""
    for override in overrides:
        if not override.startswith("recording."):
            raise ConfigError(
                f"-o {override} does not say what is read: play takes recording.KEY=VALUE alone"
            )
    read = load_config(config, overrides).recording
    return read.model_copy(update={key: name for key, name in named.items() if name is not None})


def stretch(tracks: list[Track], start_s: float, seconds: float | None, path: Path) -> list[Track]:
    """`seconds` of all tracks from `start_s` on; RecordingError where there is nothing."""
    if start_s == 0 and seconds is None:
        return tracks
    begins_s = min(track.first_s for track in tracks) + start_s
    ends_s = math.inf if seconds is None else begins_s + seconds
    kept = [track.within(begins_s, ends_s) for track in tracks]
    kept = [track for track in kept if track.samples]
    if not kept:
        raise RecordingError(f"{path} has nothing from {start_s:g} s on: give an earlier --start")
    return kept


def _table(tracks: list[Track], speed: float) -> Table:
    table = Table("name", "type", "channels", "Hz", "samples", "source_id", box=box.SIMPLE)
    for track in tracks:
        rate_hz = track.info.sample_rate_hz * speed
        table.add_row(
            track.info.name,
            track.type,
            str(track.info.channels),
            f"{rate_hz:g}" if rate_hz else "irregular",
            str(track.samples),
            track.source_id,
        )
    return table
