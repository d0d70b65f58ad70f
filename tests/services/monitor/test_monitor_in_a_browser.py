"""The page as its reader sees it: real daemons, a real Chromium, nothing simulated but the task."""

import re
import subprocess
import sys
import threading

import pytest

from browser_rig import Window, chromium, until
from daemon_rig import Rig
from eprop_rt_protocols.screen import Screen, Target, TrialResult, encode_screen
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import FrameSender

pytestmark = [pytest.mark.live, pytest.mark.large]


class Fed:
    """A daemon that is fed all the time, and views of it."""

    def __init__(self, folder):
        folder.mkdir()
        self.views = f"ipc://{folder}/views"
        overrides = {
            "publish.visual_endpoint": self.views,
            "checkpoint.file": folder / "kept.npz",
        }
        self.rig = Rig(folder, overrides=overrides.items())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def _feed(self):
        while not self._ended.is_set():
            self.rig.feed(0.05)

    def status(self):
        return self.rig.ask("status").status

    def again(self):
        """Another process in its place, with the same configuration."""
        self.rig.process.kill()
        self.rig.process.wait()
        self.rig.process.stderr.close()
        self.rig.process = subprocess.Popen(
            self.rig.process.args, stderr=subprocess.PIPE, text=True
        )
        self.rig.wait_until_ready()

    def close(self):
        self._ended.set()
        self._thread.join()
        self.rig.close()


class Task:
    """Publishes a screen on which the cursor goes round, and a trial is won every second."""

    def __init__(self, folder):
        self._sender = FrameSender(f"ipc://{folder}/screens")
        self.endpoint = self._sender.endpoint
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def _show(self):
        sequence = 0
        while not self._ended.wait(0.03):
            sequence += 1
            won = sequence // 30
            trials = tuple(
                TrialResult(
                    sequence=at,
                    success=at % 3 > 0,
                    time_to_target_s=1.0 if at % 3 else None,
                    ended_s=float(at),
                    learning=True,
                )
                for at in range(won)
            )[-200:]
            screen = Screen(
                version=VERSION,
                sequence=sequence,
                stamp_s=local_clock(),
                clock="lsl_local_clock",
                name="test",
                task="centre_out",
                cursor=(sequence % 20 - 10.0, 0.0),
                targets=(Target(x=9.0, y=0.0, radius=2.0, state="aim"),),
                bounds=12.0,
                phase="reach",
                trial=won,
                successes=won,
                failures=0,
                newest_time_s=1.0 if won else None,
                recent=trials,
            )
            self._sender.send(encode_screen(screen))

    def close(self):
        self._ended.set()
        self._thread.join()
        with self._sender:
            pass


def monitor(*arguments):
    """The page as a process; returns it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "eprop_rt_services", "monitor", *arguments, "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, line
    return process, found.group()


def end(process):
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Two daemons, a task, a page that follows both, and a window on it."""
    folder = tmp_path_factory.mktemp("page")
    driver = chromium(folder / "profile")
    fed = [Fed(folder / "left"), Fed(folder / "right")]
    task = Task(folder)
    for each in fed:
        each.rig.wait_until_ready()
    process, url = monitor(
        *("--daemon", f"left={fed[0].views},{fed[0].rig.control},{task.endpoint}"),
        *("--daemon", f"right={fed[1].views},{fed[1].rig.control}"),
        *("--port", "0"),
    )
    try:
        yield Window(driver, url), *fed
    finally:
        driver.quit()
        end(process)
        task.close()
        for each in fed:
            each.close()


def select(window, name):
    cards = window.driver.find_elements("css selector", ".card")
    next(card for card in cards if name in card.text).click()
    until(
        lambda: name in window.text('.card[aria-checked="true"]'),
        f"{name} is selected",
    )


@pytest.mark.parametrize("name", ["field", "spikes", "inputs", "output-0", "age", "success"])
def test_every_picture_of_a_running_daemon_changes(scene, name):
    window, *_ = scene
    select(window, "left")
    before = window.picture(name)
    assert before
    until(lambda: window.picture(name) != before, f"{name} changes")


def test_each_daemon_has_a_card_with_its_state_and_the_age_of_its_data(scene):
    window, *_ = scene
    for name in ("left", "right"):
        until(
            lambda name=name: re.search(rf"{name}learningdata \d", window.text("#cards")),
            f"the card of {name}",
        )
    assert "success" in window.text("#cards")


def test_freeze_is_shown_when_the_daemon_says_so_and_thaw_undoes_it(scene):
    window, left, _ = scene
    select(window, "left")
    window.button("freeze").click()
    window.says('button[data-verb="freeze"]', "Frozen")
    assert left.status().learning == "frozen"
    assert left.status().learning_cause == "operator"
    window.says("#told", "learning is frozen")
    window.button("thaw").send_keys("\ue007")  # by the keyboard
    window.says('button[data-verb="thaw"]', "Thawed")
    assert left.status().learning == "on"


def test_a_checkpoint_is_told_when_it_is_on_the_disk(scene):
    window, left, _ = scene
    select(window, "left")
    window.button("checkpoint").click()
    window.says("#told", "on the disk")
    assert left.status().checkpoint is not None


def test_a_page_shows_that_a_daemon_has_gone_and_goes_on_when_it_comes_back(scene):
    window, left, _ = scene
    select(window, "left")
    left.rig.process.kill()
    left.rig.process.wait()
    window.says('.card[aria-checked="true"] .state', "gone")
    left.again()
    window.says('.card[aria-checked="true"] .state', "learning")
    before = window.picture("spikes")
    until(lambda: window.picture("spikes") != before, "the raster goes on")


def test_stop_ends_the_selected_daemon_and_no_other(scene):
    window, left, right = scene
    select(window, "right")
    window.button("stop").click()
    assert right.rig.process.wait(30) == 0
    window.says('button[data-verb="stop"]', "Stopped")
    assert left.status().state == "running"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_page_is_no_wider_than_its_window_and_stop_is_in_sight(scene, width, height):
    window, *_ = scene
    window.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    assert window.script("return document.documentElement.scrollWidth") <= width
    window.script("window.scrollTo(0, document.body.scrollHeight)")
    box = window.script(
        "const b = document.getElementById('stop').getBoundingClientRect();"
        "return [b.top, b.bottom, b.left, b.right]"
    )
    assert box[0] >= 0
    assert box[1] <= height
    assert box[2] >= 0
    assert box[3] <= width
    window.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_takes_the_colours_that_its_reader_prefers(scene):
    window, *_ = scene

    def paper(scheme, line):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colour = "return Bokeh.documents[0].get_model_by_name('age').left[0].axis_line_color"
        until(lambda: window.script(colour) == line, f"{scheme} figures")
        return window.script("return getComputedStyle(document.body).backgroundColor")

    assert paper("light", "#e3e7eb") != paper("dark", "#343b43")


def test_every_button_has_words_and_the_console_is_empty(scene):
    window, *_ = scene
    named = window.script(
        "return [...document.querySelectorAll('button')]"
        ".every((b) => b.textContent.trim() || b.getAttribute('aria-label'))"
    )
    assert named
    assert window.faults() == []
