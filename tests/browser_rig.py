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

    def select(self, name):
        """Choose the daemon of this name, by a click on its card."""
        cards = self.driver.find_elements("css selector", ".card")
        next(card for card in cards if name in card.text.split()).click()
        self.says('.card[aria-checked="true"]', name)

    def resize(self, width, height, scheme="light"):
        """Be a window of this size, of a reader at the top who prefers light pages or dark ones."""
        self.script("window.scrollTo(0, 0)")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def picture(self, name):
        """The pixels of a figure, as a string."""
        return self.script(f"{FIGURE} return view.canvas_view.compose().canvas.toDataURL();", name)

    def ink(self, name):
        """How many pixels inside the axes of a figure are drawn on, the grid not counted."""
        return self.script(FIGURE + INK, name)

    def faulty_places(self):
        """What lies over something else, is cut off, or reaches out of the window."""
        return self.script(PLACES)

    def faults(self):
        """What the console holds that should not be there."""
        bad = ("SEVERE", "WARNING")
        return [line for line in self.driver.get_log("browser") if line["level"] in bad]


FIGURE = """
const model = Bokeh.documents[0].get_model_by_name(arguments[0]);
const view = Bokeh.index.find_one(model);
"""
INK = """
const grids = model.center.filter((one) => one.visible && one.grid_line_color)
  .map((one) => one.grid_line_color.value ?? one.grid_line_color)
  .map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
const canvas = view.canvas_view.compose().canvas;
const scale = canvas.width / view.canvas_view.bbox.width;
const box = view.frame.bbox;
const given = [box.left + 2, box.top + 2, box.width - 4, box.height - 4];
const pixels = canvas.getContext("2d").getImageData(...given.map((one) => Math.round(one * scale)));
let count = 0;
for (let at = 0; at < pixels.data.length; at += 4) {
  const [red, green, blue, alpha] = pixels.data.slice(at, at + 4);
  const near = ([r, g, b]) => Math.abs(r - red) + Math.abs(g - green) + Math.abs(b - blue) < 24;
  if (alpha > 40 && !grids.some(near)) count += 1;
}
return count;
"""
PLACES = """
const shown = (one) => one.checkVisibility() && one.getClientRects().length > 0;
const said = (one) => one.matches(".bk-Figure") || one.textContent.trim() !== "";
const names = "h1, h2, p, dt, dd, button, input, label, .bk-Figure";
const found = [...document.querySelectorAll(names)]
  .filter((one) => shown(one) && said(one) && !one.matches(".over"));
const told = (one) => `${one.tagName}.${one.className} "${one.textContent.trim().slice(0, 30)}"`;
const place = (one) => {  // as far as it is seen where its holder scrolls
  const box = one.getBoundingClientRect();
  const holder = one.closest("#cards")?.getBoundingClientRect() ?? box;
  const [left, right] = [Math.max(box.left, holder.left), Math.min(box.right, holder.right)];
  return { left, right, top: box.top, bottom: box.bottom };
};
const wrong = [];
for (const one of found) {
  const box = place(one);
  if (box.left < -1 || box.right > innerWidth + 1)
    wrong.push(`${told(one)} reaches out of the window`);
  if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
    wrong.push(`${told(one)} is cut off`);
  for (const other of found) {
    if (other === one || one.contains(other) || other.contains(one)) continue;
    const its = place(other);
    const wide = Math.min(box.right, its.right) - Math.max(box.left, its.left);
    const high = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
    if (wide > 1.5 && high > 1.5) wrong.push(`${told(one)} lies over ${told(other)}`);
  }
}
return wrong;
"""
