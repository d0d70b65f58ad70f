"""Assist: the cursor is helped towards the target, the less the better the user gets on.

What moves the cursor is (1 - share) times what was decoded plus share times what was intended, as
in Collinger et al. 2013, Lancet 381:557. What the decoder is taught does not change. A frozen probe
has no assist.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from eprop_rt.closed_loop.labels.source import LabelSource
from eprop_rt.closed_loop.scene import Event, Scene
from eprop_rt.config import Settings, Share
from eprop_rt.series import F64


class AssistSettings(Settings):
    """How much help there is at first, and how it fades."""

    share: Share = Field(0.0, description="of the intended velocity, at first; 0: no assist")
    fade: Literal["trials", "success"] = Field(
        "trials", description="success: with each success, and back with each failure"
    )
    over_trials: Annotated[int, Field(gt=0)] = Field(20, description="until there is no help left")


class Assist:
    """Blends what was decoded with what `source` takes to be intended."""

    def __init__(self, settings: AssistSettings, source: LabelSource) -> None:
        self._settings, self._source = settings, source
        self._left = settings.over_trials

    @property
    def share(self) -> float:
        """Of the intended velocity, in the next command."""
        return self._settings.share * self._left / self._settings.over_trials

    def blend(self, said: F64, scene: Scene) -> F64:
        """What moves the cursor (axes,), where the decoder `said` (axes,) at the end of `scene`.

        Asked once at the end of every bin, as it counts the trials. Where no intention is known the
        help is to stay.
        """
        if scene.event in (Event.SUCCESS, Event.FAILURE):
            self._count(scene.event)
        share = self.share
        if share == 0:
            return said
        intended = self._source.label(scene).now
        return (1 - share) * said + share * np.where(np.isnan(intended), 0.0, intended)

    def _count(self, ended: Event) -> None:
        more = self._settings.fade == "success" and ended is Event.FAILURE
        self._left = min(max(self._left + (1 if more else -1), 0), self._settings.over_trials)
