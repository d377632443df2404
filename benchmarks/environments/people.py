"""Persons for strangers' environments: programs that see the picture of the page, and say which keys are held.

Each is a function `(picture, number) -> keys`: the page's canvas as an array, and the number of the look. None means
that the policy may act.
"""

from collections.abc import Callable

import numpy as np

Person = Callable[[np.ndarray, int], tuple[str, ...] | None]


def now_and_then(*keys: str, every: int = 30, looks: int = 8) -> Person:
    """A person who takes over at regular times, and holds these keys."""
    return lambda picture, number: keys if number % every >= every - looks else None


def cart_on_the_left(picture: np.ndarray, number: int) -> tuple[str, ...] | None:
    """CartPole: while the dark cart is in the right half, push it to where the pole leans, or left."""
    dark = picture.max(axis=2) < 60
    rows = dark.sum(axis=1)
    cart = dark[rows > 40] if (rows > 40).any() else dark
    columns = np.flatnonzero(cart.sum(axis=0) > 5)
    if len(columns) == 0 or columns.mean() < picture.shape[1] * 0.5:
        return None
    brown = (picture[..., 0] > 150) & (picture[..., 2] < 140) & (picture[..., 0] > picture[..., 2] + 40)
    lean = np.argwhere(brown)[:, 1].mean() - columns.mean() if brown.any() else 0.0
    return ("ArrowRight",) if lean > 3 else ("ArrowLeft",)


def rises_when_arrived(picture: np.ndarray, number: int) -> tuple[str, ...] | None:
    """FetchPush: the red ball is hidden in the dark block when the block has arrived; then the arm is to rise."""
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    ball = (red > 120) & (green < 80) & (blue < 80)
    if not ball.any():
        return ("KeyE",)  # completely hidden
    row, column = np.argwhere(ball).mean(axis=0).astype(int)
    reach = max(6, picture.shape[0] // 40)
    around = picture[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach]
    return ("KeyE",) if (around.max(axis=2) < 70).mean() > 0.15 else None


def over_the_cube(picture: np.ndarray, number: int) -> tuple[str, ...] | None:
    """Panda: the page shows two cameras side by side. The hand's sees the pink cube, which is to be central.

    While it is not, the person raises the tool a little and moves it towards the cube. When it is, the policy may act.
    """
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    pink = (red > 150) & (blue > 150) & (green < red - 50)
    half = picture.shape[1] // 2
    hand = np.argwhere(pink[:, half:])
    if len(hand) < 30:  # not seen by the hand: look at where the other camera sees it, and rise
        front = np.argwhere(pink[:, :half])
        if len(front) == 0:
            return None
        side = front[:, 1].mean() / half - 0.5
        return ("KeyE", "ArrowRight" if side < -0.05 else "ArrowLeft") if abs(side) > 0.05 else ("KeyE",)
    row, column = hand.mean(axis=0) / np.array(picture.shape[:2]) * np.array([1, 2]) - 0.5
    keys = [] if abs(column) < 0.12 else ["ArrowLeft" if column < 0 else "ArrowRight"]
    keys += [] if abs(row) < 0.2 else ["ArrowUp" if row < 0 else "ArrowDown"]
    return tuple(keys) or None
