"""The half of a room that is the screen: a cursor that obeys commands, and the task it is put to.

Of one seed it shows what the screen of a `Room` of that seed shows.
"""

import numpy as np

from eprop_rt.closed_loop.labels.direct import DirectSource
from eprop_rt.closed_loop.labels.gate import Gate
from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.room import begin_anew, room_params, room_state, scene_of
from eprop_rt.closed_loop.task import Event, Phase, TaskState, Trial
from eprop_rt.closed_loop.trials import trials_since
from eprop_rt.errors import DataError
from eprop_rt.kernels import steady
from eprop_rt.kernels.closed_loop import trial as machine
from eprop_rt.kernels.closed_loop.room import begin_bin, show
from eprop_rt.kernels.closed_loop.trial import begin_trial
from eprop_rt.series import F64

PHASES = {machine.PAUSE: Phase.PAUSE, machine.HOME: Phase.CENTRE, machine.REACH: Phase.REACH}
# What may come in one tick, in its order; RECENTRE and TARGET_ON come after these.
EVENTS = {
    machine.LEFT: Event.LEFT,
    machine.ENTERED: Event.ENTERED,
    machine.SUCCESS: Event.SUCCESS,
    machine.FAILURE: Event.FAILURE,
}
PUTS_BACK: dict[str, set[Event]] = {
    "never": set(),
    "failure": {Event.FAILURE},
    "always": {Event.SUCCESS, Event.FAILURE},
}


class Workspace:
    """A cursor and its trials, a tick at a time; compiled before the first of them."""

    def __init__(self, settings: LiveSettings, seed: Seed = 0) -> None:
        self._settings = settings
        self._params = room_params(settings, 0)  # of whose tuning nothing is heard here
        self._state = room_state(settings, self._params)
        self._show, self._begin_bin = steady(show), steady(begin_bin)
        self._begin_trial = steady(begin_trial)
        labels = settings.labels
        direct = DirectSource(labels.speed_cm_s, labels.slows_cm)
        self._labels = Gate(direct, labels.after_s)
        self._show(self._params, self._state)
        self._begin_bin(self._state)
        self.restart(seed)

    def restart(self, seed: Seed) -> None:
        """Begin a series of trials from a seed, with the cursor at rest at the centre."""
        state = self._state
        begin_anew(self._settings, self._params, state, seed)
        state.user.velocity[:] = np.nan  # what is intended is not known here
        self._begin_trial(self._params.trial, state.trial, state.cursor)

    @property
    def position(self) -> F64:
        """Where the cursor is (axes,), in cm from the centre; a copy."""
        return self._state.cursor.position.astype(np.float64)

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return int(self._state.trial.ended[0])

    @property
    def state(self) -> TaskState:
        """What is on the screen; what happened is told by `step` alone."""
        return self._told(())

    def _told(self, events: tuple[Event, ...]) -> TaskState:
        trial = self._state.trial
        return TaskState(
            target=trial.screen.target.astype(np.float64),
            radius_cm=float(trial.screen.radius[0]),
            phase=PHASES[int(trial.phase[0])],
            trial=self.ended,
            events=events,
        )

    def step(self, command_cm_s: F64) -> TaskState:
        """Let a tick pass under a commanded velocity (axes,); the screen then, and what happened.

        What came with a restart is told with the first tick.

        Raises DataError where the command is not finite.
        """
        if not np.isfinite(command_cm_s).all():
            raise DataError(
                f"the cursor was commanded to {command_cm_s} cm/s; expected finite numbers: "
                "guard the decoder's output"
            )
        state = self._state
        state.cursor.command[:] = command_cm_s
        self._show(self._params, state)
        told = self._told(self._events(int(state.trial.noted[0])))
        self._begin_bin(state)
        return told

    def label(self) -> F64:
        """The velocity (axes,) in cm/s that is taken to be intended now, NaN where unknown."""
        command = self._state.cursor.command.astype(np.float64)
        return self._labels.label(scene_of(self._settings, self._state, command)).now

    def trials(self, first: int) -> list[Trial]:
        """Those that ended from number `first` on; only the newest few are kept."""
        settings = self._settings
        return trials_since(settings.task, self._state.trial, settings.tick_s, first)

    def _events(self, noted: int) -> tuple[Event, ...]:
        """All of a tick, in their order."""
        events = [event for bit, event in EVENTS.items() if noted & 1 << bit]
        if set(events) & PUTS_BACK[self._settings.task.puts_back]:
            events.append(Event.RECENTRE)
        if noted & 1 << machine.TARGET_ON:
            events.append(Event.TARGET_ON)
        return tuple(events)
