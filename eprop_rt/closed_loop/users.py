"""Users of the bench: settings of each kind, made into a kernel's numbers and arrays."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from eprop_rt.bins.grid import steps_covering
from eprop_rt.closed_loop.user import UserSettings
from eprop_rt.config import Positive, Settings
from eprop_rt.kernels.closed_loop.draws import Draws
from eprop_rt.kernels.closed_loop.user import UserParams, UserState
from eprop_rt.series import F64
from eprop_rt.structs import Ints

SHARE_S = 0.01  # a step of the literature's simulator


class PromptUserSettings(Settings):
    """The user of the literature's common simulator, who sees the true cursor at once.

    v_int = v + share (min(dc sqrt(d), vmax) u - v) with dc = vmax / sqrt(2 target_size), in 10 ms.
    It is where the velocity is to be once the next command is obeyed: in bins that are longer or
    shorter, as much more or less of the way, so that neither tick nor bin makes another person.
    """

    kind: Literal["prompt"] = "prompt"
    max_speed_cm_s: Positive = 20.0
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3, description="accel_const: of the way to what is wanted, in 10 ms"
    )
    target_size_cm: Positive = 2.5


AnyUserSettings = Annotated[UserSettings | PromptUserSettings, Field(discriminator="kind")]


def user_params(settings: AnyUserSettings, tick_s: float, bin_s: float) -> UserParams:
    """The numbers of the kernel; those of the other kind are not looked at."""
    late = settings if isinstance(settings, UserSettings) else UserSettings()
    prompt = settings if isinstance(settings, PromptUserSettings) else None
    known = prompt or PromptUserSettings()
    return UserParams(
        prompt=prompt is not None,
        delay=steps_covering(late.delay_s, tick_s),
        window=steps_covering(late.delay_s + late.velocity_window_s, tick_s),
        reaction=steps_covering(late.delay_s + late.reaction_s, tick_s),
        follows=1 - math.exp(-tick_s / late.follows_s),
        rest_fraction=late.rest_fraction,
        damping=late.damping,
        noise_cm_s=late.noise_cm_s,
        noise_keep=math.exp(-tick_s / late.noise_time_s),
        distances_cm=np.array(late.push_distances_cm, np.float64),
        pushes_cm_s=np.array(late.push_cm_s, np.float64),
        speeds_cm_s=np.array(late.damping_speeds_cm_s, np.float64),
        dampings_cm_s=np.array(late.damping_cm_s, np.float64),
        vmax_cm_s=known.max_speed_cm_s,
        dc=known.max_speed_cm_s / math.sqrt(2 * known.target_size_cm),
        share=known.share,
        share_of_bin=_share_of_bin(known.share, bin_s),
        dt_s=tick_s,
    )


def _share_of_bin(share: float, bin_s: float) -> float:
    """What is covered in a bin where `share` of the way is covered in 10 ms."""
    return share if bin_s == SHARE_S else 1 - (1 - share) ** (bin_s / SHARE_S)


def user_state(params: UserParams, axes: int, draws: Draws) -> UserState:
    """A person who has seen nothing."""
    frames = params.window + 2

    def vector() -> F64:
        return np.zeros(axes)

    def count() -> Ints:
        return np.zeros(1, np.int64)

    return UserState(
        tick=count(),
        seen=np.zeros((frames, axes)),
        seen_target=np.zeros((frames, axes)),
        seen_radius=np.zeros(frames),
        wanted=np.zeros((frames, axes)),
        next_target=np.full(axes, np.nan),
        next_radius=np.zeros(1),
        next_tick=count(),
        target=np.full(axes, np.nan),
        radius=np.zeros(1),
        noise=vector(),
        velocity=vector(),
        change=vector(),
        position=vector(),
        estimated=vector(),
        draws=draws,
    )
