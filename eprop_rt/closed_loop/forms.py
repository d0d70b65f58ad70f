"""In which form a room's activity comes: counts, spikes with their times, or broadband voltages.

Counts are what the units fired. In the other forms a decoder gets what is left of that behind the
project's own conditioning and binner. Spikes come as events of an irregular stream, and in bins
they are the same counts. Voltages come at 30 kHz: waveforms on electrodes, noise of each, and what
all of them have in common; a filter, a reference and a threshold have to find the spikes again.

Like an amplifier, conditioning runs on through a restart of the room.
"""

import math
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from pydantic import Field, model_validator

from eprop_rt.closed_loop.front import Front
from eprop_rt.closed_loop.tuning import Range
from eprop_rt.conditioning.crossings import CrossingsSettings
from eprop_rt.conditioning.filters import BandpassSettings
from eprop_rt.conditioning.reference import CommonAverageSettings
from eprop_rt.conditioning.spike_events import SpikeEventsSettings
from eprop_rt.conditioning.stages import Stages, clash
from eprop_rt.config import NonNegative, Positive, Settings
from eprop_rt.errors import ConfigError
from eprop_rt.kernels import steady
from eprop_rt.kernels.closed_loop.broadband import Electrodes, Voltages, render
from eprop_rt.kernels.closed_loop.draws import Draws
from eprop_rt.kernels.closed_loop.room import RoomParams, RoomState
from eprop_rt.kernels.closed_loop.spikes import Spikes, run_bin_by_spikes
from eprop_rt.series import F32, F64, Chunk, StreamInfo
from eprop_rt.structs import Ints

MOST_HZ, MOST = 1000.0, 8  # spikes of a unit in a tick; no more than these together are told
WAVEFORM_S = 1.2e-3


class CountsForm(Settings):
    """What the units fired in a bin, and nothing between."""

    kind: Literal["counts"] = "counts"


class SpikesForm(Settings):
    """Spikes one by one, stamped within their tick; `conditioning` is of bins."""

    kind: Literal["spikes"] = "spikes"
    conditioning: Stages = ()

    @model_validator(mode="after")
    def _stages_go_together(self) -> Self:
        why = clash(self.stages(1), "sum")
        if why is not None:
            raise ConfigError(f"room.form: {why}")
        return self

    def stages(self, units: int) -> Stages:
        """All of them, for so many units."""
        return (SpikeEventsSettings(channels=units), *self.conditioning)


class BroadbandForm(Settings):
    """Voltages of electrodes in microvolts; units are dealt to them in turn.

    A spike is a trough of its unit's amplitude and a slower peak after it. `noise_uv` is white, of
    every electrode and sample; `common_uv` is white and `slow_uv` has a memory of `slow_tau_s`,
    both in common to all electrodes. All are standard deviations.
    """

    kind: Literal["broadband"] = "broadband"
    rate_hz: Positive = 30_000.0
    electrodes: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="none: one a unit"
    )
    amplitudes_uv: Range = (60.0, 120.0)
    noise_uv: NonNegative = 8.0
    common_uv: NonNegative = 10.0
    slow_uv: NonNegative = 50.0
    slow_tau_s: Positive = 0.05
    reduce: Literal["sum", "mean", "rms", "variance"] = "sum"
    conditioning: Stages = (
        BandpassSettings(low_hz=300.0, high_hz=6000.0),
        CommonAverageSettings(),
        CrossingsSettings(),
    )

    @model_validator(mode="after")
    def _stages_go_together(self) -> Self:
        why = clash(self.conditioning, self.reduce)
        if why is not None:
            raise ConfigError(f"room.form: {why}")
        return self


FormSettings = Annotated[CountsForm | SpikesForm | BroadbandForm, Field(discriminator="kind")]


class Form(Protocol):
    """Runs a room by the bin, and hands on what is left of it."""

    front: Front

    @property
    def draws(self) -> tuple[Draws, ...]:
        """Its streams of random numbers, to be seeded."""

    def run_bin(self, params: RoomParams, state: RoomState) -> F32:
        """One bin; what the decoder gets (channels,)."""


def build_form(
    settings: SpikesForm | BroadbandForm, units: int, timing: tuple[float, float], seed: int
) -> Form:
    """For so many units and (tick_s, bin_s); the seed decides who is heard how large."""
    if isinstance(settings, SpikesForm):
        return SpikeTimes(settings, units, timing)
    return Broadband(settings, units, timing, seed)


def _no_draws() -> Draws:
    return Draws(np.zeros(1, np.int64), np.zeros(1, np.int64))


