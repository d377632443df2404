"""What the page draws, in a real Chromium: solids by WebGL, flat faces without it, and motion between two pictures.

Software stands in for the graphics card, under a card's name: the page leaves WebGL alone where software does it.
"""

import io
import json

import numpy as np
import pytest
from PIL import Image

from browsing import sitting
from mereq.runs.spec import RunSpec
from mereq.web import controls
from mereq.web.controls import SIGHT
from sittings import latest

NO_WEBGL = """
    const known = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith("webgl") ? null : known.call(this, kind, ...rest);
    };
"""
A_CARD = """
    const asked = WebGL2RenderingContext.prototype.getParameter;
    WebGL2RenderingContext.prototype.getParameter = function (what) {
        return what === 0x9246 ? "a card" : asked.call(this, what);
    };
"""
EYE, LOOKED_AT, ZOOM = np.array([1.62, -0.42, 0.82]), np.array([0.36, 0.02, 0.29]), 2.15  # frontend/src/camera.ts

LOW = 0.15  # m; from here the tip can be led up by 5 cm, and the shipped prior keeps it below


@pytest.fixture(scope="module")
def arm(tmp_path_factory, browser):
    """One session for all; every test opens a page of its own."""
    named = RunSpec.named(
        task="bottle-pushing", method="mereq", preset="fast", seed=3, n_rounds=1, rate_threshold=0.0,
        supervisor="person",
    )  # fmt: skip
    what = named.changed({"settings": {"rollout_steps": 2000}})
    with sitting(tmp_path_factory.mktemp("arm") / "run", browser, what) as at:
        yield at


@pytest.fixture
def opened(arm):
    """Opens a page that waits for its person and has drawn a picture; given a script that runs before its own."""

    def ready() -> bool:
        if arm.page.is_visible("#take"):  # the page before is not quite gone
            arm.page.click("#take")
        return latest(arm.session).get("picture") and all_drawn(arm) and arm.who() == "PAUSED"

    def opening(before: str = ""):
        arm.page.close()
        arm.new_page(before)
        arm.page.goto(arm.address)
        arm.until(ready)
        return arm

    return opening


def drawn(at) -> int:
    """The picture that the page says it has drawn, as the session would note it."""
    return at.session.controls._frame


def all_drawn(at) -> bool:
    return drawn(at) == latest(at.session)["frame"] and painter(at) is not None


def painter(at) -> str | None:
    return at.page.get_attribute("#scene", "data-by")


def drive(at, enough, key: str | None = None) -> None:
    """Until it is enough; with a key down if there is one. Goes on when a slow page has let go and stopped."""

    def with_rounds() -> None:
        view = latest(at.session)
        if view["paused"]:
            at.page.evaluate("document.getElementById('go').click()")
        elif key is not None and not view["engaged"]:
            at.keys.up(key)
            at.keys.press("Enter")
            at.keys.down(key)

    at.until(lambda: enough() or with_rounds())
    if key is not None:
        at.keys.up(key)


def let_pass(at, steps: int) -> None:
    end = at.steps() + steps
    drive(at, lambda: at.steps() >= end)


def pause(at) -> None:
    """Stop, and let everything that was sent be drawn."""
    at.session.controls.release("enough was seen")
    at.until(lambda: latest(at.session)["paused"] and at.who() == "PAUSED" and all_drawn(at))


def picture(at) -> np.ndarray:
    """The canvas as it is on the screen, without the veil that lies over it in a pause."""
    at.page.evaluate("document.getElementById('picture').style.opacity = 1")
    image = Image.open(io.BytesIO(at.page.locator("#picture").screenshot()))
    return np.asarray(image.convert("RGB")).astype(int)


def projected(point, pixels) -> tuple[int, int]:
    """Row and column of a point of the world [m]."""
    height, width = pixels.shape[:2]
    forwards = (LOOKED_AT - EYE) / np.linalg.norm(LOOKED_AT - EYE)
    right = np.cross(forwards, [0, 0, 1])
    right /= np.linalg.norm(right)
    seen = np.array([right, np.cross(forwards, right), forwards]) @ (np.asarray(point) - EYE)
    x, y = np.array([width, height]) / 2 + ZOOM * height / 2 * seen[:2] / seen[2]
    return round(y), round(x)


def is_of(colour, pixel) -> bool:
    """Whether a pixel is of this colour, lit more or less."""
    light = np.linalg.norm(pixel) / (255 * np.linalg.norm(colour))
    return 0.3 < light < 1.2 and np.linalg.norm(pixel - 255 * light * np.array(colour)) < 0.1 * np.linalg.norm(pixel)


