"""As many daemons as a page follows, seen with a token: stand-ins, for ten real ones are heavy."""

import pytest

from browser_rig import Window, chromium, until
from monitor_rig import StandIn, end, monitor

pytestmark = [pytest.mark.live, pytest.mark.large]

TOKEN = "0123456789abcdef0123"
NAMES = tuple(f"arm-{'i' * at}" for at in range(1, 11))
LEARNING = {"on": "learning", "frozen": "frozen", "off": "decoding"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Ten that answer as daemons do, and a window on the page that follows them."""
    folder = tmp_path_factory.mktemp("ten")
    driver = chromium(folder / "profile")
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    states = [*LEARNING] * 4
    ten = [StandIn(folder, name, states[at]) for at, name in enumerate(NAMES)]
    followed = [part for one in ten for part in ("--daemon", one.daemon)]
    process, url = monitor(*followed, "--port", "0", "--token-file", str(token))
    try:
        yield Window(driver, url), ten, url
    finally:
        complaints = end(process)
        driver.quit()
        for each in ten:
            each.close()
    assert "Traceback" not in complaints


def test_all_ten_are_followed_each_with_its_own_state_and_pictures(scene):
    window, *_ = scene
    for at, name in enumerate(NAMES):
        state = [*LEARNING.values()][at % 3]
        until(
            lambda name=name, state=state: f"{name}{state}data" in window.text("#cards"),
            lambda name=name: f"{name}, in {window.text('#cards')}",
        )
        window.select(name)
        window.says('[data-word="decoder"]', f"decoder-of-{name},")
        for picture in ("spikes", "output-0", "output-1"):
            until(lambda picture=picture: window.ink(picture) > 50, f"{picture} of {name}")
    before = window.picture("spikes")
    until(lambda: window.picture("spikes") != before, "the last one goes on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_ten_cards_do_not_crowd_out_the_stop(scene, width, height, scheme):
    window, *_ = scene
    window.select(NAMES[0])
    window.resize(width, height, scheme)
    until(lambda: window.faulty_places() == [], lambda: "\n".join(window.faulty_places()))
    assert window.script("return document.documentElement.scrollWidth") <= width
    window.resize(1440, 900)


def test_an_order_goes_to_the_selected_one_alone(scene):
    window, ten, _ = scene
    window.select(NAMES[4])
    window.button("checkpoint").click()
    window.says("#told", f"{NAMES[4]}: checkpoint is on the disk")
    window.button("stop").click()
    until(lambda: ten[4].has_stopped, "the fifth has stopped")
    window.says('.card[aria-checked="true"] .state', "stopped")
    window.says('button[data-verb="stop"]', f"Stopped {NAMES[4]}")
    assert [one.orders for one in ten] == [["checkpoint"] if at == 4 else [] for at in range(10)]
    assert [one.has_stopped for one in ten] == [at == 4 for at in range(10)]


def test_a_cookie_lets_the_page_in_again_and_without_it_there_is_none(scene):
    window, _, url = scene
    bare = url.partition("?")[0]
    assert Window(window.driver, bare).text("#connection") == "connected"
    assert TOKEN not in window.script("return document.documentElement.outerHTML")
    assert TOKEN not in window.script("return document.cookie")
    assert window.faults() == []
    window.driver.delete_all_cookies()
    window.driver.get(bare)
    assert "needs the token" in window.text("body")
