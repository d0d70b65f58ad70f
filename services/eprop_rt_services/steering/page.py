"""The page itself: a field with cursor and target, and what makes the decoder worse."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from bokeh.document import Document
from bokeh.events import MouseLeave, MouseMove, Tap
from bokeh.models import ColumnDataSource, Range1d
from bokeh.models.widgets import Div, RadioButtonGroup, Slider, Toggle
from bokeh.plotting import figure

from eprop_rt.errors import EpropError
from eprop_rt_protocols.screen import Screen
from eprop_rt_services.pages.place import Place
from eprop_rt_services.pages.server import serve_page
from eprop_rt_services.pages.template import page_template
from eprop_rt_services.steering.hand import Hand

EVERY_MS = 33
CURSOR_CM = 0.45
TARGET, CURSOR = "#2a9d7f", "#e07b39"
NOTHING_YET = "no trial yet"


class Steering:
    """Serves the page; `failure` is what ended it, if not a person."""

    def __init__(self, hand: Hand, half_width_cm: float) -> None:
        self._hand, self._half_width_cm = hand, half_width_cm
        self._template = page_template("eprop_rt_services.steering")
        self.failure: EpropError | None = None

    def serve(self, place: Place, ready: Callable[[str], None]) -> None:
        """Serve until a signal; raises the StreamError of a process that ended meanwhile."""
        serve_page(self.build, place, ready)
        if self.failure is not None:
            raise self.failure

    def build(self, document: Document) -> None:
        """Fill the document of one browser."""
        cursor = ColumnDataSource({"x": [0.0], "y": [0.0]})
        targets = ColumnDataSource({"x": [], "y": [], "radius": []})
        told = Div(text=NOTHING_YET, name="told")
        roots = [self._field(cursor, targets), told, *self._controls()]
        for root in roots:
            document.add_root(root)
        document.template = self._template
        document.template_variables["controls"] = [str(root.name) for root in roots[2:]]
        document.title = "task - eprop-rt"

        def tick() -> None:
            with self._watched():
                screen = self._hand.tick()
                if screen is not None:
                    draw(screen, cursor, targets, told)

        document.add_periodic_callback(tick, EVERY_MS)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """What fails here ends the page."""
        try:
            yield
        except EpropError as error:
            if self.failure is None:
                self.failure = error
                signal.raise_signal(signal.SIGTERM)

    def _field(self, cursor: ColumnDataSource, targets: ColumnDataSource) -> Any:
        half = self._half_width_cm
        field = figure(
            name="field",
            x_range=Range1d(start=-half, end=half),
            y_range=Range1d(start=-half, end=half),
            match_aspect=True,
            aspect_ratio=1,
            sizing_mode="scale_width",
            toolbar_location=None,
            tools="",
            background_fill_color=None,
            border_fill_color=None,
            outline_line_color=None,
            min_border=0,
        )
        field.axis.visible = False
        field.grid.visible = False
        field.circle("x", "y", radius="radius", source=targets, color=TARGET, alpha=0.7)
        field.circle("x", "y", radius=CURSOR_CM, source=cursor, color=CURSOR)
        for event in (MouseMove, Tap):
            field.on_event(event, lambda came: self._hand.point(came.x, came.y))
        field.on_event(MouseLeave, lambda _: self._hand.point())
        return field

    def _controls(self) -> list[Any]:
        hand = self._hand
        heard = Slider(
            name="heard", title="units heard, %", start=0, end=100, step=5, value=100,
            sizing_mode="stretch_width",
        )  # fmt: skip
        heard.on_change("value", lambda _a, _o, new: hand.hear(new / 100))
        noise = Slider(
            name="noise", title="noise on every unit, spikes/s", start=0, end=60, step=5, value=0,
            sizing_mode="stretch_width",
        )  # fmt: skip
        noise.on_change("value", lambda _a, _o, new: hand.disturb(new))
        controls: list[Any] = [heard, noise]
        if len(hand.bench.decoders) > 1:
            decoders = RadioButtonGroup(name="decoders", labels=list(hand.bench.decoders), active=0)
            decoders.on_change("active", lambda _a, _o, new: self._do(partial(hand.listen_to, new)))
            controls.append(decoders)
        teaching = Toggle(name="teaching", label="learn: I aim at the target", active=False)
        teaching.on_change("active", lambda _a, _o, new: self._do(partial(hand.teach, new)))
        return [*controls, teaching]

    def _do(self, act: Callable[[], None]) -> None:
        with self._watched():
            act()


def draw(screen: Screen, cursor: ColumnDataSource, targets: ColumnDataSource, told: Div) -> None:
    """Put what the task shows into what the browser shows."""
    x, y = screen.cursor
    cursor.data = {"x": [x], "y": [y]}
    drawn = {
        "x": [each.x for each in screen.targets],
        "y": [each.y for each in screen.targets],
        "radius": [each.radius for each in screen.targets],
    }
    if drawn != dict(targets.data):
        targets.data = drawn
    text = told_of(screen)
    if text != told.text:
        told.text = text


def told_of(screen: Screen) -> str:
    """How the trials went, in a line."""
    if not screen.trial:
        return NOTHING_YET
    newest = "" if screen.newest_time_s is None else f", the newest in {screen.newest_time_s:.2f} s"
    return f"{screen.successes} of {screen.trial} targets reached{newest}"
