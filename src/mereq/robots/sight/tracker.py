"""Tracker of an object and the goal: poses from each picture, a filter, and how old the knowledge is."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from mereq.robots.sight.detect import Detector, Seen, grey_of
from mereq.robots.sight.pose import (
    Fit,
    Intrinsics,
    Pixels,
    Points,
    Pose,
    free_pose,
    leaning_pose,
    standing_pose,
    starts_of_square,
)
from mereq.robots.sight.tags import TagFace

STANDS = 1.2  # reprojection of an object that stands, at 480 lines; more: it leans or lies [px]
LEANS = 1.4, 0.05  # it leans if that explains the picture so many times and pixels (at 480 lines) better than standing
UPRIGHT = np.cos(np.radians(5.0))  # of the axis's height: a bottle that leans less is put up well
UNEXPLAINED = 3.0  # reprojection of a pose that is not believed, at 480 lines [px]
LINES = 480
ACCELERATION, NOISE = 0.6, 0.0008  # of the filter: white acceleration [m/s^2], standard deviation of a position [m]
GATE, OUTLIERS = 5.0, 3  # standard deviations of an outlier; so many in a row begin anew
PREDICTED = 0.15  # s for which a position is predicted
FASTEST = 0.12  # of a prediction: the tool pushes at 0.1, and a lean's changes must not be carried on [m/s]
GOALS = 15  # pictures whose median is the goal's place
YAWS = [k * np.pi / 4.0 for k in range(8)]
Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Layout:
    """Which tags are on what. The object's frame has its origin in the geometric centre; z is up when it stands."""

    faces: tuple[TagFace, ...]  # of the object that is tracked; none: only the table is seen
    height: float  # of the object's origin when it stands [m]
    radius: float | None  # of its foot, on whose edge it leans [m]; None: it is lifted, and does not lean
    goal: TagFace | None
    table: dict[int, Float[np.ndarray, "4 3"]]  # corners in the table's frame [m]


class Sighting(NamedTuple):
    """Where an object is, in the table's frame."""

    position: Float[np.ndarray, "3"]
    rotation: Float[np.ndarray, "3 3"]
    age: float  # since the last picture that shows it [s]

    @property
    def stands(self) -> bool:
        """Whether it stands, or leans by less than 5 degrees."""
        return bool(self.rotation[2, 2] > UPRIGHT)


class PositionFilter:
    """Kalman filter of a position with constant velocity and white acceleration."""

    def __init__(self, acceleration: float = ACCELERATION, noise: float = NOISE):
        self._acceleration, self._noise = acceleration, noise
        self._outliers = 0
        self._state: Float[np.ndarray, "2 3"] | None = None  # position and velocity
        self._time = 0.0

    def update(self, time: float, position: Float[np.ndarray, "3"]) -> None:
        """Take in a measurement. One that is far off is left out, unless it is confirmed."""
        if self._state is None or time <= self._time:
            self._begin(time, position)
            return
        state, covariance = self._predicted(time)
        variance = covariance[0, 0] + self._noise**2
        off = position - state[0]
        if off @ off > GATE**2 * 3.0 * variance and self._outliers < OUTLIERS - 1:
            self._outliers += 1
            return
        if self._outliers == OUTLIERS - 1 and off @ off > GATE**2 * 3.0 * variance:
            self._begin(time, position)
            return
        gain = covariance[:, 0] / variance
        self._state = state + gain[:, None] * off
        self._covariance = covariance - np.outer(gain, covariance[0])
        self._time, self._outliers = time, 0

    def at(self, time: float) -> Float[np.ndarray, "3"]:
        """Position at a time: predicted for 0.15 s at most."""
        assert self._state is not None
        ahead = min(max(time - self._time, 0.0), PREDICTED)
        position, velocity = self._state
        return position + ahead * velocity / max(1.0, float(np.linalg.norm(velocity)) / FASTEST)

    def _begin(self, time: float, position: Float[np.ndarray, "3"]) -> None:
        self._state = np.stack([position, np.zeros(3)])
        self._covariance = np.diag([self._noise**2, 0.05**2])
        self._time, self._outliers = time, 0

    def _predicted(self, time: float) -> tuple[Float[np.ndarray, "2 3"], Float[np.ndarray, "2 2"]]:
        assert self._state is not None
        dt = time - self._time
        move, push = np.array([[1.0, dt], [0.0, 1.0]]), np.array([0.5 * dt**2, dt])
        spread = self._acceleration**2 * np.outer(push, push)
        return move @ self._state, move @ self._covariance @ move.T + spread


