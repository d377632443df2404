"""What the tools of the three tasks work on: where it is by the sensors, and what a person must do before an episode.

Physics of a task are put together from what a real cell can measure: positions from the camera, the eraser's force from
its spring. What no sensor measures is zero, and is in no observation.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.errors import RobotLost
from mereq.robots.arm import Point
from mereq.robots.sight.pose import quaternion_of, turn_about_z
from mereq.robots.sight.tracker import Sighting, Tracker
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.world import Physics, Start

FRESH = 0.15  # s: an object's position is predicted
STALE = 0.5  # s: it is held, and the picture says so; beyond, the episode ends
STILL = 0.002  # m that an object may seem to move while it stands
TURNED = 45.0  # degrees by which a bottle with tags on a bracket may be turned
TIPS = np.cos(np.radians(15.0))  # height of its axis: a bottle that leaned more, and is unseen since, lies
LYING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # axis along x
ROUND = np.linspace(0.0, 2.0 * np.pi, 25)
Line = Float[np.ndarray, "_ 3"]


class Sensed(NamedTuple):
    """Physics by the sensors, and how old they are."""

    physics: Physics
    age: float  # since the object was seen [s]


class Workpiece(Protocol):
    """What a task's tool works on."""

    name: str
    parks: bool  # whether a person puts it back between two episodes, with the tool out of the way

    def lacks(self, tracker: Tracker, now: float) -> str | None:
        """What a person must do before an episode; None: nothing."""
        ...

    def place(self, tracker: Tracker, now: float) -> Point | None:
        """Where it stands; None: it is not seen."""
        ...

    def begin(self, tracker: Tracker, start: Start, now: float) -> Point:
        """Begin an episode: where the tool starts, relative to where the object is as in the drawn start."""
        ...

    def sense(self, tool: Point, closed: bool, tracker: Tracker, now: float) -> Sensed:
        """Physics at a time. closed: whether the gripper was told to close."""
        ...

    def lines(self, tracker: Tracker, now: float, measured: object) -> list[Line]:
        """Outline of what is believed, in the table's frame, for the picture."""
        ...


@dataclass(frozen=True)
class StartRegion:
    """Where objects must be for an episode to start: the distribution of the simulated starts, with some room."""

    name: str = "bottle"
    low: tuple[float, float] = (0.40, -0.09)  # of the object, x and y [m]
    high: tuple[float, float] = (0.48, 0.09)
    turned: float = 180.0  # largest turn of the object [deg]
    turn_back: str = "Turn the bottle: its tags must be on the side away from the robot"
    upright: str = "Put the bottle upright"
    goal: bool = True  # whether there is one
    nearest: float = 0.20  # of the goal to the object [m]
    farthest: float = 0.34
    aside: float = 12.0  # largest bearing of the goal, seen from the object, from straight ahead [deg]

    def lacks(self, found: Sighting | None, goal: Float[np.ndarray, "2"] | None) -> str | None:
        """What a person must do; None: nothing."""
        if found is None or found.age > STALE:
            return f"The camera does not see the {self.name}"
        x, y = found.position[:2]
        if not found.stands:
            return self.upright
        if abs(np.degrees(np.arctan2(*found.rotation[1::-1, 0]))) > self.turned:
            return self.turn_back
        if not (self.low[0] <= x <= self.high[0] and self.low[1] <= y <= self.high[1]):
            way = 100.0 * (np.clip([x, y], self.low, self.high) - [x, y])
            return f"Put the {self.name} back: {way[0]:+.0f} cm along x, {way[1]:+.0f} cm along y"
        return self._lacks_goal(found, goal) if self.goal else None

    def _lacks_goal(self, found: Sighting, goal: Float[np.ndarray, "2"] | None) -> str | None:
        if goal is None:
            return "The camera does not see the goal's tag"
        ahead = goal - found.position[:2]
        far, bearing = float(np.linalg.norm(ahead)), float(np.degrees(np.arctan2(ahead[1], ahead[0])))
        if not self.nearest <= far <= self.farthest or abs(bearing) > self.aside:
            return (
                f"Put the goal's tag {100 * self.nearest:.0f} to {100 * self.farthest:.0f} cm beyond the {self.name}, "
                f"at most {self.aside:.0f} degrees aside (now {100 * far:.0f} cm, {bearing:+.0f} degrees)"
            )
        return None


