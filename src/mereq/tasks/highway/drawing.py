"""Pictures of the road from above, following the ego. Pure Pillow: no display, no system fonts."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw

from mereq.core.supervisor import Controller
from mereq.tasks.caption import write_caption
from mereq.tasks.highway.road import CAR_LENGTH, CAR_WIDTH, LANE_WIDTH
from mereq.tasks.highway.scene import Scene

SUPERSAMPLING = 3
VISIBLE_LENGTH = 110.0  # [m]
EGO_AT = 0.3  # of the picture's width
SHOULDER = 1.2  # asphalt beyond the outer lines [m]
DASH, DASH_GAP = 3.0, 5.0  # [m]

Colour = tuple[int, int, int]
GRASS, ASPHALT, LINE, DASHES = (214, 221, 208), (74, 78, 86), (236, 237, 240), (176, 180, 188)
GLASS, LAMP, TAIL_LAMP, SHADE = (32, 38, 48), (255, 246, 200), (196, 52, 52), (58, 61, 68)
OTHER, EGO, EGO_UNDER_EXPERT, WRECK = (92, 146, 222), (76, 190, 110), (246, 200, 68), (228, 76, 70)


class View(NamedTuple):
    """Transformation from world coordinates to pixels of the supersampled picture."""

    left: float  # world x at the left edge [m]
    top: float  # world y at the top edge [m]
    scale: float  # [px/m]

    def points(self, xy: Float64[np.ndarray, "n 2"]) -> list[tuple[float, float]]:
        """Pixel coordinates of world points."""
        return [((x - self.left) * self.scale, (y - self.top) * self.scale) for x, y in xy.tolist()]


def draw(
    scene: Scene,
    *,
    size: tuple[int, int] = (600, 150),
    controller: Controller = Controller.POLICY,
    caption: str = "",
) -> UInt8[np.ndarray, "height width 3"]:
    """RGB picture of a scene, of `size` (width, height) [px].

    Traffic is blue, wrecks are red, the ego is green, and yellow while the expert drives. The picture is drawn at three
    times its size for anti-aliasing.

    Raises:
        ValueError: `size` is not two numbers of at least 16 pixels.
    """
    if len(size) != 2 or min(size) < 16:
        raise ValueError(f"size is {size}; allowed is (width, height) with at least 16 pixels each.")
    width, height = (side * SUPERSAMPLING for side in size)
    view = _view(scene, width, height)
    image = Image.new("RGB", (width, height), GRASS)
    pen = ImageDraw.Draw(image)
    _draw_road(pen, view, scene.n_lanes, width)
    for car in _visible(scene, view, width):
        _draw_car(pen, view, scene, car, _colour(scene, car, controller))
    picture = image.reduce(SUPERSAMPLING)
    if caption:
        write_caption(picture, caption, height=picture.height // 12)
    return np.asarray(picture, dtype=np.uint8)


def _view(scene: Scene, width: int, height: int) -> View:
    """View of 110 m of road; of less if the lanes would not fill the height, of more if they would not fit."""
    road_width = LANE_WIDTH * scene.n_lanes + 2.0 * SHOULDER
    scale = min(width / VISIBLE_LENGTH, 0.92 * height / road_width)
    middle = LANE_WIDTH * (scene.n_lanes - 1) / 2.0
    return View(float(scene.x[0]) - EGO_AT * width / scale, middle - height / 2.0 / scale, scale)


def _visible(scene: Scene, view: View, width: int) -> list[int]:
    """Vehicles in the picture, wrecks first and the ego last, on top."""
    seen = np.flatnonzero(
        (scene.x > view.left - CAR_LENGTH) & (scene.x < view.left + width / view.scale + CAR_LENGTH)
    ).tolist()
    return sorted(seen, key=lambda car: (car == 0, not scene.crashed[car]))


def _colour(scene: Scene, car: int, controller: Controller) -> Colour:
    if scene.crashed[car]:
        return WRECK
    if car > 0:
        return OTHER
    return EGO if controller == Controller.POLICY else EGO_UNDER_EXPERT


def _draw_road(pen: ImageDraw.ImageDraw, view: View, n_lanes: int, width: int) -> None:
    """Draw asphalt, edge lines, and dashes at fixed places in the world."""
    to_pixel = lambda y: (y - view.top) * view.scale  # noqa: E731
    first, last = -LANE_WIDTH / 2.0, LANE_WIDTH * (n_lanes - 0.5)
    pen.rectangle((0, to_pixel(first - SHOULDER), width, to_pixel(last + SHOULDER)), fill=ASPHALT)
    half = max(0.09 * view.scale, 1.0)
    for edge in (first, last):
        pen.rectangle((0, to_pixel(edge) - half, width, to_pixel(edge) + half), fill=LINE)
    period = DASH + DASH_GAP
    start = math.floor(view.left / period) * period
    for line in range(1, n_lanes):
        y = to_pixel(first + LANE_WIDTH * line)
        for dash in np.arange(start, view.left + width / view.scale, period).tolist():
            begin = (dash - view.left) * view.scale
            pen.rectangle((begin, y - half, begin + DASH * view.scale, y + half), fill=DASHES)


@cache
def _rounded(front: float, rear: float, half_width: float, radius: float) -> Float64[np.ndarray, "points 2"]:
    """Outline of a rounded rectangle from `rear` to `front` along a vehicle's axis [m]."""
    turns = np.linspace(0.0, math.pi / 2.0, 5)
    corners = [
        (front - radius, half_width - radius, turns),
        (rear + radius, half_width - radius, turns + math.pi / 2.0),
        (rear + radius, radius - half_width, turns + math.pi),
        (front - radius, radius - half_width, turns + 1.5 * math.pi),
    ]
    arcs = [np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1) for x, y, turn in corners]
    return np.concatenate(arcs)


