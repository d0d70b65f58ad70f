"""What goes in and what the network makes of it: rasters, rates, how rates are spread."""

import numpy as np
from bokeh.models import ColumnDataSource, Image, LinearColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from eprop_rt.series import F32, F64
from eprop_rt_services.observing import Seen
from eprop_rt_services.replay.source import binned
from eprop_rt_services.report.blocks import Block
from eprop_rt_services.report.chapter import Chapter
from eprop_rt_services.report.drawing import COLOURS, INK, SOFT, narrow, plot, stacked

RASTER_S, LEAST, MOST = 10.0, 50, 250  # and bins
POINTS = 200
BARS = 40
SHADES = [f"{COLOURS['input']}{round(255 * k / 31):02x}" for k in range(32)]


def activity(chapter: Chapter, key: str) -> list[Block]:
    """Three blocks; without a network, what there is of them."""
    _, inputs, _ = binned(chapter.recording, chapter.bins)
    if len(inputs) == 0:
        return [Block(f"{key}-raster", "Activity", ("There is not one bin.",))]
    blocks = [raster(chapter, f"{key}-raster", inputs), rates(chapter, f"{key}-rates", inputs)]
    if chapter.seen is not None:
        blocks.append(spread(chapter, f"{key}-spread", chapter.seen))
    return blocks


def raster(chapter: Chapter, key: str, inputs: F32) -> Block:
    """The last seconds of the pass."""
    bin_s = chapter.bins.bin_s
    count = min(int(np.clip(round(RASTER_S / bin_s), LEAST, MOST)), len(inputs))
    newest = np.nan_to_num(inputs[-count:])
    top = max(float(np.percentile(newest, 99.5)), 1e-9)
    shade = np.round(255 * np.clip(newest / top, 0, 1)).astype(np.uint8)
    figures = [image(shade, bin_s, ("input channel", SHADES))]
    words = [
        f"The last {count * bin_s:g} s of the pass, a column a bin. Input channels: the deeper, the"
        f" more ({amount_of(inputs, chapter.bins.reduce)}; full colour from {top:.3g} on)."
    ]
    if chapter.seen is not None:
        spikes = 255 * chapter.seen.spikes(slice(-count, None))
        figures.append(image(spikes, bin_s, ("neuron", ["#00000000", INK])))
        words.append(
            "Below, the spikes of the network's neurons; they lie sorted by membrane time constant,"
            " the quickest at the bottom."
        )
    else:
        words.append(no_network(chapter))
    figures[-1].xaxis[0].axis_label = "seconds, the pass ends at 0"
    return Block(key, "Spikes near the end", tuple(words), stacked(figures))


def image(values: NDArray[np.uint8], bin_s: float, what: tuple[str, list[str]]) -> figure:
    """Bins (bins, rows) from left to right, named and coloured by `what`."""
    span, rows = len(values) * bin_s, values.shape[1]
    made = plot(
        max(140, min(260, 2 * rows)), "", what[0], x_range=(-span, 0.0), y_range=(0.0, float(rows))
    )
    source = ColumnDataSource({"pixels": [np.ascontiguousarray(values.T)]})
    mapper = LinearColorMapper(palette=what[1], low=0, high=255)
    glyph = Image(image="pixels", x=-span, y=0, dw=span, dh=rows, color_mapper=mapper)
    made.add_glyph(source, glyph)
    made.ygrid[0].visible = False
    return made


def rates(chapter: Chapter, key: str, inputs: F32) -> Block:
    """Means over the session."""
    bin_s, results = chapter.bins.bin_s, chapter.results
    counts = are_counts(inputs)
    mean_input = np.nan_to_num(inputs).mean(axis=1) / (bin_s if counts else 1)
    last = "minutes into the session"
    minutes = chapter.minutes
    figures = [curve(minutes, mean_input, "input, Hz" if counts else "input", "input")]
    words = ["Means over all channels" + (" (spikes a second and channel)" if counts else "")]
    if chapter.seen is not None:
        mean_spikes = chapter.seen.spikes().mean(axis=1) / bin_s
        figures.append(curve(minutes, mean_spikes, "network, Hz", "eprop"))
        words[0] += " and over all neurons (spikes a second and neuron; one a bin at most)"
    per_point = max(1, len(results[0].index) // POINTS) * bin_s
    words[0] += f", each point the mean of {per_point:.3g} s."
    figures[-1].xaxis[0].axis_label = last
    return Block(key, "Firing rates over the session", tuple(words), stacked(figures))


def curve(minutes: F64, values: F64, label: str, colour: str) -> figure:
    """One line, averaged down to a few points."""
    each = max(1, len(values) // POINTS)
    count = min(len(values), len(minutes)) // each
    y = values[: count * each].reshape(count, each).mean(axis=1)
    x = minutes[: count * each].reshape(count, each)[:, -1]
    made = plot(150, "", label, y_range=(0.0 if y.min() >= 0 else float(y.min()), top(y)))
    made.line(narrow(x), narrow(y), color=COLOURS[colour], line_width=1.5)
    return made


def top(values: F64) -> float:
    """A little above the highest."""
    return float(values.max()) * 1.08 or 1.0


def spread(chapter: Chapter, key: str, seen: Seen) -> Block:
    """How often each neuron fires, at the start and at the end."""
    bin_s, bins = chapter.bins.bin_s, len(seen.packed)
    fifth = max(1, bins // 5)
    first = seen.spikes(slice(0, fifth)).mean(axis=0) / bin_s
    last = seen.spikes(slice(-fifth, None)).mean(axis=0) / bin_s
    edges = np.linspace(0, max(float(first.max()), float(last.max()), 1e-3) * 1.0001, BARS + 1)
    after, before = (np.histogram(each, edges)[0] for each in (last, first))
    highest = 1.08 * float(max(after.max(), before.max()))
    made = plot(220, "spikes a second", "neurons", y_range=Range1d(start=0, end=highest))
    made.quad(
        top="top",
        bottom=0,
        left="left",
        right="right",
        source=ColumnDataSource(
            {"top": narrow(after), "left": narrow(edges[:-1]), "right": narrow(edges[1:])}
        ),
        fill_color=COLOURS["eprop"],
        fill_alpha=0.65,
        line_color=None,
    )
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(before, 2).astype(np.float64)
    made.line(narrow(x), narrow(y), color=SOFT, line_width=1.5, line_dash="dashed")
    silent = int((last < 1 / (fifth * bin_s)).sum())
    return Block(
        key,
        "Firing rates of single neurons",
        (
            f"Bars: the last fifth of the pass, median {np.median(last):.2f} Hz, {silent} of "
            f"{seen.neurons} neurons silent. Dashed outline: the first fifth, median "
            f"{np.median(first):.2f} Hz. A neuron spikes once a bin at most, {1 / bin_s:g} Hz.",
        ),
        made,
    )


def are_counts(inputs: F32) -> bool:
    """Whether what comes in is whole and not negative."""
    finite = inputs[np.isfinite(inputs)]
    return bool((finite >= 0).all() and (finite == np.round(finite)).all())


def amount_of(inputs: F32, reduce: str) -> str:
    """What a bin of it is."""
    return "counts a bin" if are_counts(inputs) else f"the {reduce} of a bin's samples"


def no_network(chapter: Chapter) -> str:
    """Why there is less to see."""
    return (
        f"{chapter.results[0].decoder} is no spiking network: there are no neurons, weights and "
        "gradients to show."
    )
