"""Forward and inverse kinematics of the published chain of the LR Mate 200iD/7L.

Compiled, because it runs once per control step and environment beside a physics step of a few hundred microseconds.
All functions take joint angles q [rad] and the offset of the tool centre along the flange's x axis [m].
"""

import math

import numba
import numpy as np

ORIGINS = np.array(  # of each joint's frame in the frame before it, at q = 0 all of them parallel to the base [m]
    [[0, 0, 0.330], [0.050, 0, 0], [0, 0, 0.440], [0, 0, 0.035], [0.420, 0, 0], [0.080, 0, 0]], dtype=np.float64
)
AXES = np.array([[0, 0, 1], [0, 1, 0], [0, -1, 0], [-1, 0, 0], [0, -1, 0], [-1, 0, 0]], dtype=np.float64)
JOINT_LIMITS = np.radians([[-170, 170], [-100, 145], [-70, 213], [-190, 190], [-125, 125], [-360, 360]])  # [rad]
JOINT_SPEEDS = np.radians([370.0, 310.0, 410.0, 550.0, 545.0, 1000.0])  # [rad/s]

TOOL_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # flange x down, y stays, z forwards
DAMPING = 0.005  # of the least squares
HOME = np.array([0.0, 0.3, -0.6, 0.0, -0.67, 0.0])  # where the search for a start pose begins [rad]


@numba.njit(cache=True, nogil=True)
def forward(q: np.ndarray, tool: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pose (3,), (3, 3) of the tool centre, and position and axis (6, 3) of each joint, in the world frame.

    All axes are coordinate axes, so each rotation is a plane rotation of two columns.
    """
    position, orientation = np.zeros(3), np.zeros((3, 3))
    for row in range(3):
        orientation[row, row] = 1.0
    joints, axes = np.empty((6, 3)), np.empty((6, 3))
    for j in range(6):
        for row in range(3):
            for column in range(3):
                position[row] += orientation[row, column] * ORIGINS[j, column]
        k = 0 if AXES[j, 0] != 0.0 else (1 if AXES[j, 1] != 0.0 else 2)
        sign = AXES[j, k]
        for row in range(3):
            joints[j, row] = position[row]
            axes[j, row] = sign * orientation[row, k]
        a, b = (k + 1) % 3, (k + 2) % 3
        cos, sin = math.cos(q[j]), sign * math.sin(q[j])
        for row in range(3):
            u, v = orientation[row, a], orientation[row, b]
            orientation[row, a] = cos * u + sin * v
            orientation[row, b] = cos * v - sin * u
    for row in range(3):
        position[row] += orientation[row, 0] * tool
    return position, orientation, joints, axes


@numba.njit(cache=True, nogil=True)
def towards(q: np.ndarray, target: np.ndarray, tool: float, largest: np.ndarray) -> np.ndarray:
    """Joint angles after one damped-least-squares step towards `target` (3,) [m] with the tool pointing down.

    dq = J^T (J J^T + damping^2 I)^-1 (position error, orientation error), shortened as a whole until no joint moves by
    more than `largest` (6,) [rad], then clipped to the joint limits.
    """
    position, orientation, joints, axes = forward(q, tool)
    error, jacobian = np.zeros(6), np.zeros((6, 6))
    for row in range(3):
        a, b = (row + 1) % 3, (row + 2) % 3  # a cross product's row is a difference of products of the other two
        error[row] = target[row] - position[row]
        for column in range(3):
            error[3 + row] += 0.5 * (
                orientation[a, column] * TOOL_DOWN[b, column] - orientation[b, column] * TOOL_DOWN[a, column]
            )
        for j in range(6):
            arm_a, arm_b = position[a] - joints[j, a], position[b] - joints[j, b]
            jacobian[row, j] = axes[j, a] * arm_b - axes[j, b] * arm_a
            jacobian[3 + row, j] = axes[j, row]
    damping = np.zeros((6, 6))
    for j in range(6):
        damping[j, j] = DAMPING**2
    step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + damping, error)
    excess = 1.0
    for j in range(6):
        excess = max(excess, abs(step[j]) / largest[j])
    moved = np.empty(6)
    for j in range(6):
        moved[j] = min(max(q[j] + step[j] / excess, JOINT_LIMITS[j, 0]), JOINT_LIMITS[j, 1])
    return moved


@numba.njit(cache=True, nogil=True)
def follow(q: np.ndarray, targets: np.ndarray, tool: float, largest: np.ndarray) -> np.ndarray:
    """`towards` for n arms at once: q (n, 6) and targets (n, 3)."""
    moved = np.empty_like(q)
    for i in range(len(q)):
        moved[i] = towards(q[i], targets[i], tool, largest)
    return moved


@numba.njit(cache=True, nogil=True)
def tool_positions(q: np.ndarray, tool: float) -> np.ndarray:
    """Tool centres (n, 3) of n arms with joint angles q (n, 6)."""
    positions = np.empty((len(q), 3))
    for i in range(len(q)):
        positions[i] = forward(q[i], tool)[0]
    return positions


@numba.njit(cache=True, nogil=True)
def pose(target: np.ndarray, tool: float) -> np.ndarray:
    """Joint angles (6,) with the tool centre at `target` (3,), pointing down: repeated steps from `HOME`."""
    q = HOME.copy()
    anything = np.full(6, 0.5)
    for _ in range(200):
        q = towards(q, target, tool, anything)
        position, away = forward(q, tool)[0], 0.0
        for row in range(3):
            away = max(away, abs(position[row] - target[row]))
        if away < 1e-10:
            break
    return q
