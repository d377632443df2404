"""Persons for strangers' environments: programs that see the picture of the page, and say which keys are held.

Each is a function `(picture, number) -> keys`: the picture as an array, and the number of the look. None means
that the policy may act. Those of CartPole, FetchPush and the Panda read places out of the picture and apply the example's
own rule to what they read; `agreement.py` compares that with the rule on the true state. Their numbers were fitted to
pictures with known states, once: a camera that stands still shows a table by one projective map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

Person = Callable[[np.ndarray, int], tuple[str, ...] | None]
NOT_SEEN = np.full(2, np.nan)


def now_and_then(*keys: str, every: int = 30, looks: int = 8) -> Person:
    """A person who takes over at regular times, and holds these keys."""
    return lambda picture, number: keys if number % every >= every - looks else None


def reduced(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture in the size that the environment drew, as integers that can be subtracted."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)).astype(int)


def centre(mask: np.ndarray, at_least: int) -> np.ndarray:
    """Mean row and column of the pixels of a mask, as shares of its height and width; NaN if there are too few."""
    found = np.argwhere(mask)
    return found.mean(axis=0) / mask.shape if len(found) >= at_least else NOT_SEEN


def on_the_table(matrix: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Place on the table that is seen at this row and column."""
    x, y, scale = matrix @ np.append(place, 1.0)
    return np.array([x, y]) / scale


@dataclass
class CartOnTheLeft:
    """CartPole: from x > 0.25 until x < -0.5, pushes the cart to where the pole leans, or left."""

    leads: bool = False

    def __call__(self, picture: np.ndarray, number: int) -> tuple[str, ...] | None:
        x, lean = self.read(picture)
        self.leads = x > (-0.5 if self.leads else 0.25)
        if not self.leads:
            return None
        return ("ArrowRight",) if lean > 0 else ("ArrowLeft",)

    @staticmethod
    def read(picture: np.ndarray) -> tuple[float, float]:
        """Place of the cart in metres, and how many pixels the pole leans to the right."""
        seen = reduced(picture, 400, 600)
        cart = (seen.max(axis=2) < 60).sum(axis=0) > 5  # the rail is thinner
        if not cart.any():
            return 0.0, 0.0
        column = np.flatnonzero(cart).mean()
        pole = (seen[..., 0] > 150) & (seen[..., 2] < 140) & (seen[..., 0] > seen[..., 2] + 40)
        return (column / 600 - 0.5) * 4.8, np.argwhere(pole)[:, 1].mean() - column if pole.any() else 0.0


