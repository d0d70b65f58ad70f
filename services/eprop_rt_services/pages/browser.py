"""The reader's browser, where there is one to open."""

import contextlib
import os
import threading
import webbrowser

DISPLAYS = "DISPLAY", "WAYLAND_DISPLAY"


def has_display() -> bool:
    """Whether a browser could show something here; who names one with BROWSER means it."""
    return any(os.environ.get(name) for name in (*DISPLAYS, "BROWSER"))


def open_page(url: str) -> None:
    """Open a page in the reader's browser, if there is one and a display; returns at once.

    A browser that BROWSER names is waited for until it is closed, so that is done in a thread.
    """
    if has_display():
        threading.Thread(target=_open, args=(url,), name="browser", daemon=True).start()


def _open(url: str) -> None:
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)
