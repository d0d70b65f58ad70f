"""The page as its reader sees it: real daemons, a real Chromium, nothing simulated but the task."""

import http.server
import re
import signal
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from browser_rig import Window, chromium, until
from monitor_rig import Fed, Task, end, monitor

pytestmark = [pytest.mark.live, pytest.mark.large]

PICTURES = (
    *("field", "spikes", "inputs", "output-0", "output-1"),
    *("success", "taken", "norms", "spread", "latency", "age"),
)
ROLLBACKS = "guard_rollback_order"


class Scene:
    """Two daemons, a task, a page that follows both, and a window on it."""

    def __init__(self, folder):
        driver = chromium(folder / "profile")
        self.left, self.right = Fed(folder / "left"), Fed(folder / "right")
        self.task = Task(folder)
        for each in (self.left, self.right):
            each.rig.wait_until_ready()
        self.serve(0)
        self.window = Window(driver, self.url)

    def serve(self, port):
        left, right = self.left, self.right
        self.process, self.url = monitor(
            *("--daemon", f"left={left.views},{left.rig.control},{self.task.endpoint}"),
            *("--daemon", f"right={right.views},{right.rig.control}"),
            *("--port", str(port)),
        )

    def end(self):
        """Stop the page while a browser looks at it: it has nothing to complain of."""
        assert end(self.process) == ""

    def close(self):
        try:
            self.end()
        finally:
            self.window.driver.quit()
            for each in (self.task, self.left, self.right):
                each.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("page"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def window(scene):
    """With the daemon that has a task selected."""
    scene.window.select("left")
    return scene.window


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_of_a_running_daemon_shows_something_and_changes(window, name):
    until(lambda: window.ink(name) > 50, f"{name} is drawn")
    before = window.picture(name)
    until(lambda: window.picture(name) != before, f"{name} changes")


def test_each_daemon_has_a_card_with_its_state_and_the_age_of_its_data(window):
    for name in ("left", "right"):
        until(
            lambda name=name: re.search(rf"{name}learningdata \d", window.text("#cards")),
            f"the card of {name}",
        )
    assert "success" in window.text("#cards")


def test_freeze_is_shown_when_the_daemon_says_so_and_thaw_undoes_it(scene, window):
    window.button("freeze").click()
    window.says('button[data-verb="freeze"]', "Frozen")
    assert scene.left.status().learning == "frozen"
    assert scene.left.status().learning_cause == "operator"
    window.says("#told", "learning is frozen")
    window.button("thaw").send_keys("\ue007")  # by the keyboard
    window.says('button[data-verb="thaw"]', "Thawed")
    assert scene.left.status().learning == "on"


def test_a_checkpoint_is_told_when_it_is_on_the_disk(scene, window):
    window.button("checkpoint").click()
    window.says("#told", "on the disk")
    assert scene.left.status().checkpoint is not None


def test_a_roll_back_is_told_when_the_daemon_has_done_it(scene, window):
    until(lambda: scene.left.status().guard.counters.get("guard_good_state"), "a good state")
    before = scene.left.status().guard.counters.get(ROLLBACKS, 0)
    window.button("rollback").click()
    window.says("#told", "rollback done")
    assert scene.left.status().guard.counters[ROLLBACKS] == before + 1


def test_what_a_selected_daemon_does_not_have_is_not_there(scene, window):
    until(lambda: window.ink("field") > 50, "the screen of the task")
    window.select("right")
    until(lambda: window.ink("field") == 0, "no screen, where there is no task")
    window.says('[data-word="no-screen"]', "No task is shown")


def test_a_task_that_goes_takes_its_cursor_with_it(scene, window):
    scene.task.silent = True
    window.says('[data-word="no-screen"]', "The task has gone")
    until(lambda: window.ink("field") == 0, "no cursor and no target")
    scene.task.silent = False
    until(lambda: window.ink("field") > 50, "the screen is back")
    until(lambda: window.text('[data-word="no-screen"]') == "", "nothing is said of it")


def test_a_daemon_that_hangs_may_still_drive_and_goes_on_when_it_wakes_up(scene, window):
    process = scene.left.rig.process
    process.send_signal(signal.SIGSTOP)
    try:
        window.says('.card[aria-checked="true"] .state', "no answer")
        window.says('[data-word="doubt"]', "it may still drive the cursor")
        window.says('[data-word="no-views"]', "no new bins for")
        assert window.script("return document.querySelectorAll('.stale').length") >= 4
    finally:
        process.send_signal(signal.SIGCONT)
    window.says('.card[aria-checked="true"] .state', "learning")
    window.says('button[data-verb="stop"]', "Stop left")
    until(lambda: not window.script("return document.querySelector('.stale')"), "all is new")


def test_a_page_shows_that_a_daemon_has_gone_and_goes_on_when_it_comes_back(scene, window):
    scene.left.rig.process.kill()
    scene.left.rig.process.wait()
    window.says('.card[aria-checked="true"] .state', "no answer")
    scene.left.again()
    window.says('.card[aria-checked="true"] .state', "learning")
    before = window.picture("spikes")
    until(lambda: window.picture("spikes") != before, "the raster goes on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_at_each_size_and_scheme_nothing_is_cut_off_and_stop_is_in_sight(
    window, width, height, scheme
):
    window.resize(width, height, scheme)
    until(lambda: window.faulty_places() == [], lambda: "\n".join(window.faulty_places()))
    assert window.script("return document.documentElement.scrollWidth") <= width
    for name in PICTURES:
        until(lambda name=name: window.ink(name) > 30, f"{name} in a {scheme} window")
    window.script("window.scrollTo(0, document.body.scrollHeight)")
    assert window.script("return document.getElementById('told').getBoundingClientRect().top") > 0
    top, bottom, left, right = window.script(
        "const b = document.getElementById('stop').getBoundingClientRect();"
        "return [b.top, b.bottom, b.left, b.right]"
    )
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    window.resize(1440, 900)


def test_the_page_takes_the_colours_that_its_reader_prefers(window):
    def paper(scheme, line):
        window.resize(1440, 900, scheme)
        colour = "return Bokeh.documents[0].get_model_by_name('age').left[0].axis_line_color"
        until(lambda: window.script(colour) == line, f"{scheme} figures")
        return window.script("return getComputedStyle(document.body).backgroundColor")

    assert paper("dark", "#343b43") != paper("light", "#e3e7eb")


def test_stop_ends_the_selected_daemon_and_no_other(scene, window):
    window.select("right")
    window.button("stop").click()
    assert scene.right.rig.process.wait(30) == 0
    window.says('button[data-verb="stop"]', "Stopped")
    window.says('.card[aria-checked="true"] .state', "stopped")
    assert window.text('[data-word="doubt"]') == ""
    assert scene.left.status().state == "running"


def test_every_button_has_words_and_the_console_is_empty(window):
    named = window.script(
        "return [...document.querySelectorAll('button')]"
        ".every((b) => b.textContent.trim() || b.getAttribute('aria-label'))"
    )
    assert named
    assert window.faults() == []


def test_a_page_whose_server_hangs_says_that_nothing_comes(scene, window):
    scene.process.send_signal(signal.SIGSTOP)
    try:
        window.says("#connection", "nothing new for")
    finally:
        scene.process.send_signal(signal.SIGCONT)
    window.says("#connection", "connected")


@contextmanager
def out_of_order(port):
    """Something that answers at this port that it cannot; yields how often it was asked."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, *_):
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def test_a_page_connects_again_when_its_server_is_back_whatever_answered_meanwhile(scene, window):
    port = urlsplit(scene.url).port
    scene.end()
    window.says("#connection", "not connected")
    assert not window.button("stop").is_enabled()
    with out_of_order(port) as asked:
        until(lambda: len(asked) > 1, "it asks again, though it was answered")
    scene.serve(port)
    window.says("#connection", "connected")
    until(lambda: window.script("return document.body.dataset.ready"), "a fresh page")
    window.select("left")
    until(lambda: window.ink("spikes") > 50, "the raster is drawn")
    lost = "Failed to load", "WebSocket", "connection", "websocket"
    said = [line["message"] for line in window.faults()]
    assert [each for each in said if not any(word in each for word in lost)] == []
