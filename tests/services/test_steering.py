"""The page of `eprop-rt task --mouse` in a real browser: the pointer is where the cursor goes."""

import math
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest

from eprop_rt_services.lsl_link import lsl_available

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no Chromium here (Debian: chromium, chromium-driver)",
    ),
]

PATIENCE_S = 120.0
NEAR_CM, HALF_WIDTH_CM = 4.0, 14.0
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
CURSOR = """
const found = window.Bokeh && Bokeh.documents.length ? Bokeh.documents[0] : null;
if (!found || !found.get_model_by_name("field")) return null;
const data = found.get_model_by_name("field").renderers[1].data_source.data;
return [data.x[0], data.y[0]];
"""
SET = "Bokeh.documents[0].get_model_by_name(arguments[0]).setv({[arguments[1]]: arguments[2]});"
TEXT = "return Bokeh.documents[0].get_model_by_name('told').text;"


@contextmanager
def page(*arguments):
    """`eprop-rt task --mouse` as a process, and the address of its page."""
    command = [sys.executable, "-m", "eprop_rt_services", "task", "--mouse", *map(str, arguments)]
    name = f"bench-{uuid.uuid4().hex[:12]}"
    process = subprocess.Popen(
        [*command, "--name", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, process.communicate()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        yield found.group(), process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def browser(size, *, dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS, f"--window-size={size[0]},{size[1]}"):
        options.add_argument(option)
    if dark:
        options.add_argument("--force-dark-mode")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def until(holds):
    """What `holds` returns when it is true."""
    end_s = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    return found


class Pointer:
    """The mouse over the field, in cm."""

    def __init__(self, driver):
        self._driver = driver
        self._field = driver.find_element("css selector", ".field")
        self._nudge = 0

    def at(self, x, y):
        """Point there; a browser tells of a pointer that moves, so it trembles."""
        self._nudge = 1 - self._nudge
        size = self._field.size["width"] / (2 * HALF_WIDTH_CM)
        webdriver.ActionChains(self._driver, duration=0).move_to_element_with_offset(
            self._field, round(x * size) + self._nudge, round(-y * size)
        ).perform()

    def leads(self, x, y):
        """Whether the cursor has come near while the mouse was there."""
        self.at(x, y)
        came = self._driver.execute_script(CURSOR)
        return math.dist(came, (x, y)) < NEAR_CM


def errors_of(driver):
    return [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"]


def test_the_cursor_follows_the_mouse_and_a_decoder_that_hears_nothing_does_not():
    with (
        page("--decoder", "rls", "--decoder", "untrained", "--practice", 15) as (url, process),
        browser((1000, 1000)) as driver,
    ):
        driver.get(url)
        until(lambda: driver.execute_script(CURSOR))
        pointer = Pointer(driver)
        for place in ((8.0, 6.0), (-8.0, 2.0), (0.0, -8.0)):
            until(lambda at=place: pointer.leads(*at))
        driver.execute_script(SET, "decoders", "active", 1)
        until(lambda: math.dist(driver.execute_script(CURSOR), (0, 0)) < 1)
        end_s = time.monotonic() + 5
        while time.monotonic() < end_s:
            assert not pointer.leads(9.0, -9.0)
        until(lambda: "targets reached" in driver.execute_script(TEXT))
        assert errors_of(driver) == []
        process.terminate()
        said, complaints = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaints) == (0, "")
    assert "commands missed" in said.splitlines()[-1]
