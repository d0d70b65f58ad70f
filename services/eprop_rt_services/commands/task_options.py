"""Options of `eprop-rt task`."""

from typing import Annotated

import typer

from eprop_rt_services.closed_loop.bench import OWN_DECODERS

LoopArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG", help="YAML of the loop: population, user, task, cursor, timing"
    ),
]
CommandsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ENDPOINT", help="where your decoder publishes its commands"),
]
DecoderOption = Annotated[
    list[str] | None,
    typer.Option(metavar="|".join(OWN_DECODERS), help="start one of ours beside the task instead"),
]
TopicOption = Annotated[str, typer.Option(help="of the commands")]
NameOption = Annotated[str, typer.Option(help="source ids of the streams begin with it")]
ScreensOption = Annotated[
    str, typer.Option(metavar="ENDPOINT", help="where pages can see the screen; *: a free port")
]
UnitsOption = Annotated[int | None, typer.Option(min=1, max=4096, help="of the population")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="another one, another person")]
TrialsOption = Annotated[int | None, typer.Option(min=1, help="until it ends by itself")]
SecondsOption = Annotated[float | None, typer.Option(min=1, help="until it ends by itself")]
JitterOption = Annotated[
    float, typer.Option(min=0, max=10_000, help="fault: samples come late by up to so much")
]
LossOption = Annotated[
    float, typer.Option(min=0, max=0.99, help="fault: this share of the samples is lost")
]
MouseOption = Annotated[
    bool, typer.Option("--mouse", help="steer the simulated user yourself, in a browser")
]
PracticeOption = Annotated[
    float, typer.Option(min=1, help="of --mouse: the simulated user goes first, in seconds")
]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="of the page of --mouse, on this machine; 0: free")
]
RestartOption = Annotated[
    float | None, typer.Option(min=1, help="fault: the source restarts, in seconds")
]