class SpikeTimes:
    """Spikes as events [unit] with their stamps."""

    def __init__(self, settings: SpikesForm, units: int, timing: tuple[float, float]) -> None:
        self._recorder = Recorder(units, timing)
        info = StreamInfo("spikes", 1, 0.0)
        self.front = Front(settings.stages(units), "sum", info, timing[1])

    @property
    def draws(self) -> tuple[Draws, ...]:
        """Of times within a tick."""
        return (self._recorder.spikes.draws,)

    def run_bin(self, params: RoomParams, state: RoomState) -> F32:
        """One bin; its counts."""
        times_s, units = self._recorder.run_bin(params, state)
        order = np.argsort(times_s, kind="stable")
        stamps = self.front.start_s + times_s[order]
        return self.front.bin_of(Chunk(stamps, units[order, None].astype(np.float32)))


class Broadband:
    """Voltages at a rate."""

    def __init__(
        self, settings: BroadbandForm, units: int, timing: tuple[float, float], seed: int
    ) -> None:
        tick_s, bin_s = timing
        self._recorder = Recorder(units, timing)
        count = settings.electrodes or units
        self._electrodes = _electrodes(settings, units, count, seed)
        waveform = len(self._electrodes.waveform)
        samples = _whole("a tick", tick_s, settings.rate_hz) * round(bin_s / tick_s)
        if samples < waveform:
            raise ConfigError(
                f"room.bin_s {bin_s} is shorter than a spike of {WAVEFORM_S} s in the form "
                "broadband: lengthen it"
            )
        self._voltages = Voltages(np.zeros((waveform, count)), np.zeros(1), _no_draws())
        self._out = np.zeros((samples, count))
        self._offsets_s: F64 = np.arange(samples) / settings.rate_hz
        info = StreamInfo("broadband", count, settings.rate_hz)
        self.front = Front(settings.conditioning, settings.reduce, info, bin_s)
        self._render = steady(render)

    @property
    def draws(self) -> tuple[Draws, ...]:
        """Of times within a tick, and of noise."""
        return self._recorder.spikes.draws, self._voltages.draws

    def run_bin(self, params: RoomParams, state: RoomState) -> F32:
        """One bin; what its voltages are worth behind the chain."""
        self._recorder.run_bin(params, state)
        self._render(self._electrodes, self._voltages, self._recorder.spikes, self._out)
        stamps = self.front.start_s + self._offsets_s
        return self.front.bin_of(Chunk(stamps, self._out.astype(np.float32)))


class Recorder:
    """The spikes of a bin, compiled."""

    def __init__(self, units: int, timing: tuple[float, float]) -> None:
        tick_s, bin_s = timing
        self._ticks, self._most = round(bin_s / tick_s), MOST + round(tick_s * MOST_HZ)
        room = units * self._ticks * self._most
        self.spikes = Spikes(
            times_s=np.zeros(room),
            units=np.zeros(room, np.int64),
            told=np.zeros(1, np.int64),
            before=np.zeros(units),
            draws=_no_draws(),
        )
        self._run_bin = steady(run_bin_by_spikes)

    def run_bin(self, params: RoomParams, state: RoomState) -> tuple[F64, Ints]:
        """One bin; times since it began, and units."""
        self._run_bin(params, state, self._ticks, self._most, self.spikes)
        count = int(self.spikes.told[0])
        return self.spikes.times_s[:count].astype(np.float64), self.spikes.units[:count]


def waveform(rate_hz: float) -> F64:
    """A spike (T,) of amplitude 1: a trough of .1 ms, and a slower peak after it."""
    t_ms = 1e3 * np.arange(max(2, math.ceil(WAVEFORM_S * rate_hz))) / rate_hz
    shape = 0.3 * np.exp(-0.5 * ((t_ms - 0.7) / 0.2) ** 2)
    shape -= np.exp(-0.5 * ((t_ms - 0.3) / 0.1) ** 2)
    return np.asarray(shape / np.abs(shape).max(), np.float64)


def _electrodes(settings: BroadbandForm, units: int, count: int, seed: int) -> Electrodes:
    rng = np.random.default_rng(seed)
    return Electrodes(
        rate_hz=settings.rate_hz,
        of_unit=np.arange(units) % count,
        amplitude_uv=rng.uniform(*settings.amplitudes_uv, units),
        waveform=waveform(settings.rate_hz),
        noise_uv=settings.noise_uv,
        common_uv=settings.common_uv,
        slow_uv=settings.slow_uv,
        slow_keep=math.exp(-1 / (settings.slow_tau_s * settings.rate_hz)),
    )


def _whole(name: str, period_s: float, rate_hz: float) -> int:
    """How many samples a period has; raises ConfigError where it is not a whole number."""
    samples = round(period_s * rate_hz)
    if samples < 1 or not math.isclose(samples, period_s * rate_hz, rel_tol=1e-9):
        raise ConfigError(
            f"{name} of {period_s} s is no whole number of samples at room.form.rate_hz "
            f"{rate_hz:g}: set that to {max(1, samples) / period_s:g}"
        )
    return samples