PARTS = {  # shape, colour
    "forearm": ("capsule", (0.95, 0.76, 0.12)),
    "hand": ("box", (0.72, 0.74, 0.78)),
    "bottle's label": ("cylinder", (0.93, 0.9, 0.8)),
    "goal": ("cylinder", (0.3, 0.66, 0.4)),
}
AROUND = [(0.0, 0.0, z) for z in (-0.02, -0.01, 0.0, 0.01, 0.02)]  # m; an arrow may hide one of these


def seen_where_it_is(at) -> np.ndarray:
    """The picture on the screen, in which the parts are where the camera has their middles, in their colours."""
    shapes, pixels = latest(at.session)["picture"], picture(at)
    kinds = zip(shapes["shapes"], (tuple(colour[:3]) for colour in shapes["colours"]), strict=True)
    places = dict(zip(kinds, shapes["positions"], strict=True))
    for name, kind in PARTS.items():
        points = np.array(places[kind]) + AROUND
        assert sum(is_of(kind[1], pixels[projected(point, pixels)]) for point in points) >= 3, name
    assert is_of((0.8, 0.71, 0.58), pixels[projected((0.85, 0.35, 0.0), pixels)])
    assert pixels[5, 20].min() > 200  # sky
    return pixels


@pytest.mark.parametrize(
    ("before", "by"), [(A_CARD, "webgl"), ("", "canvas"), (NO_WEBGL, "canvas")], ids=["card", "software", "none"]
)
def test_the_arm_is_where_the_camera_has_it(opened, before, by):
    """Where it is first, and where the person has led it."""

    def height() -> float:
        return latest(at.session)["picture"]["tip"][2]

    at = opened(before)
    assert painter(at) == by
    if height() > LOW:  # a slow page may have led it far up in the test before
        drive(at, lambda: height() < LOW)
        pause(at)
    first, begun = seen_where_it_is(at), height()
    drive(at, lambda: height() > begun + 0.05, "e")
    pause(at)
    assert (np.abs(seen_where_it_is(at) - first).max(axis=2) > 30).sum() > 1000
    assert painter(at) == by


def test_a_lost_context_comes_back(opened):
    """Meanwhile the page draws without it."""
    at = opened(A_CARD)
    at.page.evaluate(
        "window.lost = document.getElementById('solids').getContext('webgl2').getExtension('WEBGL_lose_context');"
        "lost.loseContext()"
    )
    at.until(lambda: painter(at) == "canvas")
    seen_where_it_is(at)
    let_pass(at, 2)
    pause(at)
    at.page.evaluate("lost.restoreContext()")
    at.until(lambda: painter(at) == "webgl")
    seen_where_it_is(at)


def test_an_idle_page_draws_nothing(opened):
    at = opened(
        """
        window.draws = 0;
        const known = CanvasRenderingContext2D.prototype.setTransform;
        CanvasRenderingContext2D.prototype.setTransform = function (...way) { draws++; return known.apply(this, way); };
        """
    )
    let_pass(at, 3)
    pause(at)
    before = at.page.evaluate("draws")
    assert before > 3
    at.page.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert at.page.evaluate("draws") == before


def test_the_page_claims_no_picture_that_it_has_not_drawn(opened, monkeypatch):
    """While the browser gives it no frame, steps are recorded with the last picture that there was; then it pauses."""
    at = opened()
    let_pass(at, 1)
    at.page.evaluate(
        "window.known = requestAnimationFrame.bind(window); window.held = [];"
        "window.requestAnimationFrame = (draw) => held.push(draw); 0"
    )
    taken = at.steps()
    with monkeypatch.context() as patched:
        patched.setattr(controls, "SIGHT", SIGHT)
        at.until(lambda: latest(at.session)["paused"] is not None)
    claimed = drawn(at)
    assert claimed < latest(at.session)["frame"]
    assert {sight.frame for sight in at.recorded()[1][taken + 1 :]} <= {claimed}
    at.page.evaluate("window.requestAnimationFrame = known; held.forEach((draw) => known(draw))")
    at.until(lambda: drawn(at) > claimed)


def highway(x: float, heading: float = 0.0, other: float = 40.0, ids=(0, 7)) -> dict:
    cars = [[x, 4.0, heading], [other, 0.0, 0.0]][: len(ids)]
    return {"draw": "highway", "lanes": 3, "cars": cars, "crashed": [False] * len(ids), "ids": list(ids)}


