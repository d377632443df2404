"""Poses from the corners of tags: Gauss-Newton on the reprojection, with free and with constrained models.

Pixels are counted from the edge of the picture, as by AprilTag's library: the first pixel's middle is (0.5, 0.5).
A camera looks along its z axis, with x to the right and y down.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "n 3"]
Pixels = Float[np.ndarray, "n 2"]
ITERATIONS = 15
SMALL_STEP = 1e-9  # of a parameter, after which the iteration has converged
UNDISTORTED_IN = 8  # iterations of the inverse of a lens's distortion


@dataclass(frozen=True)
class Intrinsics:
    """Projection of a camera. Distortion: Brown's k1, k2, p1, p2, k3, as OpenCV and librealsense order them."""

    focal: tuple[float, float]  # [px]
    centre: tuple[float, float]  # from the picture's edge [px]
    size: tuple[int, int]  # width and height [px]
    distortion: tuple[float, ...] = field(default=(0.0, 0.0, 0.0, 0.0, 0.0))

    def project(self, seen: Points) -> Pixels:
        """Pixels of points in the camera's frame, without distortion."""
        return seen[..., :2] / seen[..., 2:] * self.focal + self.centre

    def undistorted(self, pixels: Pixels) -> Pixels:
        """Where the pixels would be without the lens's distortion."""
        if not any(self.distortion):
            return pixels
        k1, k2, p1, p2, k3 = self.distortion
        bent = (pixels - np.array(self.centre)) / self.focal
        straight = bent.copy()
        for _ in range(UNDISTORTED_IN):
            x, y = straight.T
            r2 = x * x + y * y
            radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
            shift = np.stack([2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y])
            straight = (bent - shift.T) / radial[:, None]
        return straight * self.focal + self.centre


class Pose(NamedTuple):
    """Pose of a frame in another one: a point p of the frame is `rotation @ p + position` in the other one [m]."""

    rotation: Float[np.ndarray, "3 3"]
    position: Float[np.ndarray, "3"]

    def of(self, points: Points) -> Points:
        """Points of the frame, in the other one."""
        return points @ self.rotation.T + self.position

    def inverse(self) -> "Pose":
        """Pose of the other frame in this one."""
        return Pose(self.rotation.T, -self.rotation.T @ self.position)

    def after(self, inner: "Pose") -> "Pose":
        """Pose in the other frame of a frame whose pose in this one is `inner`."""
        return Pose(self.rotation @ inner.rotation, self.rotation @ inner.position + self.position)


class Fit(NamedTuple):
    """Pose of an object, and how well it explains the picture."""

    pose: Pose
    error: float  # root mean square of the corners' reprojection [px]


def turn_about_z(yaw: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about z [rad]."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_of(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rotation about a vector, by its length [rad]."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)


def quaternion_of(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "4"]:
    """Unit quaternion w, x, y, z of a rotation, w >= 0."""
    m = rotation
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    squares = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    k = int(np.argmax(squares))
    if k == 0:
        q = np.array([1.0 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        i, j, l = k - 1, k % 3, (k + 1) % 3  # noqa: E741
        q = np.zeros(4)
        q[0] = m[l, j] - m[j, l]
        q[1 + i] = 1.0 + m[i, i] - m[j, j] - m[l, l]
        q[1 + j], q[1 + l] = m[j, i] + m[i, j], m[l, i] + m[i, l]
    q /= np.linalg.norm(q)
    return -q if q[0] < 0.0 else q


def rotation_of_quaternion(quaternion: Float[np.ndarray, "4"]) -> Float[np.ndarray, "3 3"]:
    """Rotation of a unit quaternion w, x, y, z."""
    w, (x, y, z) = quaternion[0], quaternion[1:]
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross


def free_pose(points: Points, pixels: Pixels, intrinsics: Intrinsics, starts: list[Pose]) -> Fit:
    """The object's pose in the camera with the least reprojection: six unknowns, best of the given starts."""
    fits = [_refined(points, pixels, intrinsics, start) for start in starts]
    return min(fits, key=lambda fit: fit.error)


def starts_of_square(corners: Points, pixels: Pixels, intrinsics: Intrinsics) -> list[Pose]:
    """Starts for `free_pose` from one square: the pose of its homography, and that one mirrored along the sight.

    Two poses explain a small flat square almost equally well.
    """
    right, up = corners[1] - corners[0], corners[0] - corners[3]
    side = float(np.linalg.norm(right))
    axes = np.stack([right / side, up / np.linalg.norm(up), np.cross(right, up) / side / np.linalg.norm(up)], axis=1)
    homography = _homography(
        0.5 * side * np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]),
        (pixels - np.array(intrinsics.centre)) / intrinsics.focal,
    )
    homography /= 0.5 * (np.linalg.norm(homography[:, 0]) + np.linalg.norm(homography[:, 1]))
    homography *= np.sign(homography[2, 2])
    x, y, at = homography.T
    u, _, vt = np.linalg.svd(np.stack([x, y, np.cross(x, y)], axis=1))
    square = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    sight = at / np.linalg.norm(at)
    normal = square[:, 2]
    mirrored = 2.0 * (normal @ sight) * sight - normal  # the other normal with the same angle to the sight
    swing = np.cross(normal, mirrored)
    angle = np.arctan2(np.linalg.norm(swing), normal @ mirrored)
    other = rotation_of(swing / max(float(np.linalg.norm(swing)), 1e-12) * angle) @ square
    middle = corners.mean(axis=0)
    return [Pose(found @ axes.T, at - found @ axes.T @ middle) for found in (square, other)]


