"""Rasters of the newest seconds: what each neuron fired, what each input brought."""

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, LinearColorMapper
from bokeh.models.glyphs import Image
from bokeh.plotting import figure
from numpy.typing import NDArray

from eprop_rt_services.monitor.look import Look, dress, hide_x, plot, span, stretch
from eprop_rt_services.monitor.seen import Bins

ROWS, COLUMNS = 128, 400
LEVELS = 8

Picture = NDArray[np.uint8]
F32 = NDArray[np.float32]


class Raster:
    """An image that moves to the left; a row for each neuron or input, or for a few of them."""

    def __init__(self, name: str, height: int, label: str, span_s: float) -> None:
        self._span_s = span_s
        self._source = ColumnDataSource(_columns(np.zeros((1, 1), np.uint8), 1, span_s))
        self.mapper = LinearColorMapper(palette=["#00000000", "#000000"], low=0, high=LEVELS)
        self.root: figure = plot(
            height, "", label, x_range=span(-span_s, 0), y_range=span(0, 1), name=name
        )
        hide_x(self.root)
        self.root.yaxis[0].ticker = BasicTicker(desired_num_ticks=5)
        self.root.ygrid[0].visible = False
        drawn = Image(image="image", x="x", y=0, dw="dw", dh="dh", color_mapper=self.mapper)
        self.root.add_glyph(self._source, drawn)

    def dress(self, look: Look, colour: str) -> None:
        """Take these colours: from nothing to `colour`."""
        dress(self.root, look)
        alphas = [round(255 * (level / (LEVELS - 1)) ** 0.7) for level in range(LEVELS)]
        self.mapper.palette = [f"{colour}{alpha:02x}" for alpha in alphas]

    def clear(self) -> None:
        """Draw nothing."""
        self.show(np.zeros((1, 1), np.uint8), 1)

    def show(self, picture: Picture, rows: int) -> None:
        """Draw `picture` of so many neurons or inputs, the newest bin at the right."""
        self._source.data = _columns(picture, rows, self._span_s)
        stretch(self.root.y_range, 0, max(rows, 1))


def _columns(picture: Picture, rows: int, span_s: float) -> dict[str, list[object]]:
    return {"image": [picture], "x": [-span_s], "dw": [span_s], "dh": [rows]}


def spikes_picture(bins: Bins, span_s: float) -> Picture:
    """How often each group of neurons fired (rows, columns), in `LEVELS`."""
    total, each = pooled(bins, bins.spikes.astype(np.float32), span_s)
    return levels(total / np.float32(each))


def inputs_picture(bins: Bins, span_s: float) -> Picture:
    """What came in (rows, columns), in `LEVELS` of nearly the most of it."""
    values = np.nan_to_num(np.abs(bins.inputs))
    total, _ = pooled(bins, values, span_s)
    most = float(np.quantile(total, 0.995)) if total.size else 0.0
    return levels(total / (most or 1.0))


def levels(shares: F32) -> Picture:
    """Shares of the most that is drawn, in `LEVELS`."""
    picture: Picture = np.ceil(np.minimum(1.0, shares) * (LEVELS - 1)).astype(np.uint8)
    return picture


def pooled(bins: Bins, values: F32, span_s: float) -> tuple[F32, int]:
    """Sums (rows, columns) over neighbours, so that the picture stays small; how many each."""
    many = values.shape[1]
    wide = max(1, round(span_s / bins.header.bin_s))
    table = np.zeros((wide, many), np.float32)
    at = wide - 1 + np.round(bins.at_s / bins.header.bin_s).astype(np.int64)
    inside = at >= 0
    table[at[inside]] = values[inside]
    tall, long = -(-many // ROWS) or 1, -(-wide // COLUMNS)
    rows, columns = -(-many // tall), -(-wide // long)
    padded = np.zeros((columns * long, rows * tall), np.float32)
    padded[columns * long - wide :, :many] = table
    total = padded.reshape(columns, long, rows, tall).sum(axis=(1, 3)).T
    return np.ascontiguousarray(total), max(1, round(tall * long / 4))
