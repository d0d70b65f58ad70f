"""Take the README's picture of a demonstration: `make picture`, with Chromium and its driver.

Runs `eprop-rt demo` as anybody does, opens its page, and takes the picture when the last frozen
probes are under way. Other pictures: --width, --dark, --out.
"""

import argparse
import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

HERE = Path(__file__).parent
BROWSERS = "chromium", "chromium-browser", "google-chrome", "chrome"
LAST_TRIALS = 12  # of them the last line that is printed counts


def main() -> None:
    """One run of the demonstration, one picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=HERE / "demo.png")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--seconds", default="45", help="of learning")
    given = parser.parse_args()
    browser = opened(given.width, given.height, "dark" if given.dark else "light")
    command = [sys.executable, "-m", "eprop_rt_services", "demo", "--seconds", given.seconds]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
            watch(demo, browser, given.out)
    finally:
        browser.quit()


def watch(demo: "subprocess.Popen[str]", browser: "Chrome", out: Path) -> None:
    """Open the page when its address is told, and take the picture near the end."""
    if demo.stdout is None:
        return
    for line in demo.stdout:
        sys.stdout.write(line)
        if found := re.search(r"the page is at (http\S+)", line):
            browser.get(found.group(1))
        left = re.search(r"frozen probes\s+(\d+) trials left", line)
        if left and int(left.group(1)) <= LAST_TRIALS:
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            out.write_bytes(base64.b64decode(picture["data"]))


def opened(width: int, height: int, scheme: str) -> "Chrome":
    """A headless Chromium whose reader prefers this scheme."""
    from selenium import webdriver  # noqa: PLC0415  (of the extra dev)

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)), "chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = shutil.which("chromedriver")
    if driver is None:
        sys.exit("there is no chromedriver: install chromium and chromium-driver")
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    feature = {"name": "prefers-color-scheme", "value": scheme}
    made.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    made.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return made


if __name__ == "__main__":
    main()
