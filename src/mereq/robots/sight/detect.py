"""Detection of AprilTags behind a thin seam: from a grey picture to the corners of each tag."""

import contextlib
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mereq.core.errors import WrongRobot
from mereq.robots.sight.tags import FAMILY

MARGIN = 12.0  # of a detection, the contrast of its decision; less is a guess
ERRORS = 1  # of 36 modules that a detection may correct
Seen = dict[int, Float[np.ndarray, "4 2"]]  # corners in pixels, by tag
Detector = Callable[[UInt8[np.ndarray, "height width"]], Seen]


def apriltag_detector(decimate: float = 1.0) -> Detector:
    """AprilTag's own library (`apriltag-python`), with one thread. A number that is seen twice names nothing.

    Raises:
        WrongRobot: the library is not installed.
    """
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # it praises OpenCV
        try:
            import apriltag  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise WrongRobot(
                'The camera needs AprilTag\'s library, which is not installed: pip install "mereq[sight]"'
            ) from error
    library: Any = apriltag.apriltag(FAMILY, threads=1, decimate=decimate, maxhamming=ERRORS)

    def detect(grey: UInt8[np.ndarray, "height width"]) -> Seen:
        found: Any = library.detect(np.ascontiguousarray(grey))
        sure = [tag for tag in found if tag["hamming"] <= ERRORS and tag["margin"] > MARGIN]
        counts = Counter(tag["id"] for tag in sure)
        return {
            tag["id"]: np.asarray(tag["lb-rb-rt-lt"], np.float64)[::-1].copy() for tag in sure if counts[tag["id"]] == 1
        }

    return detect


def grey_of(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width"]:
    """The green channel: tags are black and white, and it is the sharpest of a Bayer pattern."""
    return np.ascontiguousarray(picture[:, :, 1])


def contrast(grey: UInt8[np.ndarray, "height width"], corners: Float[np.ndarray, "4 2"]) -> float:
    """Difference of white and black around a tag, of 255: of what is bright and dark within its corners."""
    low = np.floor(corners.min(axis=0)).astype(int).clip(0)
    high = np.ceil(corners.max(axis=0)).astype(int)
    inside = grey[low[1] : high[1], low[0] : high[0]]
    return float(np.subtract(*np.percentile(inside, [90, 10]))) if inside.size else 0.0
