"""`eprop-rt monitor`: running daemons on a page in the browser."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from eprop_rt_services.commands.options import write_line
from eprop_rt_services.monitor.target import (
    Target,
    check_targets,
    named_places,
    parse_daemon,
    target_of,
)
from eprop_rt_services.pages.browser import open_page
from eprop_rt_services.pages.place import Place, read_token
from eprop_rt_services.zmq_link import read_client_keys
from eprop_rt_services.zmq_link.settings import ControlSettings

PORT = 5580
NICENESS = 10  # whatever the page does, decoding goes first


def command(
    configs: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONFIG", help="what the daemons run with, a file each"),
    ] = None,
    daemon: Annotated[
        list[str] | None,
        typer.Option("--daemon", metavar="NAME=VIEWS,CONTROL[,SCREEN]", help="one more"),
    ] = None,
    screen: Annotated[
        list[str] | None,
        typer.Option("--screen", metavar="NAME=ENDPOINT", help="who shows the task of a daemon"),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--keys", metavar="[NAME=]FILE", help="as for ctl: of all daemons, or of one"),
    ] = None,
    bind: Annotated[str, typer.Option(metavar="ADDRESS", help="where the page is served")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free")] = PORT,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="holds the token without which nobody sees the page"),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="one more name by which browsers reach this machine"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="only print where the page is")
    ] = False,
) -> None:
    """Show running daemons on a page, and give them orders from there.

    Up to ten daemons, as their configurations say where they are reached, or --daemon; without
    either the one at the usual endpoints. Pictures of bins come from publish.visual_endpoint.
    The page is for this machine alone unless there is a token.
    """
    token = None if token_file is None else read_token(token_file)
    place = Place(bind, port, token, tuple(host or ()))
    place.check()
    targets = chosen(configs or (), daemon or (), screen or (), keys or ())
    os.nice(NICENESS)
    with ExitStack() as closing:
        show(targets, place, closing, open_browser=not no_browser)


def chosen(
    configs: Sequence[str], daemons: Sequence[str], screens: Sequence[str], keys: Sequence[str]
) -> list[Target]:
    """Whom to follow; raises ConfigError where an option makes no sense."""
    targets = [target_of(path) for path in configs] + [parse_daemon(text) for text in daemons]
    if not targets:
        targets = [Target("daemon", ControlSettings().endpoint)]
    shown = named_places(screens, "--screen")
    check_targets(targets, shown)
    of_all = [Path(text) for text in keys if "=" not in text]
    of_one = {
        name: read_client_keys(Path(file))
        for name, file in named_places([text for text in keys if "=" in text], "--keys").items()
    }
    common = read_client_keys(of_all[-1]) if of_all else None
    return [
        replace(
            target,
            screen=shown.get(target.name, target.screen),
            keys=of_one.get(target.name, common),
        )
        for target in targets
    ]


def show(
    targets: Sequence[Target], place: Place, closing: ExitStack, *, open_browser: bool
) -> None:
    """Follow them, and serve the page until told to end."""
    # Bokeh takes a second to load, and no other command needs it.
    from eprop_rt_services.monitor.follow import followed  # noqa: PLC0415
    from eprop_rt_services.monitor.page import page_of  # noqa: PLC0415
    from eprop_rt_services.pages.server import serve_page  # noqa: PLC0415

    followers = followed(targets, closing)

    def ready(url: str) -> None:
        write_line(f"the page is at {url}")
        if open_browser:
            open_page(url)

    serve_page(page_of(followers), place, ready)