def standing_pose(
    points: Points, pixels: Pixels, intrinsics: Intrinsics, camera: Pose, height: float, yaws: list[float]
) -> Fit:
    """The pose on the table of an object that stands or lies flat: three unknowns (x, y, yaw), best of several yaws.

    Args:
        points: corners in the object's frame [m].
        pixels: where they are seen, undistorted.
        intrinsics: of the camera.
        camera: its pose in the table's frame.
        height: of the object's origin above the table [m].
        yaws: starts of the iteration [rad].
    """
    start = _below_the_picture(points, pixels, intrinsics, camera, height)
    fits = [_stood(points, pixels, intrinsics, camera, height, np.array([*start, yaw])) for yaw in yaws]
    return min(fits, key=lambda fit: fit.error)


def leaning_pose(
    points: Points,
    pixels: Pixels,
    intrinsics: Intrinsics,
    camera: Pose,
    height: float,
    radius: float,
    starts: list[Pose],
) -> Fit:
    """The pose on the table of an object with a round foot that leans: five unknowns, best of several starts.

    The unknowns are the place, the turn about the vertical and the lean. The edge of the foot stays on the table, so
    how high the origin is follows from the lean.

    Args:
        points: corners in the object's frame [m].
        pixels: where they are seen, undistorted.
        intrinsics: of the camera.
        camera: its pose in the table's frame.
        height: of the object's origin above its foot [m].
        radius: of the foot [m].
        starts: of the iteration.
    """
    fits = [_leant(points, pixels, intrinsics, camera, height, radius, start) for start in starts]
    return min(fits, key=lambda fit: fit.error)


def kabsch(points: Points, places: Points) -> tuple[Pose, float]:
    """Pose that moves points to places with the least squares, and the root mean square of what is left [m]."""
    middle, there = points.mean(axis=0), places.mean(axis=0)
    u, _, vt = np.linalg.svd((places - there).T @ (points - middle))
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    pose = Pose(rotation, there - rotation @ middle)
    return pose, float(np.sqrt(((pose.of(points) - places) ** 2).sum(axis=1).mean()))


def _refined(points: Points, pixels: Pixels, intrinsics: Intrinsics, start: Pose) -> Fit:
    rotation, position = start
    for _ in range(ITERATIONS):
        turned = points @ rotation.T
        residual, slope = _residual(turned + position, pixels, intrinsics)
        x, y, z = turned.T
        zero = np.zeros(len(points))
        turning = np.stack([[zero, z, -y], [-z, zero, x], [y, -x, zero]], axis=0).transpose(2, 0, 1)
        jacobian = np.concatenate([slope @ turning, slope], axis=2).reshape(-1, 6)
        step = np.linalg.lstsq(jacobian, -residual.ravel(), rcond=None)[0]
        rotation, position = rotation_of(step[:3]) @ rotation, position + step[3:]
        if np.abs(step).max() < SMALL_STEP:
            break
    pose = Pose(rotation, position)
    return Fit(pose, _error(pose.of(points), pixels, intrinsics))


