"""The screen of a task as the user sees it: cursor, the way it came, and targets."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from eprop_rt_protocols.screen import Screen
from eprop_rt_services.monitor.look import Look, span, stretch
from eprop_rt_services.monitor.seen import Seen

STYLES = {  # of a target by its state: fill, line, width and dash
    "idle": (0.0, 0.35, 1.5),
    "aim": (0.30, 1.0, 2.5),
    "avoid": (0.0, 0.9, 2.5),
    "won": (0.85, 1.0, 2.5),
}


class Field:
    """A square, centimetres in both directions."""

    def __init__(self, name: str) -> None:
        self._targets = ColumnDataSource(
            {key: [] for key in ("x", "y", "radius", "colour", "fill", "line", "width")}
        )
        self._trail = ColumnDataSource({"x": [], "y": []})
        self._cursor = ColumnDataSource({"x": [], "y": []})
        self._look: Look | None = None
        self._shown: Screen | None = None
        self._anew = True  # whether all is to be drawn, whatever was
        self.root = made = figure(
            name=name,
            sizing_mode="stretch_width",
            aspect_ratio=1.0,
            tools="",
            toolbar_location=None,
            x_range=span(-12, 12),
            y_range=span(-12, 12),
            background_fill_alpha=0,
            border_fill_alpha=0,
            outline_line_color=None,  # of the page: without a background Bokeh's traces what moved
            min_border=0,
        )
        made.axis.visible = False
        made.grid.visible = False
        made.circle(
            "x",
            "y",
            radius="radius",
            source=self._targets,
            fill_color="colour",
            fill_alpha="fill",
            line_color="colour",
            line_alpha="line",
            line_width="width",
        )
        self._way = made.line("x", "y", source=self._trail, line_width=3, line_alpha=0.35)
        self._point = made.scatter("x", "y", source=self._cursor, size=15, line_width=0)

    def dress(self, look: Look) -> None:
        """Take these colours."""
        self._look, self._anew = look, True
        self._way.glyph.line_color = look.ink
        self._point.glyph.fill_color = look.ink

    def show(self, seen: Seen) -> None:
        """Draw the newest screen, if it is another one; nothing where none has come lately."""
        screen = None if seen.screen_is_stale else seen.screen
        if self._look is None or (screen is self._shown and not self._anew):
            return
        before, self._shown, self._anew = None if self._anew else self._shown, screen, False
        if screen is None:
            for source in (self._targets, self._trail, self._cursor):
                source.data = {key: [] for key in source.data}
            return
        if before is None or before.bounds != screen.bounds:
            for each in (self.root.x_range, self.root.y_range):
                stretch(each, -screen.bounds, screen.bounds)
        if before is None or before.targets != screen.targets:
            self._targets.data = targets_of(screen, self._look)
        with seen.lock:
            way = np.array(seen.trail, np.float32).reshape(-1, 3)
        self._trail.data = {"x": way[:, 1], "y": way[:, 2]}
        self._cursor.data = {"x": [screen.cursor[0]], "y": [screen.cursor[1]]}


def targets_of(screen: Screen, look: Look) -> dict[str, Any]:
    """The columns of the targets."""
    colours = {"idle": look.soft, "aim": look.good, "avoid": look.decoded, "won": look.good}
    rows = [(t.x, t.y, t.radius, colours[t.state], *STYLES[t.state]) for t in screen.targets]
    names = "x", "y", "radius", "colour", "fill", "line", "width"
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}
