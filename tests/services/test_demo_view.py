"""What the demonstration prints while it runs."""

import io

import pytest
from rich.console import Console

from eprop_rt_services.demo import view
from eprop_rt_services.demo.stage import Moment


def test_lines_come_every_five_seconds_however_long_a_look_takes(monkeypatch):
    now_s, shown = 0.0, []
    monkeypatch.setattr(view.time, "monotonic", lambda: now_s)
    text = io.StringIO()
    lines = view.LinesView(Console(file=text, width=200))
    while now_s < 45.0:
        before = len(text.getvalue())
        lines.show(Moment("learning", f"{45 - now_s:.0f} s left", {}))
        if len(text.getvalue()) > before:
            shown.append(now_s)
        now_s += 0.37
    assert shown == pytest.approx([5 * k for k in range(9)], abs=0.37)
    lines.show(Moment("frozen probes", "24 trials left", {}))
    assert text.getvalue().count("\n") == 10
    assert "frozen probes" in text.getvalue()


def test_a_look_that_comes_late_is_one_line(monkeypatch):
    now_s, text = 0.0, io.StringIO()
    monkeypatch.setattr(view.time, "monotonic", lambda: now_s)
    lines = view.LinesView(Console(file=text, width=200))
    for now_s in (0.0, 17.0, 17.1, 19.9, 20.1):
        lines.show(Moment("learning", f"{now_s} s", {}))
    shown = [line.split()[1] for line in text.getvalue().splitlines()]
    assert shown == ["0.0", "17.0", "20.1"]
