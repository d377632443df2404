"""A program that plays a person on the highway: it looks at pictures as the page gets them, and says what to press.

It wants what the paper's expert wants: the right lane first, no crash, and otherwise to get on. It lets the policy
drive as long as that does what it wants or nothing better can be done, it judges speeds by how things move, and it is
as slow as people are: what it sees moves its fingers half a second later at the page's own pace.
"""

from collections import deque
from typing import Any, NamedTuple

LANE = 4.0  # width [m]
IN_LANE = 0.8  # m beside the middle of a lane that still count as in it
STEP = 5  # pictures of a step, which is a second of traffic
REACTION = STEP  # pictures between seeing and doing
PATIENCE = 2 * STEP  # pictures that the policy may stay out of the right lane while there is room
SETTLED = STEP  # pictures that all must be well before handing back
GIVE_UP = 4 * STEP  # pictures in control without room for what it wants
APART = 7.5  # m from middle to middle: never nearer
AHEAD = (0.5, 1.0, 1.5, 2.0)  # s that it thinks ahead in its lane
ASIDE = (1.0, 2.0, 3.0, 4.0, 5.0)  # the same before it changes lanes: its hands are late, and braking takes a while
SLOWEST = 21.5  # m/s; this car does not go much slower
USUAL = 22.0  # m/s, of a car seen for the first time
LEFT, RIGHT, SLOWER = "ArrowLeft", "ArrowRight", "ArrowDown"
AGAIN = {LEFT: 12, RIGHT: 12, SLOWER: 6}  # pictures after a tap before it can judge what came of it


class OperatorInput(NamedTuple):
    """What the person wants, and does: be in control, and tap a key once."""

    engaged: bool = False
    tap: str | None = None


class Car(NamedTuple):
    """A car as it was seen: metres, metres per second."""

    x: float
    y: float
    speed: float


class Driver:
    """One person. `look` at every picture; it says what the hands do now."""

    def __init__(self):
        self._forget()

    def look(self, view: dict[str, Any]) -> OperatorInput:
        """What the hands do while this view is on the screen."""
        if view["picture"] is None or view["phase"] != "supervising" or view["step_of_episode"] < self._step:
            self._forget()
        if view["picture"] is None or view["phase"] != "supervising":
            return OperatorInput()
        self._step = view["step_of_episode"]
        if view["frame"] > self._frame:
            self._see(view["picture"]["cars"], view["frame"])
            self._plans.append((view["frame"], self._decide(LANE * (view["picture"]["lanes"] - 1))))
        tap = None
        while self._plans and self._plans[0][0] <= view["frame"] - REACTION:
            self._engages, tapped = self._plans.popleft()[1]
            tap = tapped or tap
        return OperatorInput(self._engages, tap)

    def _forget(self) -> None:
        """A new episode: let the policy drive."""
        self._step, self._frame, self._engages = 0, -1, False
        self._plans: deque[tuple[int, OperatorInput]] = deque()  # when it was seen, what it wanted then
        self._cars: list[Car] = []
        self._engaged = False  # in its plans, which are ahead of its hands
        self._tapped = dict.fromkeys(AGAIN, -100)  # picture in which it last wanted to tap each key
        self._well = self._wrong = self._stuck = 0  # pictures in a row

    def _see(self, cars: list[list[float]], frame: int) -> None:
        """Tell speeds from how far each car has come since it was seen last."""
        seconds, before = (frame - self._frame) / STEP, self._cars
        self._elapsed = frame - self._frame if before else 1
        self._cars, self._frame = [], frame
        for x, y, _ in cars:
            ways = [(abs(x - old.x - old.speed * seconds), x - old.x) for old in before if abs(y - old.y) < LANE / 2]
            off, way = min(ways, default=(1e9, 0.0))
            self._cars.append(Car(x, y, way / seconds if off < 3.0 else USUAL))
        self._drifts = 0.0 if not before else self._cars[0].y - before[0].y  # of its own car, to the right

    def _decide(self, rightmost: float) -> OperatorInput:
        """What the person wants on seeing this."""
        ego = self._cars[0]
        lane = LANE * min(max(round((ego.y + 2.0 * self._drifts) / LANE), 0), round(rightmost / LANE))
        wants_right = lane < rightmost
        room = wants_right and self._free(lane + LANE, ASIDE)
        evasion = None if self._free(lane, AHEAD, only_ahead=True) else self._evade(ego, lane, rightmost)
        danger = evasion is not None
        key = evasion or (self._merge(ego, room) if wants_right else None)
        arrived = not wants_right and ego.y > rightmost - IN_LANE
        better = room or (wants_right and ego.speed > SLOWEST)  # than to stay here: change, or slow down to change
        self._count(well=arrived and not danger, wrong=better and self._drifts < 0.05, stuck=not better)
        if self._engaged:
            self._engaged = danger or (self._well < SETTLED and self._stuck < GIVE_UP)
        else:
            self._engaged = danger or self._wrong >= PATIENCE
            self._stuck = 0
        if not self._engaged:
            return OperatorInput()
        others = [key] if key == SLOWER else AGAIN  # braking need not wait for anything else
        if key is None or any(self._frame < self._tapped[other] + AGAIN[other] for other in others):
            return OperatorInput(True)
        self._tapped[key] = self._frame
        return OperatorInput(True, key)

    def _count(self, **holds: bool) -> None:
        for name, held in holds.items():
            setattr(self, f"_{name}", getattr(self, f"_{name}") + self._elapsed if held else 0)

    def _evade(self, ego: Car, lane: float, rightmost: float) -> str | None:
        """Brake for the car ahead; when that is all one can brake, go round it. None: nothing helps."""
        if ego.speed > SLOWEST:
            return SLOWER
        if lane < rightmost and self._free(lane + LANE, AHEAD):
            return RIGHT
        return LEFT if lane > 0 and self._free(lane - LANE, AHEAD) else None

    def _merge(self, ego: Car, room: bool) -> str | None:
        """To the right where there is room, else as slow as the others to find some."""
        if room:
            return RIGHT
        return SLOWER if ego.speed > SLOWEST else None

    def _free(self, lane: float, times: tuple[float, ...], *, only_ahead: bool = False) -> bool:
        """Whether all cars in a lane stay away if it drives there at its speed from soon on."""
        ego, *others = self._cars
        for car in others:
            if abs(car.y - lane) < LANE / 2 and not (only_ahead and car.x < ego.x):
                gaps = [car.x - ego.x + (car.speed - ego.speed) * later for later in times]
                if min(map(abs, gaps)) < APART or gaps[0] * gaps[-1] < 0:
                    return False
        return True
