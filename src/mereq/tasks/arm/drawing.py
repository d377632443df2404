"""Perspective pictures of scenes, far faces first. Pure NumPy and Pillow: no GL, no display, no system fonts."""

from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from mereq.tasks.arm.scene import TOP_LAYER, Scene
from mereq.tasks.caption import write_caption

SUPERSAMPLING = 2
EYE, LOOKED_AT = np.array([1.36, -0.92, 0.76]), np.array([0.34, 0.0, 0.24])  # [m]
ZOOM = 2.2  # focal length over half the picture's height
SUN = np.array([0.25, -0.45, 0.86]) / np.linalg.norm([0.25, -0.45, 0.86])  # direction towards the light
AMBIENT = 0.52  # brightness of faces that the light does not reach
SHADOW = 0.72  # brightness of the table where it is shaded
SKY, FLOOR = (236, 239, 243), (206, 211, 217)  # background, from top to bottom
ROUND = 20  # faces around a cylinder

Mesh = tuple[Float[np.ndarray, "v 3"], tuple[Int[np.ndarray, "faces corners"], ...]]


@cache
def _mesh(shape: str) -> Mesh:
    """Vertices of the unit shape, and its faces as rows of vertex indices, anticlockwise from outside."""
    if shape == "box":
        corners = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
        return corners, (
            np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]),
        )
    turns = np.linspace(0.0, 2.0 * np.pi, ROUND, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    if shape == "cylinder":
        rings = [(1.0, -1.0), (1.0, 1.0)]
    else:  # a capsule is a sphere cut at the equator, whose vertices are duplicated
        bows = np.linspace(-np.pi / 2.0, 0.0, 5)
        half = [(float(np.cos(bow)) + 1e-6, float(np.sin(bow))) for bow in bows]
        rings = half + [(radius, -z) for radius, z in reversed(half)]
    vertices = np.concatenate([np.column_stack([radius * circle, np.full(ROUND, z)]) for radius, z in rings])
    ring, i = np.divmod(np.arange((len(rings) - 1) * ROUND), ROUND)
    j = (i + 1) % ROUND
    around = np.stack([ring * ROUND + i, ring * ROUND + j, (ring + 1) * ROUND + j, (ring + 1) * ROUND + i], axis=1)
    ends = np.stack([np.arange(ROUND)[::-1], np.arange(ROUND) + len(vertices) - ROUND])
    return vertices, (around, ends)


def _vertices(scene: Scene, g: int) -> Float[np.ndarray, "v 3"]:
    """Vertices of shape g in the world [m]."""
    unit, _ = _mesh(scene.shapes[g])
    size = scene.sizes[g]
    if scene.shapes[g] == "sphere":
        own = unit * size[0]
    elif scene.shapes[g] == "cylinder":
        own = unit * [size[0], size[0], size[1]]
    elif scene.shapes[g] == "capsule":
        lower = np.arange(len(unit)) < len(unit) // 2
        own = unit * size[0] + np.where(lower, -size[1], size[1])[:, None] * [0.0, 0.0, 1.0]
    else:
        own = unit * size
    return own @ scene.orientations[g].T + scene.positions[g]


def _camera() -> Float[np.ndarray, "3 3"]:
    """Rows: right, down and forwards of the camera, in the world."""
    forwards = (LOOKED_AT - EYE) / np.linalg.norm(LOOKED_AT - EYE)
    right = np.cross(forwards, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forwards, right), forwards])


def _pixels(points: Float[np.ndarray, "*v 3"], size: tuple[int, int]) -> Float[np.ndarray, "*v 2"]:
    """Pixel coordinates of points of the world [px]."""
    seen = (points - EYE) @ _camera().T
    return np.array(size) / 2.0 + ZOOM * size[1] / 2.0 * seen[..., :2] / seen[..., 2:]


def draw(scene: Scene, *, size: tuple[int, int] = (480, 360), caption: str = "") -> UInt8[np.ndarray, "height width 3"]:
    """RGB picture of a scene, of `size` (width, height) [px], anti-aliased, with a soft shadow on the table.

    Raises:
        ValueError: `size` is not two numbers of at least 16 pixels.
    """
    if len(size) != 2 or min(size) < 16:
        raise ValueError(f"size is {size}; allowed is (width, height) with at least 16 pixels each.")
    full = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    image = Image.linear_gradient("L").resize(full)
    image = Image.composite(Image.new("RGB", full, FLOOR), Image.new("RGB", full, SKY), image)
    pen = ImageDraw.Draw(image)
    flat = [g for g in np.argsort(scene.layers, kind="stable").tolist() if scene.layers[g] < TOP_LAYER]
    solid = np.flatnonzero(scene.layers == TOP_LAYER).tolist()
    for g in flat:
        _paint(pen, _polygons(scene, g, full))
    image = ImageChops.multiply(image, _shadow(scene, solid, full))
    pen = ImageDraw.Draw(image)
    _paint(pen, [polygon for g in solid for polygon in _polygons(scene, g, full)])
    picture = image.reduce(SUPERSAMPLING)
    if caption:
        write_caption(picture, caption, height=picture.height // 20)
    return np.asarray(picture, dtype=np.uint8)


Polygon = tuple[float, list[float], tuple[int, ...]]  # distance from the eye, corners [px], colour


def _polygons(scene: Scene, g: int, size: tuple[int, int]) -> list[Polygon]:
    """Shaded faces of shape g that face the eye."""
    if scene.colours[g, 3] == 0.0:
        return []
    vertices, polygons = _vertices(scene, g), []
    for faces in _mesh(scene.shapes[g])[1]:
        corners = vertices[faces]
        normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        to_eye = EYE - corners.mean(axis=1)
        light = AMBIENT + (1.0 - AMBIENT) * np.maximum(normals @ SUN, 0.0)
        colours = (255.0 * light[:, None] * scene.colours[g, :3]).astype(int)
        pixels = _pixels(corners, size).reshape(len(corners), -1)
        for face in np.flatnonzero((normals * to_eye).sum(axis=1) > 0.0):
            distance = float(np.linalg.norm(to_eye[face]))
            polygons.append((distance, pixels[face].tolist(), tuple(colours[face].tolist())))
    return polygons


def _paint(pen: ImageDraw.ImageDraw, polygons: list[Polygon]) -> None:
    """Paint polygons, the farthest first."""
    for _, corners, colour in sorted(polygons, key=lambda polygon: -polygon[0]):
        pen.polygon(corners, fill=colour, outline=colour)


def _shadow(scene: Scene, solid: list[int], size: tuple[int, int]) -> Image.Image:
    """Brightness of the table: `SHADOW` where a solid shape blocks the light."""
    picture = Image.new("L", size, 255)
    pen = ImageDraw.Draw(picture)
    for g in solid:
        vertices = _vertices(scene, g)
        ground = _pixels(vertices - np.maximum(vertices[:, 2:], 0.0) / SUN[2] * SUN, size)
        for faces in _mesh(scene.shapes[g])[1]:
            for corners in ground[faces].reshape(len(faces), -1).tolist():
                pen.polygon(corners, fill=int(255 * SHADOW))
    return picture.filter(ImageFilter.GaussianBlur(size[1] / 150.0)).convert("RGB")