class Tracker:
    """Tracker. `see` is called by the camera's thread, everything else by any thread.

    Args:
        layout: which tags are on what.
        intrinsics: projection of the camera.
        camera: pose of the camera in the table's frame.
        detect: finds tags in a picture.
    """

    def __init__(self, layout: Layout, intrinsics: Intrinsics, camera: Pose, detect: Detector):
        self.layout, self._intrinsics, self._camera, self._detect = layout, intrinsics, camera, detect
        self._lock = threading.Lock()
        self._scale = intrinsics.size[1] / LINES
        self._filter = PositionFilter()
        self._rotation = np.eye(3)
        self._goal_yaw = 0.0
        self._object_seen: float | None = None
        self._goals: deque[Float[np.ndarray, 2]] = deque(maxlen=GOALS)
        self._goal_seen: float | None = None
        self._picture: Picture | None = None
        self._taken = -np.inf
        self._seen: Seen = {}
        self.pictures = 0

    def see(self, picture: Picture, taken: float) -> None:
        """Take in a picture. taken: when [s]."""
        seen = self._detect(grey_of(picture))
        straight = {tag: self._intrinsics.undistorted(corners) for tag, corners in seen.items()}
        found, goal = self._object_in(straight), self._goal_in(straight)
        with self._lock:
            self.pictures += 1
            self._picture, self._taken, self._seen = picture, taken, seen
            if found is not None:
                self._filter.update(taken, found.position)
                self._rotation, self._object_seen = found.rotation, taken
            if goal is not None:
                self._goals.append(goal)
                self._goal_seen = taken

    def blind_for(self, now: float) -> float:
        """Time since the last picture was taken, whatever it shows [s]."""
        with self._lock:
            return max(0.0, now - self._taken)

    def sighting(self, now: float) -> Sighting | None:
        """The object at a time; None: it was never seen."""
        with self._lock:
            if self._object_seen is None:
                return None
            age = max(0.0, now - self._object_seen)
            return Sighting(self._filter.at(now), self._rotation, age)

    def goal(self) -> Float[np.ndarray, "2"] | None:
        """Median place of the goal's tag in the last pictures that show it; None: too few yet."""
        with self._lock:
            return np.median(list(self._goals), axis=0) if len(self._goals) == GOALS else None

    def goal_spread(self) -> float:
        """Largest distance between places of the goal's tag in these pictures [m]."""
        with self._lock:
            return float(np.ptp(list(self._goals), axis=0).max()) if self._goals else 0.0

    def forget_goal(self) -> None:
        """Look for the goal anew."""
        with self._lock:
            self._goals.clear()

    def seen(self) -> tuple[Picture | None, Seen]:
        """The last picture, and the corners of the tags in it."""
        with self._lock:
            return self._picture, dict(self._seen)

    def pixels_of(self, points: Points) -> Pixels:
        """Where the camera sees points of the table's frame, without the lens's distortion [px]."""
        return self._intrinsics.project(self._camera.inverse().of(points))

    def table_shift(self) -> dict[int, float]:
        """Distance of each visible tag of the table from its calibrated place [m]. A moved camera shifts them all."""
        _, seen = self.seen()
        shifts: dict[int, float] = {}
        for tag, corners in self.layout.table.items():
            if tag in seen:
                middle, flat = corners.mean(axis=0), corners - corners.mean(axis=0)
                pixels = self._intrinsics.undistorted(seen[tag])
                fit = standing_pose(flat, pixels, self._intrinsics, self._camera, float(middle[2]), YAWS)
                shifts[tag] = float(np.linalg.norm(fit.pose.position[:2] - middle[:2]))
        return shifts

    def _object_in(self, seen: Seen) -> Pose | None:
        """Pose of the object that stands, leans, lies or is lifted; None: it is not seen, or no pose explains it.

        A standing object has three unknowns, which is why it is seen best. But a bottle that is being pushed rocks by
        some degrees, and its tags are high: taken for standing, it would seem to jump by 3 mm for each degree.
        """
        faces = [face for face in self.layout.faces if face.tag in seen]
        if not faces:
            return None
        points = np.concatenate([face.corners for face in faces])
        pixels = np.concatenate([seen[face.tag] for face in faces])
        standing = self._standing(points, pixels, self.layout.height, float(np.arctan2(*self._rotation[1::-1, 0])))
        starts = [standing.pose]
        if standing.error > STANDS * self._scale:
            squares = [start for f in faces for start in starts_of_square(f.corners, seen[f.tag], self._intrinsics)]
            starts += [self._camera.after(start) for start in squares]
        for other in self._others(points, pixels, starts):
            times, more = LEANS
            if standing.error < min(STANDS * self._scale, times * other.error + more * self._scale):
                return standing.pose
            if other.error < UNEXPLAINED * self._scale:
                return other.pose
        return None

    def _others(self, points: Points, pixels: Pixels, starts: list[Pose]) -> Iterator[Fit]:
        """Poses of an object that does not stand, in the table's frame: leaning, if it can lean, then any."""
        intrinsics, camera, layout = self._intrinsics, self._camera, self.layout
        if layout.radius is not None:
            yield leaning_pose(points, pixels, intrinsics, camera, layout.height, layout.radius, starts)
        free = free_pose(points, pixels, intrinsics, [camera.inverse().after(start) for start in starts])
        yield Fit(camera.after(free.pose), free.error)

    def _goal_in(self, seen: Seen) -> Float[np.ndarray, "2"] | None:
        face = self.layout.goal
        if face is None or face.tag not in seen:
            return None
        fit = self._standing(face.corners, seen[face.tag], 0.0, self._goal_yaw)
        self._goal_yaw = float(np.arctan2(*fit.pose.rotation[1::-1, 0]))
        return fit.pose.position[:2] if fit.error < STANDS * self._scale else None

    def _standing(self, points: Points, pixels: Pixels, height: float, yaw: float) -> Fit:
        """The standing model from the last yaw, or else from all around."""
        fit = standing_pose(points, pixels, self._intrinsics, self._camera, height, [yaw])
        if fit.error < STANDS * self._scale:
            return fit
        return standing_pose(points, pixels, self._intrinsics, self._camera, height, YAWS)
