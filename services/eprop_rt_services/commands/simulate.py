"""`eprop-rt simulate`: a recording for those who have none."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Series, write_recording

# What is taken for labels before anything else.
LABELS = "velocity"


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT.nwb|OUT.xdf", help="the file to write")],
    minutes: Annotated[float, typer.Option(min=0.1, max=600, help="of the session")] = 3.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="another one, another person")] = (
        0
    ),
) -> None:
    """Write a simulated session with its labels, to be replayed like a real one.

    It is the person of `eprop-rt demo` with the same seed, in a calibration: spike counts of 96
    units in 10 ms, and the velocity of a cursor that follows the intention itself.
    """
    recording = simulated(out.stem, minutes, seed)
    write_recording(out, recording, f"simulated centre-out session, seed {seed}")
    signal = recording.signal
    Console().print(
        f"wrote {out}: {signal.info.channels} units, {len(signal.stamps)} samples at "
        f"{signal.info.sample_rate_hz:g} Hz ({minutes:g} min), labels: {LABELS}\n"
        f"try: eprop-rt replay {out} --config preset:demo --compare rls",
        highlight=False,
        soft_wrap=True,
    )


def simulated(name: str, minutes: float, seed: int) -> Recording:
    """A session of the person with this seed, as a recording."""
    settings = LoopSettings()
    tick_s = settings.timing.tick_s
    # Other draws than those which made the person.
    session = settings.build(seed).record(minutes, seed + 1, tick_s)
    rate_hz = 1 / tick_s
    units = tuple(f"unit{unit}" for unit in range(session.signal.samples.shape[1]))
    counts = StreamInfo("counts", len(units), rate_hz, units, ("count",) * len(units))
    velocity = StreamInfo(LABELS, 2, rate_hz, ("vx", "vy"), ("cm/s", "cm/s"))
    return Recording(
        name,
        Series(counts, session.signal.stamps, session.signal.samples),
        Series(velocity, session.velocity.stamps, session.velocity.values),
    )
