"""Overlay of the camera's picture: the tags that were found, the object where it is tracked, and how old that is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from mereq.robots.sight.tracker import Tracker

TAG, TRACKED, WORDS, BACKGROUND = (40, 220, 90), (255, 150, 40), (255, 220, 60), (0, 0, 0)
LINES = 24  # of words in a picture


class Overlay(NamedTuple):
    """What is drawn over a picture."""

    tags: dict[int, Float[np.ndarray, "4 2"]]  # corners of the tags that were found [px]
    outlines: list[Float[np.ndarray, "_ 2"]]  # of what is tracked [px]
    told: str  # at the lower edge
    caption: str  # at the upper edge: what the person must know now


def drawn(picture: UInt8[np.ndarray, "height width 3"], overlay: Overlay) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with an overlay."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    height, width = picture.shape[:2]
    size = max(12, height // LINES)
    for line in overlay.outlines:
        draw.line([(float(x), float(y)) for x, y in line], fill=TRACKED, width=2)
    for tag, corners in overlay.tags.items():
        draw.polygon([(float(x), float(y)) for x, y in corners], outline=TAG, width=2)
        draw.text((float(corners[:, 0].max()), float(corners[:, 1].min())), str(tag), fill=TAG)
    for words, top in ((overlay.caption, 0.0), (overlay.told, height - 1.6 * size)):
        if words:
            draw.rectangle((0, top, width, top + 1.6 * size), fill=BACKGROUND)
            draw.text((0.4 * size, top + 0.2 * size), words, fill=WORDS, font_size=size)
    return np.asarray(image)


def ages(tracker: Tracker, now: float, name: str) -> str:
    """How old the picture is, and the last one that shows the object."""
    picture = f"picture {tracker.blind_for(now):.2f} s old"
    if not tracker.layout.faces:
        return picture
    found = tracker.sighting(now)
    return f"{picture}, {name} {'not seen yet' if found is None else f'seen {found.age:.2f} s ago'}"
