"""A picture of every state of the page of `mereq supervise`: docs/pictures/supervise_states.png.

    python benchmarks/pictures/page_states.py

The command as a process on the highway, with its page in a headless Chromium: two short rounds in which the keys take
over now and then, the panel of the devices, a second page, and a program that goes away.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import Supervise, chromium, who

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "supervise_states.png"
WINDOW, ACROSS, SCALE = {"width": 1180, "height": 640}, 3, 2  # of the picture, each state is 1 / SCALE as large
STEPS = 40  # of a round
PATIENCE = 120_000  # ms


def until(page: Page, *says: str) -> None:
    """Wait for the banner to say one of these."""
    while who(page) not in says:
        page.wait_for_timeout(20)


def taken(page: Page) -> Image.Image:
    """The page as it is now."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def to_the_end_of(page: Page, *, then: str) -> None:
    """Drive until the banner says something: take over for a while, hand back, go on after a pause."""
    held = 0
    while (says := who(page)) != then:
        held = held + 1 if says == "YOU" else 0
        if says == "PAUSED" and page.is_visible("#go"):
            page.keyboard.press("p")
        elif says == "POLICY":
            page.keyboard.press("Enter")
        elif held > 10:
            page.keyboard.press("Escape")
        page.wait_for_timeout(50)


def states(browser: Browser, run: Path) -> Iterator[Image.Image]:
    """One after another."""
    words = ("highway", "--steps", str(STEPS), "--rounds", "2", "--rate-threshold", "0", "--out", str(run))
    with Supervise(*words) as command:
        page = browser.new_page(viewport=WINDOW)
        page.goto(command.address)
        until(page, "PREPARING")
        yield taken(page)
        until(page, "PAUSED")
        page.wait_for_selector("#go", timeout=PATIENCE)
        page.wait_for_timeout(500)
        yield taken(page)
        page.keyboard.press("p")
        until(page, "POLICY")
        page.wait_for_timeout(500)
        yield taken(page)
        page.keyboard.press("Enter")
        until(page, "YOU")
        page.keyboard.down("ArrowRight")
        page.wait_for_timeout(300)
        yield taken(page)
        page.keyboard.up("ArrowRight")
        page.keyboard.press("t")
        until(page, "PAUSED")
        page.wait_for_timeout(500)
        yield taken(page)
        page.keyboard.press("Escape")
        to_the_end_of(page, then="LEARNING")
        yield taken(page)
        second = browser.new_page(viewport=WINDOW)
        second.goto(command.address)
        second.wait_for_selector("#take", timeout=PATIENCE)
        second.wait_for_timeout(500)
        yield taken(second)
        second.close()
        page.bring_to_front()
        to_the_end_of(page, then="FINISHED")
        yield taken(page)
    until(page, "NOT CONNECTED")
    yield taken(page)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder), chromium() as browser:
        found = list(states(browser, Path("runs/mine")))
    width, height = found[0].width // SCALE, found[0].height // SCALE
    sheet = Image.new("RGB", (ACROSS * width, -(-len(found) // ACROSS) * height), "white")
    for number, picture in enumerate(found):
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (number % ACROSS * width, number // ACROSS * height))
    sheet.save(PICTURE, optimize=True)
    print(f"{len(found)} states: {PICTURE}")


if __name__ == "__main__":
    main()
