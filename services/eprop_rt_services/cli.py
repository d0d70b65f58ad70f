"""The one program, `eprop-rt`: a command a file, a user's mistake one line."""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from eprop_rt.errors import EpropError
from eprop_rt_protocols.errors import ProtocolError
from eprop_rt_services.version import program_version

MISTAKE = 2
INTERRUPTED = 130

# Every command and its example; None: a group, which brings its own.
COMMANDS = {
    "demo": "--seconds 60 --seed 3",
    "task": "--commands tcp://127.0.0.1:5570 --loss 0.01 --trials 100",
    "simulate": "session.nwb --minutes 5",
    "replay": "session.nwb --config preset:reaching --compare wiener,rls --report out.html",
    "train": "session.nwb --config preset:reaching --out trained.npz",
    "recover": "session.nwb --signal decoder_input --trials 400",
    "closedloop": "preset:literature --decoders eprop,rls --report out.html",
    "export": "journal-0001.xdf session.nwb --subject M1",
    "run": "preset:cursor -o lsl.signal.name=Blackrock",
    "ctl": None,
    "monitor": "my.yaml other.yaml --screen my=tcp://127.0.0.1:5590",
    "keys": "keys --client viewer",
    "play": "session.xdf --speed 2 --wait-for-reader",
    "record": "session.xdf --stream type=EEG --stream Markers",
    "board": "--id cyton --serial-port /dev/ttyUSB0 --channels eeg",
    "streams": "--wait 3",
    "doctor": "preset:cursor -o journal.folder=/data",
    "bench": None,
}


def say_version(wanted: bool) -> None:
    """Print it and leave, before anything else is looked at."""
    if wanted:
        sys.stdout.write(f"eprop-rt {program_version()}\n")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="print the version and exit", callback=say_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Online e-prop decoding for closed-loop brain-computer interfaces."""


def assembled(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The program with these commands; of the others nothing is imported."""
    app = typer.Typer(
        name="eprop-rt",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(program)
    for name in names:
        file = import_module(f"eprop_rt_services.commands.{name}")
        example = COMMANDS[name]
        if example is None:
            app.add_typer(file.app)
        else:
            app.command(name, epilog=f"Example: eprop-rt {name} {example}")(file.command)
    return app


def main() -> None:
    """Run a command; what a user can mend ends with one line on stderr and exit status 2."""
    words = sys.argv[1:]
    if not words or (len(words) == 1 and COMMANDS.get(words[0], "") is None):
        words.append("--help")
    # Who types `ctl stop` does not wait for the compiler of `run`.
    named = words[:1] if words[0] in COMMANDS else COMMANDS
    try:
        status = assembled(named)(words, standalone_mode=False)
        if status == INTERRUPTED:  # what typer makes of a Ctrl-C
            raise KeyboardInterrupt
        sys.exit(status or 0)  # what a command left with typer.Exit; None: all is well
    except (EpropError, ProtocolError) as error:
        fail(" ".join(str(error).split()))
    except typer.TyperException as error:
        fail(f"{error.format_message()} (see eprop-rt --help)")
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("eprop-rt: stopped\n")
        sys.exit(INTERRUPTED)


def fail(message: str) -> None:
    """One line, and out."""
    sys.stderr.write(f"eprop-rt: {message}\n")
    sys.exit(MISTAKE)
