"""Hand-written policies for the arm tasks, good and careless, and what becomes of them.

PYTHONPATH=src python tests/helpers/arm_scripts.py prints the table of docs/arm.md.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mereq.core.distribution import SquashedGaussian
from mereq.core.supervisor import Controller
from mereq.supervision.rules import RuleEngine
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.arm.world import ArmWorld

Script = Callable[[Any], np.ndarray]  # from the measurements of n environments to their actions (n, 3)


def push(height) -> Script:
    """Get behind the bottle, push it to the goal with the tip at `height` [m], and stop there."""

    def act(m):
        to_goal = m.goal - m.bottle[:, :2]
        far = np.linalg.norm(to_goal, axis=1)
        ahead = to_goal / np.maximum(far, 1e-9)[:, None]
        tip = m.tip[:, :2] - m.bottle[:, :2]
        distance = np.linalg.norm(tip, axis=1)
        along = (tip * ahead).sum(axis=1)
        aside = tip - along[:, None] * ahead
        behind = (along < -0.02) & (np.linalg.norm(aside, axis=1) < 0.02)
        level = np.abs(m.tip[:, 2] - height) < 0.015
        onwards = np.where(level[:, None], 0.01 * ahead, -0.075 * ahead - tip) - aside
        outwards = tip / np.maximum(distance, 1e-9)[:, None] * np.maximum(0.075 - distance, 0.0)[:, None]
        way = np.where(behind[:, None], onwards, -0.08 * ahead - tip + 3.0 * outwards)
        action = limited(np.column_stack([way, height - m.tip[:, 2]]) / 0.01)
        return np.where((far < 0.01)[:, None], 0.0, action)

    return act


def wipe(depth: float) -> Script:
    """Wipe along lanes with rounded ends, the tool centre `depth` [m] below the board's surface."""
    lanes = erasing.CENTRE + np.array([[7, 6], [-7, 6], [-7, -6], [7, -6], [7, 0], [-7, 0]]) / 100.0
    lane = np.zeros(1, int)

    def act(m):
        nonlocal lane
        if m.step[0] == 0:
            lane = np.zeros(len(m.tip), int)
        lane = (lane + (np.linalg.norm(lanes[lane] - m.tip[:, :2], axis=1) < 0.025)) % len(lanes)
        way = lanes[lane] - m.tip[:, :2]
        before = m.tip_moved[:, :2] / 0.01
        turn = 0.8 * way / np.linalg.norm(way, axis=1, keepdims=True) - before
        turn *= np.minimum(1.0, 0.3 / np.maximum(np.linalg.norm(turn, axis=1, keepdims=True), 1e-9))
        down = 0.5 * (erasing.SURFACE - depth - m.tip[:, 2]) / 0.01
        return np.clip(np.column_stack([before + turn, down]), -1.0, 1.0)

    return act


def grasp(along: float, across: float = 0.0) -> Script:
    """Go down onto the pillow so far off its centre [m], wait for the gripper to close, and lift."""
    waited = np.zeros(1, int)

    def act(m):
        nonlocal waited
        if m.step[0] == 0:
            waited = np.zeros(len(m.tip), int)
        length = m.axes[:, :2]
        width = np.stack([-length[:, 1], length[:, 0]], axis=1)
        way = m.pillow[:, :2] + along * length + across * width - m.tip[:, :2]
        near = (np.linalg.norm(way, axis=1) < 0.004) | (m.above_surface < 0.01)
        way[m.above_surface < 0.008] = 0.0
        down = -(m.above_surface + np.where(near, 0.048, -0.015))
        action = limited(np.column_stack([way, down]) / 0.01)
        waited = np.where(m.closed, waited + 1, 0)
        up = np.where(waited > 3, np.clip(60.0 * (0.16 - m.tip[:, 2]), -1.0, 1.0), 0.0)
        lift = np.column_stack([np.zeros((len(up), 2)), up])
        return np.where(m.closed[:, None], lift, action)

    return act


def limited(action: np.ndarray) -> np.ndarray:
    """The action, shortened until every component is within [-1, 1]."""
    return action / np.maximum(1.0, np.abs(action).max(axis=1, keepdims=True))


class Scripted:
    """A script as a policy in an environment or simulator: it looks at what is measured there, not at observations."""

    def __init__(self, env: ArmEnv | ArmSimulator, script: Script):
        self._env, self._script = env, script

    def distribution(self, obs) -> SquashedGaussian:
        action = np.clip(self._script(self._env.measured), -0.999, 0.999)
        return SquashedGaussian(np.arctanh(action).astype(np.float32), np.full(action.shape, -3.0, np.float32))


class Outcome(NamedTuple):
    prior: float  # mean return under theta_prior
    expert: float  # and under theta_expert
    success: float
    intervention_rate: float  # share of steps for which the rule calls the expert; the script goes on acting
    last: Any  # measurements at the end of the episodes
    features: np.ndarray  # (steps, n, features)


def play(module: ModuleType, script: Script, n_envs: int = 24, seed: int = 0) -> Outcome:
    """100 steps of each of n environments under `script`; what comes after nothing is left to watch is not judged."""
    task = module.TASK
    world = ArmWorld(task.setup, n_envs)
    starts = [task.begin(np.random.default_rng([seed, i])) for i in range(n_envs)]
    measured = task.measure(world.reset(starts), None)
    engines = [RuleEngine(task.rule) for _ in range(n_envs)]
    features, called, judged, going = [], 0, 0, np.ones(n_envs, bool)
    for _ in range(N_STEPS):
        judgements = [engines[i].judge(measured.single(i)) for i in np.flatnonzero(going)]
        called, judged = called + judgements.count(Controller.EXPERT), judged + len(judgements)
        measured = task.measure(world.step(script(measured), task.grip(measured)), measured)
        features.append(task.features(measured))
        going &= ~task.settled(measured)
    every = np.array(features)
    return Outcome(
        prior=float((every @ task.theta_prior).sum(axis=0).mean()),
        expert=float((every @ task.theta_expert).sum(axis=0).mean()),
        success=float(task.success(measured).mean()),
        intervention_rate=called / judged,
        last=measured,
        features=every,
    )


ANYWHERE = np.linspace(0.05, 0.16, 24)  # heights along the bottle [m]

SCRIPTS: dict[str, tuple[ModuleType, Script]] = {
    "bottle, pushed at 2 cm": (bottle_pushing, push(0.02)),
    "bottle, pushed at 12 cm": (bottle_pushing, push(0.12)),
    "bottle, pushed at 15 cm": (bottle_pushing, push(0.15)),
    "bottle, pushed anywhere between 5 and 16 cm": (bottle_pushing, push(ANYWHERE)),
    "board, pressed by 1.5 cm": (erasing, wipe(0.015)),
    "board, pressed by 0.3 cm": (erasing, wipe(0.003)),
    "pillow, grasped at its centre": (pillow_grasping, grasp(0.0)),
    "pillow, grasped 5 cm off": (pillow_grasping, grasp(0.05)),
    "pillow, grasped 7 cm off": (pillow_grasping, grasp(0.07)),
    "pillow, grasped at its edge": (pillow_grasping, grasp(0.112)),
}


def main() -> None:
    print("| script | prior return | expert return | success | rule calls the expert in |\n|---|---|---|---|---|")
    for name, (module, script) in SCRIPTS.items():
        o = play(module, script)
        print(f"| {name} | {o.prior:.1f} | {o.expert:.1f} | {o.success:.2f} | {o.intervention_rate:.1%} |", flush=True)


if __name__ == "__main__":
    main()
