"""How old the newest sample was."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker
from bokeh.plotting import figure

from eprop_rt_services.monitor.look import Look, dress, plot, round_up, span, stretch


class Age:
    """How old the newest sample was, over the last minute."""

    def __init__(self, height: int) -> None:
        self._source = ColumnDataSource({"t": [], "age": []})
        self.root: figure = plot(
            height, "", "ms", x_range=span(-60, 0), y_range=span(0, 10), name="age"
        )
        self.root.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        self.root.xaxis[0].ticker = FixedTicker(ticks=[-60, -40, -20, 0])
        self._line = self.root.step("t", "age", source=self._source, line_width=1.5, mode="after")

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._line.glyph.line_color = look.intended

    def show(self, ages: Sequence[tuple[float, float]], now_s: float) -> None:
        """Draw times of the monotonic clock, and ages in seconds."""
        kept = np.array([each for each in ages if each[0] > now_s - 60]).reshape(-1, 2)
        self._source.data = {"t": kept[:, 0] - now_s, "age": 1e3 * kept[:, 1]}
        if len(kept):
            end = round_up(1.1 * 1e3 * float(kept[:, 1].max()))
            stretch(self.root.y_range, 0, end)
