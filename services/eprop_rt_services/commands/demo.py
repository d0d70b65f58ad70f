"""`eprop-rt demo`: a decoder learns from zero, in closed loop, before your eyes."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt_services.commands.options import JsonOption, write_json
from eprop_rt_services.demo.stage import DemoSettings, run_demo
from eprop_rt_services.demo.view import LinesView, LiveView, conclude
from eprop_rt_services.pages.browser import open_page


def command(
    seconds: Annotated[
        float, typer.Option(min=2, max=3600, help="of learning; the probes come after it")
    ] = DemoSettings().learning_s,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="another one, another person")] = (
        DemoSettings().seed
    ),
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="no page, only this text"),
    ] = False,
    json: JsonOption = None,
    probes: Annotated[
        int, typer.Option(min=1, hidden=True, help="frozen trials of each learned decoder")
    ] = DemoSettings().probe_trials,
) -> None:
    """Watch a decoder learn from zero in closed loop; about two minutes.

    A simulated person steers a cursor: the counts of 96 units go over Lab Streaming Layer to the
    daemon, which learns by e-prop while its commands move the cursor over ZeroMQ. Beside it, a copy
    of the person uses a decoder that learns by recursive least squares, another one that never
    learns. Then all are frozen and probed on the same targets. A page in the browser shows all
    three.
    """
    console = Console(stderr=json == Path("-"))
    settings = DemoSettings(
        learning_s=seconds,
        seed=seed,
        probe_trials=probes,
        control_trials=min(probes, DemoSettings().control_trials),
    )
    with LiveView(console) if console.is_terminal else LinesView(console) as view:
        figures = run_demo(settings, view, None if no_browser else shown(console))
    conclude(console, figures)
    write_json(json, figures.to_json())


def shown(console: Console) -> Callable[[str], None]:
    """Say where the page is, and open it where there is a browser and a display."""

    def show(url: str) -> None:
        console.print(f"the page is at {url}", highlight=False, soft_wrap=True)
        open_page(url)

    return show
