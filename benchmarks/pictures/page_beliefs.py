"""A picture of the page with beliefs and ghost: docs/pictures/supervise_beliefs.png.

    python benchmarks/pictures/page_beliefs.py

`mereq supervise --method mereq-bayes` as a process, with its page in a headless Chromium. On the highway the keys ask
for the right lane twice; the bottle's tool is moved down once. Each picture is taken some steps after the handback.
"""

import io
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import Supervise, chromium, who

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "supervise_beliefs.png"
WINDOW = {"highway": {"width": 1280, "height": 760}, "bottle-pushing-human": {"width": 1280, "height": 1000}}
WISH = {"highway": ("ArrowRight", 1500, 3), "bottle-pushing-human": ("PageDown", 1500, 1)}  # key, ms, how often
SCALE = 2  # of the picture, each page is 1 / SCALE as large
PATIENCE = 120_000  # ms


def until(page: Page, says: str) -> None:
    """Wait for the banner to say this; go on after a pause."""
    while who(page) != says:
        if who(page) == "PAUSED" and page.is_visible("#go"):
            page.keyboard.press("p")
        page.wait_for_timeout(50)


def taken(browser: Browser, task: str, run: Path) -> Image.Image:
    """The page of a task after its interventions."""
    key, held, times = WISH[task]
    with Supervise(task, "--method", "mereq-bayes", "--out", str(run)) as command:
        page = browser.new_page(viewport=WINDOW[task], device_scale_factor=SCALE)
        page.goto(command.address)
        page.wait_for_selector("#go", timeout=PATIENCE)
        page.keyboard.press("g")
        until(page, "POLICY")
        for _ in range(times):
            page.wait_for_timeout(2000)
            page.keyboard.press("Enter")
            until(page, "YOU")
            page.keyboard.down(key)
            page.wait_for_timeout(held)
            page.keyboard.up(key)
            page.keyboard.press("Escape")
            until(page, "POLICY")
        page.wait_for_selector("#belief-rows li", timeout=PATIENCE)
        page.wait_for_timeout(2000)
        until(page, "POLICY")
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder), chromium() as browser:
        found = [taken(browser, task, Path("runs") / task) for task in WINDOW]
    sheet = Image.new("RGB", (found[0].width, sum(each.height for each in found) + 20), "white")
    top = 0
    for each in found:
        sheet.paste(each, (0, top))
        top += each.height + 20
    sheet = sheet.resize((sheet.width // SCALE, sheet.height // SCALE), Image.Resampling.LANCZOS)
    sheet.save(PICTURE, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
