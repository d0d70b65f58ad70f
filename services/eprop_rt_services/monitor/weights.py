"""Weights of the selected daemon."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker
from bokeh.plotting import figure

from eprop_rt.series import F32
from eprop_rt_services.monitor.look import Look, clocked, dress, plot, round_up, span, stretch
from eprop_rt_services.monitor.seen import Norms

BARS = 31


class Weights:
    """Norms of the groups of weights over time, and how the weights are spread now."""

    def __init__(self, height: int) -> None:
        self._source = ColumnDataSource({"t": [], "y": [], "colour": [], "name": []})
        self._bars = ColumnDataSource({"top": [], "left": [], "right": []})
        self._groups: list[str] = []
        self._colours: tuple[str, ...] = ()
        self.norms: figure = plot(
            height, "", "norm", name="norms", x_range=span(0, 60), y_range=span(0, 1)
        )
        clocked(self.norms)
        self.norms.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
        self.norms.multi_line("t", "y", line_color="colour", source=self._source, line_width=2)
        self.spread: figure = plot(
            height, "", "", name="spread", x_range=span(-1, 1), y_range=span(0, 1.05)
        )
        self.spread.yaxis[0].visible = False
        self.spread.ygrid[0].visible = False
        self._ticker = self.spread.xaxis[0].ticker = FixedTicker(ticks=[-1, 0, 1])
        self.spread.min_border_left = 16
        self._quads = self.spread.quad(
            top="top", bottom=0, left="left", right="right", source=self._bars, line_color=None
        )

    def dress(self, look: Look) -> None:
        """Take these colours."""
        for made in (self.norms, self.spread):
            dress(made, look)
        self._quads.glyph.fill_color = look.soft
        self._colours = (look.intended, look.decoded, look.good, look.soft)

    def groups(self) -> dict[str, str]:
        """The groups that are drawn, and their colours."""
        return dict(zip(self._groups, self._colours, strict=False))

    def show(self, norms: Sequence[Norms], weights: F32) -> None:
        """Draw what was seen of them."""
        if not norms:
            self._groups = []
            self._source.data = {key: [] for key in self._source.data}
            self._bars.data = {key: [] for key in self._bars.data}
            return
        self._groups = list(norms[-1].values)[: len(self._colours)]
        every = 1 + len(norms) // 600
        kept = list(norms)[::-every][::-1]
        at_s = np.array([each.at_s for each in kept]) - norms[0].at_s
        self._source.data = {
            "t": [at_s] * len(self._groups),
            "y": [np.array([n.values.get(g, np.nan) for n in kept]) for g in self._groups],
            "colour": list(self._colours[: len(self._groups)]),
            "name": self._groups,
        }
        top = max((v for n in kept for v in n.values.values()), default=1.0)
        stretch(self.norms.y_range, 0, round_up(1.05 * top))
        stretch(self.norms.x_range, 0, max(30.0, float(at_s[-1])))
        self._spread(weights)

    def _spread(self, weights: F32) -> None:
        if not weights.size:
            return
        most = round_up(float(np.abs(weights).max()))
        counts, edges = np.histogram(weights, BARS, (-most, most))
        self._bars.data = {"top": counts / counts.max(), "left": edges[:-1], "right": edges[1:]}
        stretch(self.spread.x_range, -1.1 * most, 1.1 * most)
        self._ticker.ticks = [-most, 0, most]
