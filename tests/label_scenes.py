"""Scenes for the tests of label sources."""

import numpy as np

from eprop_rt.closed_loop.scene import Event, Scene


def scene(
    position=(0.0, 0.0),
    target=(3.0, 4.0),
    command=(0.0, 0.0),
    velocity=(0.0, 0.0),
    radius_cm=1.0,
    since_onset_s=1.0,
    event=Event.NONE,
    intent=(1.0, 2.0),
) -> Scene:
    position, target = np.array(position, float), np.array(target, float)
    return Scene(
        position,
        np.array(velocity, float),
        np.array(command, float),
        target,
        radius_cm,
        bool(np.linalg.norm(target - position) <= radius_cm),
        since_onset_s,
        event,
        np.array(intent, float),
    )


NO_TARGET = (np.nan, np.nan)


def walk(seed: int, bins: int = 400, trial: int = 40) -> list[Scene]:
    """A cursor that wanders while targets come on, are won, and leave a pause behind."""
    draws = np.random.default_rng(seed)
    position, target, scenes = np.zeros(2), draws.uniform(-8, 8, 2), []
    for index in range(bins):
        at = index % trial
        position = position + draws.normal(0, 0.3, 2)
        event, shown = Event.NONE, target
        if at == 0:
            target = shown = draws.uniform(-8, 8, 2)
            event = Event.TARGET_ON
        elif at == trial - 5:
            event, shown = Event.SUCCESS, np.array(NO_TARGET)
        elif at > trial - 5:
            shown = np.array(NO_TARGET)
        scenes.append(
            scene(
                position,
                shown,
                command=draws.normal(0, 10, 2),
                velocity=draws.normal(0, 10, 2),
                since_onset_s=np.nan if np.isnan(shown).any() else at * 0.02,
                event=event,
                intent=draws.normal(0, 10, 2),
            )
        )
    return scenes
