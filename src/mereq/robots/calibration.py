"""Calibration of a cell: where the camera is, from tags of the table whose corners the tool has touched."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongRobot
from mereq.robots.sight.detect import Seen
from mereq.robots.sight.pose import Intrinsics, Pose, free_pose, kabsch, starts_of_square
from mereq.robots.sight.tags import flat_tag

LEAST_TAGS = 3
LARGEST_RESIDUAL = 0.001  # of the touched corners from a square of the tag's size [m]
LARGEST_ERROR = 1.0  # of the camera's reprojection, at 480 lines [px]
Corners = Float[np.ndarray, "4 3"]


class Calibrated(NamedTuple):
    """Result of a calibration."""

    camera: Pose  # in the table's frame
    corners: dict[int, Corners]  # of the table's tags, with the tags' exact size
    residual: float  # of the touched corners, the largest root mean square of a tag [m]
    error: float  # of the reprojection [px]


def fitted_tags(touched: dict[int, Corners], side: float) -> tuple[dict[int, Corners], float]:
    """Squares of the tags' size that fit the touched corners best, and the largest residual [m].

    Raises:
        WrongRobot: too few tags, or a tag whose touched corners are no such square.
    """
    if len(touched) < LEAST_TAGS:
        raise WrongRobot(f"{len(touched)} tags were touched; the calibration needs {LEAST_TAGS} or more.")
    fitted: dict[int, Corners] = {}
    largest = 0.0
    for tag, corners in touched.items():
        square = flat_tag(tag, side).corners
        pose, residual = kabsch(square, corners)
        if residual > LARGEST_RESIDUAL:
            raise WrongRobot(
                f"The touched corners of tag {tag} are no square of {1000 * side:.1f} mm: {1000 * residual:.1f} mm "
                f"off, {1000 * LARGEST_RESIDUAL:.0f} mm is allowed. Measure the printed side, and touch them "
                "again in the order top left, top right, bottom right, bottom left."
            )
        fitted[tag], largest = pose.of(square), max(largest, residual)
    return fitted, largest


def calibrated(touched: dict[int, Corners], side: float, pictures: list[Seen], intrinsics: Intrinsics) -> Calibrated:
    """Pose of the camera from touched tags and where they are seen, the median of several pictures.

    Raises:
        WrongRobot: the touches or the pictures do not fit.
    """
    corners, residual = fitted_tags(touched, side)
    seen = {tag: [picture[tag] for picture in pictures if tag in picture] for tag in corners}
    visible = [tag for tag, found in seen.items() if len(found) >= max(1, len(pictures) // 2)]
    if len(visible) < LEAST_TAGS:
        raise WrongRobot(
            f"The camera sees {len(visible)} of the touched tags, and must see {LEAST_TAGS}: uncover them."
        )
    pixels = {tag: intrinsics.undistorted(np.median(seen[tag], axis=0)) for tag in visible}
    points = np.concatenate([corners[tag] for tag in visible])
    starts = [start for tag in visible for start in starts_of_square(corners[tag], pixels[tag], intrinsics)]
    fit = free_pose(points, np.concatenate([pixels[tag] for tag in visible]), intrinsics, starts)
    if fit.error > LARGEST_ERROR * intrinsics.size[1] / 480:
        raise WrongRobot(
            f"The camera sees the tags {fit.error:.1f} px away from where they were touched: a tag was moved, two tags "
            "are exchanged, or the corners were touched in another order."
        )
    return Calibrated(fit.pose.inverse(), corners, residual, fit.error)
