"""The one program, `eprop-rt`: a command a file, a user's mistake one line."""

import sys

import typer

from eprop_rt.errors import EpropError
from eprop_rt_protocols.errors import ProtocolError
from eprop_rt_services.commands import (
    bench,
    board,
    closedloop,
    ctl,
    demo,
    doctor,
    export,
    keys,
    monitor,
    play,
    record,
    recover,
    replay,
    run,
    simulate,
    streams,
    task,
    train,
)

MISTAKE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="eprop-rt",
    help="Online e-prop decoding for closed-loop brain-computer interfaces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: eprop-rt demo --seconds 60 --seed 3")(demo.demo)
app.command(
    epilog="Example: eprop-rt task --commands tcp://127.0.0.1:5570 --loss 0.01 --trials 100"
)(task.task)
app.command(epilog="Example: eprop-rt simulate session.nwb --minutes 5")(simulate.simulate)
app.command(
    epilog="Example: eprop-rt replay session.nwb --config preset:reaching --compare wiener,rls "
    "--report out.html"
)(replay.replay)
app.command(
    "train",
    epilog="Example: eprop-rt train session.nwb --config preset:reaching --out trained.npz",
)(train.command)
app.command(
    "recover", epilog="Example: eprop-rt recover session.nwb --signal decoder_input --trials 400"
)(recover.command)
app.command(
    epilog="Example: eprop-rt closedloop preset:literature --decoders eprop,rls --report out.html"
)(closedloop.closedloop)
app.command("export", epilog="Example: eprop-rt export journal-0001.xdf session.nwb --subject M1")(
    export.command
)
app.command(epilog="Example: eprop-rt run preset:cursor -o lsl.signal.name=Blackrock")(run.run)
app.add_typer(ctl.app)
app.command(epilog="Example: eprop-rt monitor my.yaml other.yaml --screen my=tcp://127.0.0.1:5590")(
    monitor.monitor
)
app.command(epilog="Example: eprop-rt keys keys --client viewer")(keys.keys)
app.command(
    epilog="Example: eprop-rt play session.xdf --speed 2 --wait-for-reader",
)(play.play)
app.command(epilog="Example: eprop-rt record session.xdf --stream type=EEG --stream Markers")(
    record.record
)
app.command(epilog="Example: eprop-rt board --id cyton --serial-port /dev/ttyUSB0 --channels eeg")(
    board.board
)
app.command(epilog="Example: eprop-rt streams --wait 3")(streams.streams)
app.command(epilog="Example: eprop-rt doctor preset:cursor -o journal.folder=/data")(doctor.doctor)
app.add_typer(bench.app)


@app.callback()
def program() -> None:
    """Online e-prop decoding for closed-loop brain-computer interfaces."""


def main() -> None:
    """Run a command; what a user can mend ends with one line on stderr and exit status 2."""
    try:
        status = app(standalone_mode=False)
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
