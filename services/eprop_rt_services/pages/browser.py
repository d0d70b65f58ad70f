"""The reader's browser, where there is one to open."""

import contextlib
import os
import webbrowser

DISPLAYS = "DISPLAY", "WAYLAND_DISPLAY"


def has_display() -> bool:
    """Whether a browser could show something here; who names one with BROWSER means it."""
    return any(os.environ.get(name) for name in (*DISPLAYS, "BROWSER"))


def open_page(url: str) -> bool:
    """Open a page in the reader's browser; False where there is none, or no display."""
    if not has_display():
        return False
    with contextlib.suppress(webbrowser.Error):
        return webbrowser.open(url)
    return False
