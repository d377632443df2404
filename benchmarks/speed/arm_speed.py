"""How fast are the arm's tasks? The lockstep simulator against the same scene stepped one environment at a time.

    .venv/bin/python benchmarks/speed/arm_speed.py --out results/arm_speed.json

The other side is what one would write with Gymnasium and MuJoCo's Python binding alone: one environment, the same
model, the same controls, `mujoco.mj_step` for each substep, the same features and observation. That it does the same
is checked first, bit for bit, with MuJoCo's solver beginning each control step afresh, as ours does. Both sides in one
process and by turns, actions at random, resets included; medians of several rounds, and of the ratios within each.
Steps are environment steps (20 substeps of 5 ms).
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from rich.console import Console
from rich.table import Table

from mereq.store.provenance import provenance
from mereq.tasks.arm import bottle_pushing, erasing, kinematics, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.model import SUBSTEPS
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.arm.world import CENTIMETRE, LEAD, LEASH, PERIOD, Physics

MODULES = (bottle_pushing, erasing, pillow_grasping)
ENVS = 16
RecordedRound = Callable[[], float]  # environment steps per second


class PlainEnv(gymnasium.Env):
    """The same task, stepped through MuJoCo's Python binding."""

    def __init__(self, module: ModuleType):
        self.task, self.setup = module.TASK, module.SETUP
        self.model = self.setup.spec().compile()
        self.data = mujoco.MjData(self.model)
        self.observation_space = spaces.Box(-10.0, 10.0, (self.task.obs_size,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (3,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        start = self.task.begin(self.np_random)
        mujoco.mj_resetData(self.model, self.data)
        if self.setup.slider is not None:
            sliding = self.model.geom_bodyid == self.model.body(self.setup.slider).id
            self.model.geom_friction[sliding, 0] = start.friction
        self.target, self.goal = start.tool, start.goal
        self.reference = kinematics.pose(start.tool, self.setup.tool.length)
        self.data.qpos[:] = np.concatenate([self.reference, start.joints])
        self.measured = self.task.measure(self._physics(np.zeros(3)), None)
        self.steps = 0
        return self.task.observe(self.measured)[0], {}

    def step(self, action):
        tool = self.measured.tip[0]
        ahead = np.clip(self.target + CENTIMETRE * np.asarray(action, np.float64) - tool, -LEASH, LEASH)
        self.target = np.clip(tool + ahead, *self.setup.workspace)
        before = self.reference
        limit = kinematics.JOINT_SPEEDS * PERIOD
        self.reference = kinematics.towards(before, self.target, self.setup.tool.length, limit)
        way = self.reference - before
        self.data.ctrl[6:] = self.task.grip(self.measured)[0]
        force = np.zeros(3)
        for substep in range(SUBSTEPS):
            self.data.ctrl[:6] = before + substep / SUBSTEPS * way + LEAD * way / PERIOD
            mujoco.mj_step(self.model, self.data)
            force += self.data.sensordata / SUBSTEPS
        self.measured = self.task.measure(self._physics(force), self.measured)
        self.steps += 1
        features = self.task.features(self.measured)[0]
        reward = float(features @ self.task.theta_prior)
        return self.task.observe(self.measured)[0], reward, False, self.steps >= N_STEPS, {"features": features}

    def _physics(self, force):
        q = self.data.qpos[None].copy()
        tool = kinematics.tool_positions(q[:, :6].copy(), self.setup.tool.length)
        return Physics(tool, q[:, 6:], force[None], self.goal[None])


def check(module: ModuleType) -> None:
    """Two episodes of both sides are equal."""
    ours, theirs, rng = ArmEnv(module.TASK), PlainEnv(module), np.random.default_rng(0)
    for seed in range(2):
        np.testing.assert_array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
        for _ in range(N_STEPS):
            action = rng.uniform([0.0, -0.5, -0.7], [1.0, 0.5, 0.3])  # towards the things
            theirs.data.qacc_warmstart[:] = 0.0
            np.testing.assert_array_equal(ours.step(action)[0], theirs.step(action)[0])


def plain(module: ModuleType, n_steps: int) -> RecordedRound:
    env = PlainEnv(module)
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def run() -> float:
        begin = time.perf_counter()
        for action in rng.uniform(-1.0, 1.0, (n_steps, 3)):
            if env.step(action)[3]:
                env.reset()
        return n_steps / (time.perf_counter() - begin)

    return run


def lockstep(module: ModuleType, n_envs: int, threads: int, n_steps: int) -> RecordedRound:
    simulator = ArmSimulator(module.TASK, n_envs, threads)
    simulator.reset(0)
    rng = np.random.default_rng(0)

    def run() -> float:
        actions = rng.uniform(-1.0, 1.0, (n_steps // n_envs, n_envs, 3))
        begin = time.perf_counter()
        for action in actions:
            simulator.step(action)
        return len(actions) * n_envs / (time.perf_counter() - begin)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=1600, help="environment steps per round")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table = Table("task", "plain, 1 env", "ours, 1 env", f"{ENVS} envs, 1 thread", f"{ENVS} envs, 2 threads", "ratios")
    results, load = {}, os.getloadavg()[0]
    for module in MODULES:
        check(module)
        sides = {
            "plain": plain(module, options.steps),
            "one": lockstep(module, 1, 1, options.steps),
            "one_thread": lockstep(module, ENVS, 1, options.steps),
            "two_threads": lockstep(module, ENVS, 2, options.steps),
        }
        for run in sides.values():
            run()  # compile, warm caches
        speeds = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, run in sides.items():
                speeds[name].append(run())
        median = {name: statistics.median(values) for name, values in speeds.items()}
        ratios = [
            statistics.median(ours / plain for ours, plain in zip(speeds[name], speeds["plain"], strict=True))
            for name in ("one", "one_thread", "two_threads")
        ]
        results[module.TASK.name] = {"steps_per_second": median, "rounds": speeds}
        cells = [f"{median[name]:,.0f}/s" for name in sides]
        table.add_row(module.TASK.name, *cells, " ".join(f"{ratio:.2f}" for ratio in ratios))
    Console(width=120).print(table)
    if options.out:
        record = {"provenance": provenance(), "load_before": load, "tasks": results}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