class RisesWhenArrived:
    """FetchPush: rises when the black block is within 5 cm of the red ball, and the gripper below 55 cm.

    The gripper hides block or ball from one camera or the other. Both see the table alike, but for left and right, so one
    set of numbers serves both. Of the block each camera counts as the square of how many pixels it sees. The ball
    stays where it is: its place is that of the look that saw most of it.
    """

    BALL = np.array([[-22.4671, -5.2238, 6.5638], [0.7326, -4.4163, -2.6521], [-10.9683, -0.5015, 0.001]])
    BLOCK = np.array([[-41.4263, -10.0235, 12.2346], [0.7036, -8.584, -4.547], [-20.3792, -1.031, 0.001]])
    HEIGHT = np.array([[0.5359, 1.3874, -2.3414, -0.1538, 0.6676], [2.2419, 2.2427, -3.0358, -0.6025, 1.0]])
    TABLE = ((0.058, 0.594), (0.538, 0.371), (0.885, 0.5), (0.431, 0.858))  # column and row of its corners
    MIDDLE = 0.75  # m, of the table's width

    def __init__(self) -> None:
        self.ball, self.block, self.most_of_ball = NOT_SEEN, NOT_SEEN, 0
        rows, columns = np.mgrid[0:480, 0:480] / 480
        self.table, corners = np.ones((480, 480), bool), [*self.TABLE, self.TABLE[0]]
        for (x, y), (to_x, to_y) in pairwise(corners):
            self.table &= (to_x - x) * (rows - y) >= (to_y - y) * (columns - x)
        self.above = (columns > 0.18) & (rows < 0.6)  # where no part of the base is blue

    def __call__(self, picture: np.ndarray, number: int) -> tuple[str, ...] | None:
        left, height = self.read(picture)
        return ("KeyE",) if left < 0.05 and not height > 0.55 else None

    def read(self, picture: np.ndarray) -> tuple[float, float]:
        """Metres between block and ball, and height of the gripper; NaN for what was never seen."""
        both = reduced(picture, 480, 960)
        wrists, blocks, weights = [], [], []
        for seen, side in ((both[:, :480], 1), (both[:, 480:][:, ::-1], -1)):  # the left one as in a mirror
            red, green, blue = (seen[..., k] for k in range(3))
            most = seen.max(axis=2)
            ball = (red > 100) & (green < 60) & (blue < 60) & self.table
            block = (most < 48) & (most - seen.min(axis=2) < 10) & self.table
            if ball.sum() > max(self.most_of_ball, 10):
                self.most_of_ball, self.ball = ball.sum(), self.place(self.BALL, centre(ball, 1), side)
            if block.sum() >= 60:
                blocks.append(self.place(self.BLOCK, centre(block, 1), side))
                weights.append(float(block.sum()) ** 2)
            wrists.append(self.wrist((blue > 120) & (red < 70) & self.above))
        if blocks:
            self.block = np.average(blocks, axis=0, weights=weights)
        return float(np.linalg.norm(self.block - self.ball)), self.height(*wrists)

    def place(self, matrix: np.ndarray, seen: np.ndarray, side: int) -> np.ndarray:
        """Place on the table, from the picture of one side."""
        x, y = on_the_table(matrix, seen)
        return np.array([x, self.MIDDLE + side * (y - self.MIDDLE)])

    @staticmethod
    def wrist(blue: np.ndarray) -> np.ndarray:
        """Row of the lower end of the wrist, which is blue, and the column in its middle."""
        rows = np.flatnonzero(blue.sum(axis=1) >= 12)
        if len(rows) == 0:
            return NOT_SEEN
        columns = np.argwhere(blue[max(rows[-1] - 10, 0) : rows[-1] + 1])[:, 1]
        return np.array([rows[-1], (np.quantile(columns, 0.02) + np.quantile(columns, 0.98)) / 2]) / 480

    def height(self, right: np.ndarray, left: np.ndarray) -> float:
        """Height of the gripper in metres, from the wrist in both pictures."""
        above, below = self.HEIGHT @ np.array([*right, *left, 1.0])
        return float(above / below)


class OverTheCube:
    """Panda: moves the tool over the pink cube, from 3 cm beside it until 2 cm.

    The page shows two cameras side by side. The hand's sees the cube when it is near, and tells how far it is by its size;
    the other one tells where it lies, which is compared with the usual place.
    """

    HAND = np.array([[-0.305, 0.008], [0.067, -0.215], [0.183, 0.148], [0.156, -0.069]])  # see `read`
    FRONT = np.array([[-20.8635, -1.4273, 13.3753], [-0.1973, -7.1221, 3.6393], [-2.1273, -0.3282, 1.0]])
    USUAL = np.array([5.0, 0.0])  # dm

    def __init__(self) -> None:
        self.leads = False

    def __call__(self, picture: np.ndarray, number: int) -> tuple[str, ...] | None:
        forward, left = self.read(picture)
        self.leads = bool(np.hypot(forward, left) > (0.2 if self.leads else 0.3))
        if not self.leads:
            return None
        if np.isinf(forward):
            return ("KeyE",)
        keys = [] if abs(forward) < 0.12 else ["ArrowUp" if forward > 0 else "ArrowDown"]
        keys += [] if abs(left) < 0.12 else ["ArrowLeft" if left > 0 else "ArrowRight"]
        return tuple(keys) or ("KeyE",)

    def read(self, picture: np.ndarray) -> np.ndarray:
        """Where the cube lies from the tool, forward and left, in decimetres."""
        seen = reduced(picture, 128, 256)
        red, green, blue = (seen[..., k] for k in range(3))
        pink = (red > 100) & (blue > 100) & (green < 0.75 * np.minimum(red, blue))
        hand, front = centre(pink[:, 128:], 21), centre(pink[:, :128], 4)
        if not np.isnan(hand).any():
            away = 1 / np.sqrt(pink[:, 128:].mean())  # in proportion to the distance from the camera
            return np.array([hand[0] * away, hand[1] * away, away, 1.0]) @ self.HAND
        if np.isnan(front).any():
            return np.full(2, np.inf)  # hidden by the arm
        way = on_the_table(self.FRONT, front) - self.USUAL
        return way * max(1.0, 0.5 / max(np.hypot(*way), 1e-6))  # the hand does not see it, so it is not near
