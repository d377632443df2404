"""AprilTags of family 36h11: their patterns, and the layouts of tags on objects.

Corners are always those of the black square in the order top left, top right, bottom right, bottom left, as printed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

FAMILY = "tag36h11"
# The first 30 of the family: 6 x 6 modules, row by row from the top left, the highest bit first, 1 is white.
CODES = (
    0xD5D628584, 0xD97F18B49, 0xDD280910E, 0xE479E9C98, 0xEBCBCA822, 0xF31DAB3AC, 0x056A5D085, 0x10652E1D4, 0x22B1DFEAD,
    0x265AD0472, 0x34FE91B86, 0x3FF962CD5, 0x43A25329A, 0x474B4385F, 0x4E9D243E9, 0x5246149AE, 0x5997F5538, 0x683BB6C4C,
    0x6BE4A7211, 0x7E3158EEA, 0x81DA494AF, 0x858339A74, 0x8CD51A5FE, 0x9F21CC2D7, 0xA2CABC89C, 0xADC58D9EB, 0xB16E7DFB0,
    0xB8C05EB3A, 0xD25EF139D, 0xD607E1962,
)  # fmt: skip
MODULES = 10  # of a printed tag: 6 of data, a black frame, a white frame
INK = 0.8  # side of the black square, relative to the printed one with its white frame

Corners = Float[np.ndarray, "4 3"]


def tag_picture(tag: int, module: int = 1) -> UInt8[np.ndarray, "side side"]:
    """Grey picture of a tag with its white frame, `module` pixels per module.

    Raises:
        ValueError: there is no such tag here.
    """
    if not 0 <= tag < len(CODES):
        raise ValueError(f"there is no tag {tag}: tags have the numbers 0 to {len(CODES) - 1}")
    bits = [(CODES[tag] >> (35 - k)) & 1 for k in range(36)]
    modules = np.ones((MODULES, MODULES), np.uint8)
    modules[1:-1, 1:-1] = 0
    modules[2:-2, 2:-2] = np.reshape(bits, (6, 6))
    return np.kron(255 * modules, np.ones((module, module), np.uint8))


@dataclass(frozen=True)
class TagFace:
    """A tag on a face of an object, in the object's frame [m]."""

    tag: int
    middle: Float[np.ndarray, "3"]
    right: Float[np.ndarray, "3"]  # unit vector along the printed top edge, from left to right
    up: Float[np.ndarray, "3"]  # unit vector from the printed bottom edge to the top edge
    side: float  # of the black square

    @property
    def corners(self) -> Corners:
        """Corners of the black square."""
        signs = 0.5 * self.side * np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
        return self.middle + signs @ np.stack([self.right, self.up])

    @property
    def outwards(self) -> Float[np.ndarray, "3"]:
        """Unit vector out of the printed face."""
        return np.cross(self.right, self.up)


def flat_tag(tag: int, side: float, middle: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> TagFace:
    """A tag that lies flat: its top edge towards +y, seen from above."""
    return TagFace(tag, np.array(middle), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), side)


def cube_of_tags(
    tags: tuple[int, ...],
    side: float,
    height: float,
    ahead: float = 0.0,
    turned: float = 0.0,
    sheet: float | None = None,
) -> tuple[TagFace, ...]:
    """Tags on a cube: four on its sides (outwards +x, +y, -x, -y), the fifth on its top.

    Args:
        tags: five numbers.
        side: of the cube [m].
        height: of the cube's middle above the object's origin [m].
        ahead: of the cube's middle from the object's axis, along x [m].
        turned: of all this about the object's axis, counterclockwise seen from above [deg].
        sheet: side of a printed tag with its white frame [m]; None: it covers a face.
    """
    cos, sin = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    up, x, y = np.array([0.0, 0.0, 1.0]), np.array([cos, sin, 0.0]), np.array([-sin, cos, 0.0])
    middle, ink = ahead * x + height * up, INK * (sheet or side)
    sides = [(x, y), (y, -x), (-x, -y), (-y, x)]
    faces = [TagFace(tags[k], middle + 0.5 * side * out, right, up, ink) for k, (out, right) in enumerate(sides)]
    return (*faces, TagFace(tags[4], middle + 0.5 * side * up, x, y, ink))
