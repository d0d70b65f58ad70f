"""A headless Chromium for tests; whoever asks for one without it is skipped."""

import shutil
import time

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DRIVER = "chromedriver"
LONG_S = 60.0


def chromium(folder, width=1440, height=900):
    """A browser with a profile in `folder`; the caller quits it."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which(DRIVER)
    if browser is None or driver is None:
        pytest.skip(f"no {DRIVER}, or none of {', '.join(BROWSERS)}, is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={folder}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


class Asked:
    """A program that BROWSER names: notes which page it is to open, and is closed by `close`."""

    def __init__(self, folder):
        folder.mkdir()
        self._url, self._closed = folder / "url", folder / "closed"
        program = folder / "browser"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$1" > {folder}/new && mv {folder}/new {self._url}\n'
            f"for _ in $(seq 400); do [ -e {folder}/close ] && break; sleep 0.05; done\n"
            f"touch {self._closed}\n"
        )
        program.chmod(0o700)
        self._folder = folder
        self.environment = {"BROWSER": str(program)}

    @property
    def url(self):
        """What it was asked to open; None as long as it was not."""
        return self._url.read_text().strip() if self._url.exists() else None

    @property
    def is_open(self):
        return self.url is not None and not self._closed.exists()

    def close(self):
        (self._folder / "close").touch()
        if self.url is not None:
            until(self._closed.exists, "the program ends")


def until(look, what, most_s=LONG_S):
    """What `look` returns once that is true; AssertionError where it never is."""
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    told = what() if callable(what) else what
    raise AssertionError(f"not within {most_s:g} s: {told}")


class Window:
    """A page in the browser, as its reader uses it."""

    def __init__(self, driver, url):
        self.driver = driver
        driver.get(url)
        until(lambda: self.script("return document.body.dataset.ready"), "the page is ready")

    def script(self, text, *given):
        return self.driver.execute_script(text, *given)

    def text(self, css):
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def button(self, verb):
        return self.driver.find_element("css selector", f'button[data-verb="{verb}"]')

    def says(self, css, word):
        """Wait until the words at a place hold this one."""
        until(
            lambda: word in self.text(css),
            lambda: f"{word!r} at {css}, where {self.text(css)!r} is",
        )

    def picture(self, name):
        """The pixels of a figure, as a string."""
        return self.script(
            """
            for (const made of Bokeh.documents[0].roots()) {
              if (made.name !== arguments[0]) continue;
              const canvas = Bokeh.index.find_one(made).canvas_view.compose().canvas;
              return canvas.toDataURL();
            }
            """,
            name,
        )

    def faults(self):
        """What the console holds that should not be there."""
        bad = ("SEVERE", "WARNING")
        return [line for line in self.driver.get_log("browser") if line["level"] in bad]