@cache
def _car_shapes() -> dict[str, Float64[np.ndarray, "points 2"]]:
    """Body parts in the vehicle's frame: x forwards, y to the right [m]. They make the heading visible."""
    nose, side = CAR_LENGTH / 2.0, CAR_WIDTH / 2.0
    windscreen = np.array([[1.0, 0.82], [1.0, -0.82], [0.25, -0.66], [0.25, 0.66]])
    rear_window = np.array([[-1.85, 0.76], [-1.85, -0.76], [-1.3, -0.64], [-1.3, 0.64]])
    lamp = np.array([[nose - 0.05, 0.0], [nose - 0.05, 0.34], [nose - 0.4, 0.34], [nose - 0.4, 0.0]])
    right_lamp, left_lamp = lamp + np.array([0.0, side - 0.44]), lamp + np.array([0.0, 0.1 - side])
    return {
        "body": _rounded(nose, -nose, side, 0.55),
        "windscreen": windscreen,
        "rear_window": rear_window,
        "right_lamp": right_lamp,
        "left_lamp": left_lamp,
        "right_tail": right_lamp * [-1.0, 1.0],
        "left_tail": left_lamp * [-1.0, 1.0],
    }


def _draw_car(pen: ImageDraw.ImageDraw, view: View, scene: Scene, car: int, colour: Colour) -> None:
    cos, sin = math.cos(scene.heading[car]), math.sin(scene.heading[car])
    turn = np.array([[cos, sin], [-sin, cos]])
    place = np.array([scene.x[car], scene.y[car]])
    shapes = _car_shapes()
    roof = tuple(int(0.82 * part) for part in colour)
    fills = {
        "body": colour,
        "windscreen": GLASS,
        "rear_window": GLASS,
        "right_lamp": LAMP,
        "left_lamp": LAMP,
        "right_tail": TAIL_LAMP,
        "left_tail": TAIL_LAMP,
    }
    pen.polygon(view.points(shapes["body"] @ turn + place + [0.12, 0.18]), fill=SHADE)
    for part, fill in fills.items():
        pen.polygon(view.points(shapes[part] @ turn + place), fill=fill)
    pen.polygon(view.points(_rounded(0.25, -1.3, 0.66, 0.2) @ turn + place), fill=roof)
