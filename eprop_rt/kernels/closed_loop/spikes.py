"""The spikes of a bin, one by one: which unit, and when."""

from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.draws import Draws, draw
from eprop_rt.kernels.closed_loop.room import RoomParams, RoomState, begin_bin, run_tick
from eprop_rt.structs import Floats, Ints


class Spikes(NamedTuple):
    """Those of the newest bin; all are written in place."""

    times_s: Floats  # (M,) since the bin began; tick by tick, and unit by unit in a tick
    units: Ints  # (M,)
    told: Ints  # (1,) how many there are
    before: Floats  # (U,) counts at the end of the tick before
    draws: Draws


@as_written
def run_bin_by_spikes(
    params: RoomParams, state: RoomState, ticks: int, most: int, spikes: Spikes
) -> None:
    """The ticks of one bin, as `room.run_bin`; in each a unit has `most` spikes that are told."""
    begin_bin(state)
    spikes.told[0] = 0
    for tick in range(ticks):
        for i in range(spikes.before.shape[0]):
            spikes.before[i] = state.firing.counts[i]
        run_tick(params, state)
        place(state.firing.counts, tick * params.trial.dt_s, params.trial.dt_s, most, spikes)


@as_written
def place(counts: Floats, start_s: float, dt_s: float, most: int, spikes: Spikes) -> None:
    """Each new spike of a unit anywhere in its own part of the tick: they hardly ever coincide."""
    for i in range(counts.shape[0]):
        fresh = min(int(counts[i] - spikes.before[i]), most)
        for n in range(fresh):
            at = spikes.told[0]
            spikes.times_s[at] = start_s + dt_s * (n + draw(spikes.draws)) / fresh
            spikes.units[at] = i
            spikes.told[0] = at + 1
