"""How a page gets to the reader: by the browser that there is, which is not waited for."""

import threading

import pytest

from browser_rig import Asked, until
from eprop_rt_services.pages.browser import open_page


@pytest.mark.live
def test_a_browser_that_stays_open_does_not_hold_up_who_opens_the_page(tmp_path, monkeypatch):
    asked = Asked(tmp_path / "browser")
    monkeypatch.setenv("BROWSER", asked.environment["BROWSER"])
    open_page("http://127.0.0.1:1/")
    try:
        until(lambda: asked.url, "the browser is asked")
        assert asked.url == "http://127.0.0.1:1/"
        assert asked.is_open
    finally:
        asked.close()


def test_nothing_is_opened_where_there_is_nothing_to_show_it_on(monkeypatch):
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    open_page("http://127.0.0.1:1/")
    assert not any(thread.name == "browser" for thread in threading.enumerate())
