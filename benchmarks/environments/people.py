"""Persons for strangers' environments: programs that see the picture of the page, and say which keys are held.

Each is a function `(picture, number) -> keys`: the picture as an array, and the number of the look. None means
that the policy may act. Those of CartPole, FetchPush and the Panda read places out of the picture and apply the example's
own rule to what they read; `agreement.py` compares that with the rule on the true state. Their matrices were fitted to
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

    The arm hides the block or the ball now and then: a place that was seen whole is remembered. Where the white
    table is seen in place of the block, the block has fallen.
    """

    BALL = np.array([[-17.8121, -4.7209, 6.2728], [-0.1417, -3.6059, -1.253], [-8.9151, -1.0106, 1.0]])
    BLOCK = np.array([[-10.9531, -1.803, 3.9022], [-1.1988, -1.5646, -0.2055], [-5.8894, -0.0833, 1.0]])
    HEIGHT = np.array([-0.886, -0.05, 0.114, -0.272, 0.828])  # of row and column of the wrist, place of the block, 1
    TABLE = ((0.058, 0.594), (0.538, 0.371), (0.885, 0.5), (0.431, 0.858))  # column and row of its corners

    def __init__(self) -> None:
        self.ball, self.block = NOT_SEEN, NOT_SEEN
        rows, columns = np.mgrid[0:480, 0:480] / 480
        self.table, corners = np.ones((480, 480), bool), [*self.TABLE, self.TABLE[0]]
        for (x, y), (to_x, to_y) in pairwise(corners):
            self.table &= (to_x - x) * (rows - y) >= (to_y - y) * (columns - x)
        self.above = (columns > 0.18) & (rows < 0.6)  # where no part of the base is blue

    def __call__(self, picture: np.ndarray, number: int) -> tuple[str, ...] | None:
        left, height = self.read(picture)
        return ("KeyE",) if left < 0.055 and not height > 0.56 else None

    def read(self, picture: np.ndarray) -> tuple[float, float]:
        """Metres between block and ball, and height of the gripper; NaN for what was never seen."""
        seen = reduced(picture, 480, 480)
        red, green, blue = (seen[..., k] for k in range(3))
        most = seen.max(axis=2)
        ball = (red > 100) & (green < 60) & (blue < 60) & self.table
        block = (most < 48) & (most - seen.min(axis=2) < 10) & self.table
        self.ball = remembered(self.ball, centre(ball, 60), ball.sum() >= 240, moved=0.06)
        middle = np.median(np.argwhere(block), axis=0) / 480 if block.sum() >= 120 else NOT_SEEN
        if np.isnan(middle).any() and not np.isnan(self.block).any():
            row, column = (480 * self.block).astype(int)
            if (most[row - 8 : row + 8, column - 8 : column + 8] > 250).mean() > 0.5:
                self.block = NOT_SEEN
        self.block = remembered(self.block, middle, block.sum() >= 350, moved=0.08)
        place = on_the_table(self.BLOCK, self.block)
        wrist = np.argwhere((blue > 120) & (red < 70) & self.above)
        if len(wrist) <= 50:
            return float(np.linalg.norm(place - on_the_table(self.BALL, self.ball))), np.nan
        column = wrist[wrist[:, 0] > np.quantile(wrist[:, 0], 0.8)][:, 1].mean()
        row = np.quantile(wrist[:, 0], 0.95)
        height = self.HEIGHT @ np.array([row / 480, column / 480, *place, 1.0])
        return float(np.linalg.norm(place - on_the_table(self.BALL, self.ball))), float(height)


def remembered(before: np.ndarray, now: np.ndarray, whole: bool, moved: float) -> np.ndarray:
    """What is seen now, if it is seen whole or is clearly elsewhere; else what was seen before."""
    if np.isnan(now).any():
        return before
    return now if whole or np.isnan(before).any() or np.linalg.norm(now - before) > moved else before


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