PILLOW_REGION = StartRegion(
    "pillow",
    low=(0.47, -0.07),
    high=(0.57, 0.07),
    turned=20.0,
    turn_back="Turn the pillow: its length must be along x, and its tags on the camera's side",
    upright="Put the pillow flat on the table",
    goal=False,
)


class Bottle:
    """The bottle, and its goal."""

    name, parks = "bottle", True

    def lacks(self, tracker: Tracker, now: float) -> str | None:
        """What a person must do before an episode; None: nothing."""
        if tracker.goal_spread() > STILL:
            tracker.forget_goal()  # it is being moved
        lopsided = bool(np.mean([face.middle[0] for face in tracker.layout.faces]) > 1e-3)  # tags are on a bracket
        region = StartRegion(turned=TURNED) if lopsided else StartRegion()
        return region.lacks(tracker.sighting(now), tracker.goal())

    def place(self, tracker: Tracker, now: float) -> Point | None:
        """Where it stands; None: it is not seen."""
        return _place(tracker, now)

    def begin(self, tracker: Tracker, start: Start, now: float) -> Point:
        """Begin an episode. The goal's place is that at the start: later the bottle may hide its tag."""
        goal = tracker.goal()
        if goal is None:
            raise RobotLost("the camera does not see the goal's tag")
        self._goal = goal
        return start.tool + np.append(_seen(tracker, now, self.name).position[:2] - start.joints[:2], 0.0)

    def sense(self, tool: Point, closed: bool, tracker: Tracker, now: float) -> Sensed:
        """Physics at a time. There is no sensor of force: it is in no observation and no feature."""
        bottle = _seen(tracker, now, self.name)
        rotation = LYING if bottle.age > STALE and bottle.rotation[2, 2] < TIPS else bottle.rotation
        joints = np.concatenate([bottle.position, quaternion_of(rotation)])
        return Sensed(Physics(tool[None], joints[None], np.zeros((1, 3)), self._goal[None]), bottle.age)

    def lines(self, tracker: Tracker, now: float, measured: object) -> list[Line]:
        """Foot and axis."""
        radius, down = bottle_pushing.RADIUS, bottle_pushing.CENTRE
        foot = np.stack([radius * np.cos(ROUND), radius * np.sin(ROUND), np.full(len(ROUND), -down)], axis=1)
        return _placed([foot, np.array([[0.0, 0.0, -down], [0.0, 0.0, down]])], tracker.sighting(now))


class Pillow:
    """The pillow, with a cube of tags on a bracket beside it."""

    name, parks = "pillow", True

    def lacks(self, tracker: Tracker, now: float) -> str | None:
        """What a person must do before an episode; None: nothing."""
        return PILLOW_REGION.lacks(tracker.sighting(now), None)

    def place(self, tracker: Tracker, now: float) -> Point | None:
        """Where it lies; None: it is not seen."""
        return _place(tracker, now)

    def begin(self, tracker: Tracker, start: Start, now: float) -> Point:
        """Begin an episode: the gripper is above an end, seen along the pillow as it lies."""
        pillow = _seen(tracker, now, self.name)
        w, _, _, z = start.joints[5:9]
        turn = float(np.arctan2(*pillow.rotation[1::-1, 0]) - 2.0 * np.arctan2(z, w))
        offset = turn_about_z(turn) @ np.append(start.tool[:2] - start.joints[2:4], 0.0)
        return np.array([*(pillow.position[:2] + offset[:2]), start.tool[2]])

    def sense(self, tool: Point, closed: bool, tracker: Tracker, now: float) -> Sensed:
        """Physics at a time. Fingers are where they were told to be; no cushion is measured."""
        pillow = _seen(tracker, now, self.name)
        fingers = np.full(2, pillow_grasping.CLOSED if closed else 0.0)
        joints = np.concatenate([fingers, pillow.position, quaternion_of(pillow.rotation), np.zeros(12)])
        return Sensed(Physics(tool[None], joints[None], np.zeros((1, 3)), np.zeros((1, 0))), pillow.age)

    def lines(self, tracker: Tracker, now: float, measured: object) -> list[Line]:
        """Its upper edge, and its length's axis."""
        x, y, z = pillow_grasping.HALF
        edge = np.array([[x, y, z], [-x, y, z], [-x, -y, z], [x, -y, z], [x, y, z]])
        return _placed([edge, np.array([[-x, 0.0, z], [x, 0.0, z]])], tracker.sighting(now))