def _stood(
    points: Points, pixels: Pixels, intrinsics: Intrinsics, camera: Pose, height: float, x: Float[np.ndarray, "3"]
) -> Fit:
    table = camera.inverse()
    for _ in range(ITERATIONS):
        turned = points @ turn_about_z(x[2]).T
        residual, slope = _residual(table.of(turned + np.array([x[0], x[1], height])), pixels, intrinsics)
        slope = slope @ table.rotation
        yaw = slope @ np.stack([-turned[:, 1], turned[:, 0], np.zeros(len(points))], axis=1)[:, :, None]
        jacobian = np.concatenate([slope[:, :, :2], yaw], axis=2).reshape(-1, 3)
        step = np.linalg.lstsq(jacobian, -residual.ravel(), rcond=None)[0]
        step /= max(
            1.0, float(np.abs(step).max()) / 0.5
        )  # metres and radians: a start that is far off must not fly away
        x = x + step
        if np.abs(step).max() < SMALL_STEP:
            break
    pose = Pose(turn_about_z(x[2]), np.array([x[0], x[1], height]))
    return Fit(pose, _error(table.of(pose.of(points)), pixels, intrinsics))


def _leant(
    points: Points,
    pixels: Pixels,
    intrinsics: Intrinsics,
    camera: Pose,
    height: float,
    radius: float,
    start: Pose,
) -> Fit:
    table = camera.inverse()
    rotation, (x, y) = start.rotation, start.position[:2]
    for _ in range(ITERATIONS):
        turned = points @ rotation.T
        up, lean = rotation[:, 2], max(float(np.hypot(rotation[0, 2], rotation[1, 2])), 1e-9)
        z = height * up[2] + radius * lean
        residual, slope = _residual(table.of(turned + np.array([x, y, z])), pixels, intrinsics)
        slope = slope @ table.rotation
        u, v, w = turned.T
        zero = np.zeros(len(points))
        turning = np.stack([[zero, w, -v], [-w, zero, u], [v, -u, zero]], axis=0).transpose(2, 0, 1)
        # d(up) = turn x up; z = height up_z + radius |up_xy|
        rise = np.cross(up, [up[0] * radius / lean, up[1] * radius / lean, height])
        turning[:, 2, :] += rise
        jacobian = np.concatenate([slope @ turning, slope[:, :, :2]], axis=2).reshape(-1, 5)
        step = np.linalg.lstsq(jacobian, -residual.ravel(), rcond=None)[0]
        step /= max(1.0, float(np.abs(step).max()) / 0.5)
        rotation, x, y = rotation_of(step[:3]) @ rotation, x + step[3], y + step[4]
        if np.abs(step).max() < SMALL_STEP:
            break
    lean = float(np.hypot(rotation[0, 2], rotation[1, 2]))
    pose = Pose(rotation, np.array([x, y, height * rotation[2, 2] + radius * lean]))
    return Fit(pose, _error(table.of(pose.of(points)), pixels, intrinsics))


def _residual(seen: Points, pixels: Pixels, intrinsics: Intrinsics) -> tuple[Pixels, Float[np.ndarray, "n 2 3"]]:
    """Reprojection minus pixels, and its derivative with respect to the points in the camera's frame."""
    x, y, z = seen[:, 0], seen[:, 1], np.maximum(seen[:, 2], 1e-3)
    zero = np.zeros(len(seen))
    slope = np.stack([[1.0 / z, zero, -x / z**2], [zero, 1.0 / z, -y / z**2]], axis=0).transpose(2, 0, 1)
    projected = np.stack([x / z, y / z], axis=1) * intrinsics.focal + intrinsics.centre
    return projected - pixels, slope * np.array(intrinsics.focal)[None, :, None]


def _error(seen: Points, pixels: Pixels, intrinsics: Intrinsics) -> float:
    if (seen[:, 2] <= 0.0).any():
        return np.inf
    return float(np.sqrt(((intrinsics.project(seen) - pixels) ** 2).sum(axis=1).mean()))


def _below_the_picture(
    points: Points, pixels: Pixels, intrinsics: Intrinsics, camera: Pose, height: float
) -> Float[np.ndarray, "2"]:
    """Where the sight through the middle of the pixels meets the height of the points' middle [m]."""
    along = np.append((pixels.mean(axis=0) - np.array(intrinsics.centre)) / intrinsics.focal, 1.0)
    sight = camera.rotation @ along
    level = height + points[:, 2].mean()
    far = (level - camera.position[2]) / (sight[2] if abs(sight[2]) > 1e-6 else -1e-6)
    return (camera.position + far * sight)[:2]


def _homography(square: Pixels, seen: Pixels) -> Float[np.ndarray, "3 3"]:
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(square, seen, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    return np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
