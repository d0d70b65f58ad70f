"""`eprop-rt task`: any decoder on the closed-loop bench, over the wire."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.errors import ConfigError
from eprop_rt.hot import merged
from eprop_rt_services.closed_loop.bench import OWN_DECODERS, Bench, BenchSettings, Standing
from eprop_rt_services.closed_loop.course import Course, Length, Tell, line
from eprop_rt_services.closed_loop.faults import FaultSettings
from eprop_rt_services.commands.options import JsonOption, OverrideOption, write_json
from eprop_rt_services.config import explain, parse_overrides, read_mapping
from eprop_rt_services.pages.browser import open_page
from eprop_rt_services.pages.place import Place
from eprop_rt_services.processes.company import company
from eprop_rt_services.rooms.config import PRESETS


def command(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|preset:NAME",
            help="YAML of the loop: population, user, task, cursor; or a room of `closedloop`",
        ),
    ] = None,
    commands: Annotated[
        list[str] | None,
        typer.Option(metavar="ENDPOINT", help="where your decoder publishes its commands"),
    ] = None,
    decoder: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(OWN_DECODERS), help="start one of ours beside the task instead"
        ),
    ] = None,
    topic: Annotated[str, typer.Option(help="of the commands")] = BenchSettings().topic,
    name: Annotated[str, typer.Option(help="source ids of the streams begin with it")] = (
        BenchSettings().name
    ),
    screens: Annotated[
        str, typer.Option(metavar="ENDPOINT", help="where pages can see the screen; *: a free port")
    ] = BenchSettings().screens,
    units: Annotated[int | None, typer.Option(min=1, max=4096, help="of the population")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="another one, another person")] = (
        0
    ),
    trials: Annotated[int | None, typer.Option(min=1, help="until it ends by itself")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="until it ends by itself")] = None,
    jitter_ms: Annotated[
        float, typer.Option(min=0, max=10_000, help="fault: samples come late by up to so much")
    ] = 0.0,
    loss: Annotated[
        float, typer.Option(min=0, max=0.99, help="fault: this share of the samples is lost")
    ] = 0.0,
    mouse: Annotated[
        bool, typer.Option("--mouse", help="steer the simulated user yourself, in a browser")
    ] = False,
    practice: Annotated[
        float, typer.Option(min=1, help="of --mouse: the simulated user goes first, in seconds")
    ] = 30.0,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="of the page of --mouse, on this machine; 0: free")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="of --mouse: only print where the page is")
    ] = False,
    restart_every: Annotated[
        float | None, typer.Option(min=1, help="fault: the source restarts, in seconds")
    ] = None,
    override: OverrideOption = None,
    json: JsonOption = None,
) -> None:
    """Put a decoder on the bench: a task and a simulated user, over LSL and ZeroMQ.

    The user's spike counts go out over Lab Streaming Layer; the decoder's commands move the cursor
    over ZeroMQ. Any decoder will do (docs/closed_loop_live.md); with --decoder one of ours is
    started. It runs until Ctrl-C, --trials or --seconds. With --mouse a page opens in which you
    are the user's intention; several decoders can then be felt in turn.
    """
    if mouse and (trials or seconds):
        raise ConfigError("--mouse came with --trials or --seconds: it runs until Ctrl-C")
    if commands and decoder:
        raise ConfigError("--commands and --decoder came together: give yours or one of ours")
    settings = bench_settings(
        name=name,
        commands=tuple(commands or ()),
        own=tuple(decoder or ("eprop",)),
        topic=topic,
        screens=screens,
        seed=seed,
        loop=loop_settings(config, override or [], units),
        faults=FaultSettings(
            jitter_s=1e-3 * jitter_ms, loss=loss, restart_every_s=restart_every, seed=seed
        ),
    )
    console = Console(stderr=json == Path("-"))
    say = partial(tell, console)
    if mouse:
        standing = steer(settings, practice, port, say, open_browser=not no_browser)
    else:
        standing = run(settings, Length(trials, seconds), say)
    say(line(standing))
    write_json(json, standing.to_json())


def run(settings: BenchSettings, length: Length, tell: Tell) -> Standing:
    """Run the bench; a Ctrl-C after the first trial began only ends it."""
    with company("eprop-rt-task-", apart=not settings.commands) as found, ExitStack() as closing:
        course = Course(Bench(settings, found, closing), length, tell)
        try:
            return course.run()
        except KeyboardInterrupt:
            if course.standing is None:
                raise
            return course.standing


def steer(
    settings: BenchSettings, practice_s: float, port: int, tell: Tell, *, open_browser: bool
) -> Standing:
    """Run the bench with a person at it, whose page is served here until Ctrl-C."""
    from eprop_rt_services.steering.hand import Hand  # noqa: PLC0415
    from eprop_rt_services.steering.page import Steering  # noqa: PLC0415  (Bokeh takes a second)

    with company("eprop-rt-task-", apart=not settings.commands) as found, ExitStack() as closing:
        wishes = f"ipc://{found.folder}/wishes"
        bench = Bench(settings.model_copy(update={"wishes": wishes}), found, closing)
        Course(bench, Length(seconds=practice_s), tell).run()
        tell("you take over; decoders learn no more unless you let them")
        bench.task.teach(False)
        bench.task.restart(settings.seed + 1)
        hand = closing.enter_context(Hand(bench, wishes))
        page = Steering(hand, settings.loop.cursor.half_width_cm)

        def ready(url: str) -> None:
            tell(f"point with the mouse at {url}")
            if open_browser:
                open_page(url)

        page.serve(Place(port=port), ready)
        return bench.standing()


def tell(console: Console, said: str) -> None:
    """One line, as it is."""
    console.print(said, highlight=False, soft_wrap=True, markup=False)


def bench_settings(**given: Any) -> BenchSettings:
    """The settings of a bench; raises ConfigError where one is none."""
    try:
        return BenchSettings(**given)
    except ValidationError as error:
        raise ConfigError(f"eprop-rt task: {explain(error, BenchSettings)}") from None


def loop_settings(
    config: str | None, overrides: Sequence[str], units: int | None = None
) -> LiveSettings:
    """The loop in a file, or in the `room` of one of `closedloop`; raises ConfigError.

    What of the latter does not belong to a room stays there: decoders, labels, perturbations.
    """
    content = {} if config is None else read_mapping(config, PRESETS)
    room = content.get("room", content)
    content = merged(room if isinstance(room, dict) else content, parse_overrides(overrides))
    if units is not None:
        content = merged(content, {"population": {"units": units}})
    try:
        return LiveSettings.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{config or 'eprop-rt task'}: {explain(error, LiveSettings)}") from None
