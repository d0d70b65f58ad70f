"""Decoded against intended, over the newest seconds."""

from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource
from bokeh.plotting import figure

from eprop_rt_services.monitor.look import Look, dress, hide_x, plot, round_up, span, stretch
from eprop_rt_services.monitor.seen import Bins

NAMELESS = " "  # keeps the room that a name will take


class Traces:
    """One output, decoded and intended, over the newest seconds."""

    def __init__(self, name: str, height: int, span_s: float, *, lowest: bool) -> None:
        self._source = ColumnDataSource({"t": [], "decoded": [], "intended": []})
        self._most = 1.0
        self.root: figure = plot(
            height,
            "seconds before now" if lowest else "",
            NAMELESS,
            x_range=span(-span_s, 0),
            y_range=span(-1, 1),
            name=name,
        )
        self.root.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
        if not lowest:
            hide_x(self.root)
        given: dict[str, Any] = {"source": self._source, "line_join": "round"}
        self._intended = self.root.line("t", "intended", line_width=2.5, line_alpha=0.8, **given)
        self._decoded = self.root.line("t", "decoded", line_width=1.5, **given)

    def dress(self, look: Look) -> None:
        """Take these colours."""
        dress(self.root, look)
        self._decoded.glyph.line_color = look.decoded
        self._intended.glyph.line_color = look.intended

    def show(self, bins: Bins, output: int, label: str) -> None:
        """Draw one output of the bins."""
        decoded, intended = bins.decoded[:, output], bins.labels[:, output]
        self._source.data = {
            "t": bins.at_s.astype(np.float32),
            "decoded": decoded,
            "intended": intended,
        }
        self._call(label)
        both = np.concatenate([decoded, intended])
        both = both[np.isfinite(both)]
        self._fit(float(np.abs(both).max()) if both.size else 1.0)

    def clear(self) -> None:
        """Draw nothing."""
        self._source.data = {name: [] for name in self._source.data}
        self._call(NAMELESS)

    def _call(self, label: str) -> None:
        axis = self.root.yaxis[0]
        if axis.axis_label != label:
            axis.axis_label = label

    def _fit(self, most: float) -> None:
        """Wider at once, narrower only when it would be by much: a quiet axis."""
        wanted = round_up(1.05 * most)
        if wanted > self._most or wanted < 0.5 * self._most:
            self._most = wanted
            stretch(self.root.y_range, -self._most, self._most)
