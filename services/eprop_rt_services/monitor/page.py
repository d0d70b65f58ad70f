"""The page of one browser: figures of the selected daemon, and words of all."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from bokeh.document import Document
from bokeh.models import CustomJS

from eprop_rt_protocols.view import ViewHeader
from eprop_rt_services.monitor.age import Age
from eprop_rt_services.monitor.field import Field
from eprop_rt_services.monitor.follow import Follower
from eprop_rt_services.monitor.latencies import Latencies
from eprop_rt_services.monitor.link import Link
from eprop_rt_services.monitor.look import DARK, LIGHT, Look
from eprop_rt_services.monitor.orders import VERBS
from eprop_rt_services.monitor.raster import Raster, inputs_picture, spikes_picture
from eprop_rt_services.monitor.state import state_of
from eprop_rt_services.monitor.traces import Traces
from eprop_rt_services.monitor.trials import Trials
from eprop_rt_services.monitor.weights import Weights
from eprop_rt_services.pages.template import page_template

TICK_MS = 50
BINS_EVERY, WORDS_EVERY, SLOW_EVERY = 3, 5, 20  # ticks
SPAN_S = 5.0
OUTPUTS = 2  # that are drawn


def page_of(followers: Sequence[Follower]) -> Callable[[Document], None]:
    """What fills the document of each browser that comes."""

    def build(document: Document) -> None:
        Page(document, followers)

    return build


class Page:
    """What one browser sees. All its methods run in the server's loop."""

    def __init__(self, document: Document, followers: Sequence[Follower]) -> None:
        self._followers, self._selected = followers, 0
        self._field = Field("field")
        self._spikes = Raster("spikes", 210, "neurons", SPAN_S)
        self._inputs = Raster("inputs", 170, "inputs", SPAN_S)
        self._traces = [
            Traces(f"output-{at}", 150 + 32 * at, SPAN_S, lowest=at == OUTPUTS - 1)
            for at in range(OUTPUTS)
        ]
        self._trials = Trials(118, len(followers))
        self._weights = Weights(118)
        self._latencies = Latencies(192)
        self._age = Age(74)
        self._link = Link()
        self._tick, self._said = 0, ""
        self._drawn: tuple[int, int] = (-1, -1)
        self._dress()
        for root in self._roots():
            document.add_root(root)
        self._field.root.tags = [self._link]  # a model of the document without a place on it
        document.title = "eprop-rt monitor"
        document.template = page_template(__package__)
        document.config.notify_connection_status = False
        document.js_on_event(
            "document_ready",
            CustomJS(args={"link": self._link}, code="window.monitor.begin(link)"),
        )
        self._link.on_change("order", self._obey)
        self._link.on_change("dark", self._prefer)
        document.add_periodic_callback(self._step, TICK_MS)
        self._say()

    def _roots(self) -> list[Any]:
        return [
            self._field.root,
            self._spikes.root,
            self._inputs.root,
            *(each.root for each in self._traces),
            self._trials.success,
            self._trials.taken,
            self._weights.norms,
            self._weights.spread,
            self._latencies.root,
            self._age.root,
        ]

    def _dress(self) -> None:
        look = self._look
        self._field.dress(look)
        self._spikes.dress(look, look.ink)
        self._inputs.dress(look, look.intended)
        for each in self._traces:
            each.dress(look)
        self._weights.dress(look)
        self._latencies.dress(look)
        self._age.dress(look)
        self._drawn = (-1, -1)
        self._draw_slow()

    def _dress_series(self) -> None:
        look = self._look
        self._series = [look.of(at, each.seen.learns) for at, each in enumerate(self._followers)]
        self._trials.dress(look, self._series, self._selected)

    @property
    def _look(self) -> Look:
        return DARK if self._link.dark else LIGHT

    def _prefer(self, attr: str, old: bool, new: bool) -> None:
        """The reader prefers a dark page, or a light one."""
        self._dress()

    def _obey(self, attr: str, old: str, new: str) -> None:
        """Something was clicked: a daemon, or an order to the one that it names."""
        said = json.loads(new)
        at, verb = int(said["daemon"]), said.get("verb")
        if not 0 <= at < len(self._followers):
            return
        if verb in VERBS:
            self._followers[at].order(verb)
        elif verb == "select":
            self._selected = at
            self._dress()
            self._field.show(self._chosen.seen)
            self._draw_bins()
        self._say()

    def _step(self) -> None:
        if self._link.hidden:
            return
        self._tick += 1
        self._field.show(self._chosen.seen)
        if self._tick % BINS_EVERY == 0:
            self._draw_bins()
        if self._tick % WORDS_EVERY == 0:
            self._say()
        if self._tick % SLOW_EVERY == 0:
            self._draw_slow()

    @property
    def _chosen(self) -> Follower:
        return self._followers[self._selected]

    def _draw_bins(self) -> None:
        seen = self._chosen.seen
        drawn = self._selected, seen.changes
        if drawn == self._drawn:
            return
        self._drawn = drawn
        bins = seen.bins(SPAN_S)
        if bins is None:
            self._clear_bins()
            return
        header = bins.header
        self._spikes.show(spikes_picture(bins, SPAN_S), header.neurons)
        self._inputs.show(inputs_picture(bins, SPAN_S), header.inputs)
        for output, each in enumerate(self._traces):
            if output < header.outputs:
                each.show(bins, output, named(header, output))
            else:
                each.clear()

    def _clear_bins(self) -> None:
        for raster in (self._spikes, self._inputs):
            raster.clear()
        for traces in self._traces:
            traces.clear()

    def _draw_slow(self) -> None:
        seen = self._chosen.seen
        self._dress_series()
        self._trials.show([each.seen.all_trials() for each in self._followers], self._selected)
        with seen.lock:
            norms, weights = list(seen.norms), seen.weights
        self._weights.show(norms, weights)
        latency_ms = {} if seen.status is None else seen.status.latency_ms
        self._latencies.show(latency_ms, seen.recent_counts())
        with seen.lock:
            ages = list(seen.ages)
        self._age.show(ages, time.monotonic())
        self._link.update(beat=self._tick)

    def _say(self) -> None:
        state = state_of(self._followers, self._selected)
        state["colours"] = self._series
        state["groups"] = self._weights.groups()
        text = json.dumps(state)
        if text != self._said:
            self._said = text
            self._link.update(state=text)


def named(header: ViewHeader, output: int) -> str:
    """An output with its unit, as far as the daemon names them."""
    name = header.names[output] if output < len(header.names) else str(output)
    unit = f", {header.units[output]}" if output < len(header.units) else ""
    return f"{name}{unit}"