class Board:
    """The whiteboard, pressed by an eraser on a spring, which is the sensor of force.

    Args:
        touched: points of its surface, touched with the felt at rest; three or more [m].
        stiffness: of spring and felt together [N/m].
        travel: of the spring [m].
    """

    name, parks = "board", False

    def __init__(self, touched: list[list[float]], stiffness: float, travel: float):
        points = np.array(touched)
        columns = np.column_stack([points[:, :2], np.ones(len(points))])
        self._plane, *_ = np.linalg.lstsq(columns, points[:, 2], rcond=None)
        self._stiffness, self._travel = stiffness, travel

    def height(self, place: Float[np.ndarray, " coordinates"]) -> float:
        """Height of the surface at a place, x and y first [m]."""
        return float(self._plane @ [place[0], place[1], 1.0])

    def lacks(self, tracker: Tracker, now: float) -> str | None:
        """Nothing: no sensor sees the marker."""
        return None

    def place(self, tracker: Tracker, now: float) -> Point | None:
        """Its middle."""
        return np.append(erasing.CENTRE, self.height(erasing.CENTRE))

    def begin(self, tracker: Tracker, start: Start, now: float) -> Point:
        """Begin an episode: as far above the surface as in the drawn start."""
        return start.tool + np.array([0.0, 0.0, self.height(start.tool) - erasing.SURFACE])

    def sense(self, tool: Point, closed: bool, tracker: Tracker, now: float) -> Sensed:
        """Physics at a time, with heights as if the surface were that of the simulation.

        The felt yields a little, too, so the spring's compression is that of its force.
        """
        lifted = tool - np.array([0.0, 0.0, self.height(tool) - erasing.SURFACE])
        force = self._stiffness * float(np.clip(erasing.SURFACE - lifted[2], 0.0, self._travel))
        spring = np.array([[force / erasing.STIFFNESS]])
        return Sensed(Physics(lifted[None], spring, np.array([[0.0, 0.0, force]]), np.zeros((1, 0))), 0.0)

    def lines(self, tracker: Tracker, now: float, measured: object) -> list[Line]:
        """Marker cells that are not erased by what was measured."""
        if not isinstance(measured, erasing.Measurements):
            return []
        half = 0.35 * erasing.CELL
        square = half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
        left = erasing.CELLS[~measured.erased.reshape(-1)]
        return [np.column_stack([cell + square, np.full(5, self.height(cell))]) for cell in left]


def _place(tracker: Tracker, now: float) -> Point | None:
    found = tracker.sighting(now)
    return None if found is None else found.position


def _seen(tracker: Tracker, now: float, name: str) -> Sighting:
    """The object.

    Raises:
        RobotLost: it was never seen.
    """
    found = tracker.sighting(now)
    if found is None:
        raise RobotLost(f"the camera does not see the {name}")
    return found


def _placed(lines: list[Line], found: Sighting | None) -> list[Line]:
    return [] if found is None else [line @ found.rotation.T + found.position for line in lines]