def shapes(place, degrees: float) -> dict:
    turn = np.deg2rad(degrees)
    matrix = [np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1]
    return {
        "draw": "shapes", "shapes": ["box"], "sizes": [[1, 1, 1]], "colours": [[1, 1, 1, 1]], "layers": [1000],
        "positions": [list(place)], "orientations": [matrix], "tip": list(place),
    }  # fmt: skip


@pytest.fixture
def page(arm):
    """Some page of ours, for what it computes."""
    if "mereq" not in arm.page.evaluate("Object.keys(window)"):
        arm.page.goto(arm.address)
    return arm.page


def call(page, function: str, *given):
    return page.evaluate(f"(given) => ({function})(...given)", json.loads(json.dumps(given)))


def test_in_between_is_in_between(page):
    """Monotone from one picture to the other, rotations stay rotations, the ends are the pictures themselves."""
    a, b = shapes((0.1, 0.2, 0.3), 10.0), shapes((0.2, 0.0, 0.3), 50.0)
    shares = np.linspace(0, 1, 11).tolist()
    between = call(page, "(a, b, shares) => shares.map((share) => mereq.between(a, b, share))", a, b, shares)
    places = np.array([picture["positions"][0] for picture in between])
    assert places == pytest.approx(np.outer(1 - np.array(shares), [0.1, 0.2, 0.3]) + np.outer(shares, [0.2, 0.0, 0.3]))
    turns = np.array([picture["orientations"][0] for picture in between]).reshape(-1, 3, 3)
    assert turns @ turns.transpose(0, 2, 1) == pytest.approx(np.broadcast_to(np.eye(3), turns.shape), abs=1e-12)
    angles = np.rad2deg(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    assert angles[[0, -1]] == pytest.approx([10, 50])
    assert np.all(np.diff(angles) > 2)
    assert angles == pytest.approx(10 + 40 * np.array(shares), abs=1.0)


def test_cars_are_known_by_their_numbers(page):
    """One that comes into sight, or is far from where it was, is where the newest picture has it."""
    a, b = highway(10.0, ids=(0, 7)), highway(20.0, heading=0.2, other=50.0, ids=(0, 7))
    middle = call(page, "mereq.between", a, b, 0.5)
    assert middle["cars"] == [[15.0, 4.0, pytest.approx(0.1)], [45.0, 0.0, 0.0]]
    other = call(page, "mereq.between", a, b | {"ids": [0, 8]}, 0.5)
    assert other["cars"] == [[15.0, 4.0, pytest.approx(0.1)], [50.0, 0.0, 0.0]]
    far = call(page, "mereq.between", a, highway(20.0, other=90.0), 0.5)
    assert far["cars"][1] == [90.0, 0.0, 0.0]


MOVE = """(pictures, times) => {
    const motion = new mereq.Motion();
    for (const [picture, at, cut] of pictures) motion.aim(picture, at, cut);
    return times.map((at) => motion.at(at));
}"""


def seen(page, pictures, times) -> list[tuple[float, bool]]:
    """Where the ego is shown at each time [ms], and whether that is the newest picture."""
    shown = call(page, MOVE, pictures, times)
    return [(each["picture"]["cars"][0][0], each["arrived"]) for each in shown]


def test_motion_is_monotone_and_arrives_before_the_next_picture(page):
    pictures = [[highway(x), at, False] for x, at in [(0, 0), (10, 100), (20, 200)]]
    ways = seen(page, pictures, list(range(200, 320, 4)))
    places = [place for place, _ in ways]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (10, 20)
    assert sum(10 < place < 20 for place in places) > 1
    assert [arrived for _, arrived in ways] == [at >= 275 for at in range(200, 320, 4)]
    assert seen(page, pictures, [10**6, 190]) == [(20, True), (10, False)]  # never beyond, never before


def test_a_picture_that_comes_early_goes_on_from_what_is_shown(page):
    pictures = [[highway(x), at, False] for x, at in [(0, 0), (10, 100), (20, 200), (30, 230)]]
    (start, _), (end, arrived) = seen(page, pictures, [230, 260])
    assert start == pytest.approx(10 + 10 * 30 / 75)
    assert (end, arrived) == (30, True)


@pytest.mark.parametrize(("x", "cut"), [(20, True), (500, False)], ids=["a new episode", "a jump"])
def test_what_does_not_follow_is_shown_at_once(page, x, cut):
    pictures = [[highway(0), 0, False], [highway(10), 100, False], [highway(x), 200, cut]]
    assert seen(page, pictures, [200]) == [(x, True)]
    turned = call(page, "(a, b) => mereq.between(a, b, 0.5)", shapes((0, 0, 0), 0.0), shapes((0, 0, 0), 120.0))
    assert turned["orientations"] == shapes((0, 0, 0), 120.0)["orientations"]
