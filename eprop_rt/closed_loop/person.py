"""The half of a room that sits in front of the screen: a user, and the units they are heard by.

Of one seed it is the person of a `Room` of that seed, with the same draws.
"""

from typing import cast

from eprop_rt.closed_loop.population import Seed
from eprop_rt.closed_loop.room import RoomSettings, begin_anew, room_params, room_state
from eprop_rt.kernels import steady
from eprop_rt.kernels.closed_loop.room import respond
from eprop_rt.series import F64


class Person:
    """Sees a screen a tick at a time, and fires; compiled before the first of them."""

    def __init__(self, settings: RoomSettings, seed: int) -> None:
        self._settings = settings
        self._params = room_params(settings, seed)
        self._state = room_state(settings, self._params)
        self._respond = steady(respond)
        self._respond(self._params, self._state)
        self.restart(seed)

    @property
    def units(self) -> int:
        """How many units fire."""
        return len(self._params.tuning.b)

    @property
    def intent(self) -> F64:
        """The velocity (axes,) in cm/s that was intended in the newest tick."""
        return cast(F64, self._state.user.velocity)

    def restart(self, seed: Seed) -> None:
        """Forget all that was seen, and draw from a new seed; the tuning stays."""
        begin_anew(self._settings, self._params, self._state, seed)

    def see(self, position: F64, velocity: F64, target: F64, radius_cm: float) -> F64:
        """Show the screen of this tick; the counts (units,) of it, valid until the next.

        Of the cursor `position` and `velocity` (axes,), of the target, NaN where there is none,
        its place (axes,) and radius.
        """
        state = self._state
        state.cursor.position[:], state.cursor.velocity[:] = position, velocity
        state.trial.screen.target[:], state.trial.screen.radius[0] = target, radius_cm
        state.firing.counts[:] = 0.0
        self._respond(self._params, state)
        return cast(F64, state.firing.counts)
