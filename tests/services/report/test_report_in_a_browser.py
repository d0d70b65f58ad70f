"""The page as a browser shows it: Chromium, without a network."""

import html
import json
import re
import shutil
import subprocess

import pytest

from eprop_rt_services.report.closed_loop import closed_loop_page
from eprop_rt_services.report.label_delays import delay_page
from eprop_rt_services.report.page import page
from eprop_rt_services.rooms.figures import figures_of
from eprop_rt_services.rooms.label_delays import Lateness, delay_figures
from report_material import chapters, how, session, usual
from rooms_material import config, ran

pytestmark = pytest.mark.process

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

# Put at the end of a page: waits until its figures are drawn, does something, writes what it saw.
PROBE = """
<script>
const errors = [];
const asked = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
console.error = (...told) => errors.push(told.join(" "));
console.warn = (...told) => errors.push(told.join(" "));
new PerformanceObserver((list) => asked.push(...list.getEntries().map((one) => one.name)))
  .observe({ type: "resource", buffered: true });
const frame = document.createElement("iframe");
frame.style = "width: WIDTHpx; height: 900px; border: 0";
frame.srcdoc = document.getElementById("given").textContent;
frame.onload = async () => {
  const inside = frame.contentWindow;
  for (const name of ["error", "warn"])
    inside.console[name] = (...told) => errors.push(told.join(" "));
  const holders = () => [...inside.document.querySelectorAll(".chapter .figure")]
    .filter((one) => one.offsetParent);
  const wait = (ms) => new Promise((then) => setTimeout(then, ms));
  for (let k = 0; k < 400 && !holders().every((one) => one.dataset.drawn); k++) await wait(50);
  await wait(500);
  const shown = (name) => [...inside.eval("Bokeh").documents].flatMap((one) => [...one.all_models])
    .filter((model) => model.name === name).map((model) => model.visible);
  const seen = {
    drawn: holders().filter((one) => one.dataset.drawn).length,
    canvases: holders().map((one) => [one.offsetWidth, one.offsetHeight]),
    wide: inside.document.documentElement.scrollWidth,
  };
  STEPS
  seen.errors = errors;
  seen.asked = [...asked, ...inside.performance.getEntriesByType("resource").map((e) => e.name)];
  const told = document.createElement("pre");
  told.id = "seen";
  told.textContent = JSON.stringify(seen);
  document.body.append(told);
};
document.body.append(frame);
</script>
"""


def seen_in_a_browser(folder, text, width, steps=""):
    """What the probe saw in a window so wide, after its steps."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    given = '<script type="text/plain" id="given">' + text.replace("</script", "<\\/script")
    given += "</script>"
    probe = PROBE.replace("WIDTH", str(width)).replace("STEPS", steps)
    probe = probe.replace(
        'document.getElementById("given").textContent',
        'document.getElementById("given").textContent.replaceAll("<\\\\/script", "</" + "script")',
    )
    path = folder / f"probe-{width}.html"
    path.write_text(f"<!doctype html><body>{given}{probe}", encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--window-size={max(width, 500)},1000", "--virtual-time-budget=60000"]
    done = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=180, check=False
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, flags=re.S)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def closed_loop():
    """Of a grid, with a simulation that never gets anywhere."""
    settings = config("room.task.kind=grid", decoders=("eprop", "rls"))
    runs = [
        ran(n, decoder=name, choices=36, won=10 * n) for name in settings.decoders for n in (0, 1)
    ]
    return closed_loop_page(figures_of(settings, runs), "made up", "facts", how())


def late_labels():
    """With the ring and without."""
    lanes = [
        (Lateness(late, handled=handled), [ran(0), ran(1)])
        for late, handled in ((0.0, True), (0.5, True), (0.5, False))
    ]
    return delay_page({"label_delay": delay_figures(config(), lanes)}, "made up", "facts", how())


@pytest.mark.parametrize(
    ("made", "width"),
    [
        (lambda: page(usual(), how(), columns=True), 1280),
        (lambda: page(usual(), how(), columns=True), 390),
        (closed_loop, 390),
        (late_labels, 390),
    ],
    ids=["replay", "replay on a telephone", "closed loop", "late labels"],
)
def test_every_figure_is_drawn_without_an_error_a_request_or_a_sideways_scroll(
    made, width, tmp_path
):
    text = made()
    seen = seen_in_a_browser(tmp_path, text, width)
    assert seen["errors"] == []
    assert [name for name in seen["asked"] if not name.startswith("data:")] == []
    assert seen["drawn"] == text.count('class="figure"') == len(seen["canvases"])
    assert all(0.7 * width < w <= width and h > 100 for w, h in seen["canvases"])
    assert seen["wide"] <= width


SWITCHED = """
  const box = inside.document.querySelector('input[data-block="s0-quality"][data-name="rls"]');
  seen.before = shown("s0-quality:rls");
  box.click();
  seen.after = shown("s0-quality:rls");
  seen.others = shown("s0-quality:eprop");
  seen.traces = [shown("s0-traces:eprop"), shown("s0-traces:mean")];
"""


def test_a_switch_hides_its_decoder_in_its_own_figure_only(tmp_path):
    text = page(chapters(session(), beside="rls,mean"), how())
    seen = seen_in_a_browser(tmp_path, text, 1280, SWITCHED)
    assert seen["before"] == [True, True]  # R2, and r below it
    assert seen["after"] == [False, False]
    assert seen["others"] == [True, True]
    assert seen["traces"] == [[True, True], [False, False]]  # the best two are on at first


TURNED = """
  inside.location.hash = "#s1";
  await wait(300);
  for (let k = 0; k < 400 && !holders().every((one) => one.dataset.drawn); k++) await wait(50);
  seen.open = [...inside.document.querySelectorAll(".chapter.open")].map((one) => one.id);
  seen.later = holders().filter((one) => one.dataset.drawn).length;
"""


def test_a_recording_is_drawn_when_its_tab_is_opened(tmp_path):
    text = page(chapters(session("one"), session("two"), beside="rls"), how())
    seen = seen_in_a_browser(tmp_path, text, 390, TURNED)
    assert seen["errors"] == []
    assert seen["drawn"] == 0
    assert seen["open"] == ["s1"]
    assert seen["later"] > 4
