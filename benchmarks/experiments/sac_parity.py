"""Learning curves of our SAC and of Stable-Baselines3's, on Pendulum-v1 with the same settings.

    python benchmarks/experiments/sac_parity.py [--out FOLDER]

Each training is a file `SIDE_SEED.json` in the folder; those that are there are not made again. Ours goes through
`Training` like any prior or expert; its reward is theta . f, equal to the environment's own. Both sides are evaluated
by the same code: the mean action in the same ten episodes. What differs: Stable-Baselines3 acts at random for the first
500 steps, we do so less and less over these; and our acting policy is one update old.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np

from mereq.core.distribution import SquashedGaussian
from mereq.core.reward import LinearReward
from mereq.evaluation.rollouts import evaluate
from mereq.maxent_rl.sac import SACSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import Training, TrainingSettings
from mereq.reports.figures.style import COLORS
from mereq.store.provenance import provenance
from mereq.tasks.gymnasium_task import task_from_gymnasium

STEPS, LEG, STARTS = 8000, 400, 500  # environment steps; evaluated every LEG; learning from STARTS on
LEARNING_RATE, GAMMA, TAU, BATCH, HIDDEN = 1e-3, 0.98, 0.005, 256, (64, 64)
THETA = np.array([-1.0, -0.1, -0.001])
EVALUATION_SEED, EPISODES = 20_000, 10
SIDES = {"mereq": "mereq SAC", "sb3": "Stable-Baselines3 SAC"}


def pendulum_features(obs, action, next_obs, info):
    """The three terms of Pendulum-v1's cost: angle, angular velocity and torque, squared."""
    cos, sin, velocity = obs
    torque = np.clip(2.0 * action[0], -2.0, 2.0)
    return np.array([np.arctan2(sin, cos) ** 2, velocity**2, torque**2])


TASK = task_from_gymnasium(
    "pendulum", lambda: gym.make("Pendulum-v1"), pendulum_features, ("angle", "velocity", "torque")
)


def check_reward():
    """theta . f is the environment's own reward."""
    env, rng = TASK.make(), np.random.default_rng(0)
    env.reset(seed=0)
    for _ in range(200):
        _, reward, _, _, info = env.step(rng.uniform(-1, 1, 1))
        np.testing.assert_allclose(info["features"] @ THETA, reward, rtol=1e-5, atol=1e-5)


class Curve:
    """What is noted down while a side learns."""

    def __init__(self):
        self.points, self.started = [], time.perf_counter()

    def note(self, step, policy, temperature):
        returns = evaluate(policy, TASK.simulate(EPISODES), seed=EVALUATION_SEED).returns(THETA)
        self.points.append({"step": step, "returns": returns.round(2).tolist(), "temperature": temperature})
        print(f"  {step:6d} steps: return {returns.mean():8.1f}, temperature {temperature:.4f}", flush=True)


def train_mereq(seed, curve):
    """Ours, leg by leg."""
    settings = TrainingSettings(
        n_steps=STEPS,
        checkpoint_interval=LEG,
        learner=SACSettings(
            hidden=HIDDEN,
            learning_rate=LEARNING_RATE,
            temperature_learning_rate=LEARNING_RATE,
            gamma=GAMMA,
            tau=TAU,
            temperature=1.0,
            prior_temperature=0.0,
        ),
        schedule=TrainingSchedule(
            n_envs=1,
            chunk=1,
            updates_per_step=1.0,
            batch_size=BATCH,
            learning_starts=STARTS,
            epsilon_start=1.0,
            epsilon_end=0.0,
            exploration_fraction=STARTS / STEPS,
        ),
        replay_capacity=STEPS,
        alive_bonus=0.0,
    )
    training = Training(TASK, LinearReward(THETA), settings, seed=seed)
    for steps in training.run_phases():
        curve.note(steps, training.policy, float(np.exp(training.simulator_training.state.log_temperature)))


def train_sb3(seed, curve):
    """Stable-Baselines3's, evaluated by a callback."""
    import torch
    from stable_baselines3 import SAC
    from stable_baselines3.common.callbacks import BaseCallback

    torch.set_num_threads(1)
    model = SAC(
        "MlpPolicy",
        gym.make("Pendulum-v1"),
        learning_rate=LEARNING_RATE,
        buffer_size=STEPS,
        learning_starts=STARTS,
        batch_size=BATCH,
        tau=TAU,
        gamma=GAMMA,
        train_freq=1,
        gradient_steps=1,
        ent_coef="auto",
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
        seed=seed,
    )

    class Theirs:
        def distribution(self, obs):
            action, _ = model.predict(obs, deterministic=True)
            mean = np.arctanh(np.clip(action / 2.0, -0.9999999, 0.9999999))
            return SquashedGaussian(mean, np.full_like(mean, -20.0))

    class Note(BaseCallback):
        def _on_step(self):
            if self.num_timesteps % LEG == 0:
                curve.note(self.num_timesteps, Theirs(), float(model.log_ent_coef.detach().exp()))
            return True

    model.learn(STEPS, callback=Note())


def draw(folder):
    """Both sides' curves and temperatures: a thin line per seed, a thick one for the mean."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for color, (side, label) in zip(COLORS, SIDES.items(), strict=False):
        runs = [json.loads(file.read_text()) for file in sorted(folder.glob(f"{side}_*.json"))]
        steps = [point["step"] for point in runs[0]["curve"]]
        returns = [[np.mean(point["returns"]) for point in run["curve"]] for run in runs]
        temperatures = [[point["temperature"] for point in run["curve"]] for run in runs]
        for axes, lines in zip(panels, (returns, np.log(temperatures)), strict=True):
            scale = np.exp if axes is panels[1] else np.asarray
            for line in lines:
                axes.plot(steps, scale(line), color=color, linewidth=0.6, temperature=0.6)
            mean = scale(np.mean(lines, axis=0))
            axes.plot(steps, mean, color=color, linewidth=2, label=f"{label}, {len(runs)} seeds")
    panels[0].set(ylabel="return of the mean action", xlabel="environment steps")
    panels[1].set(ylabel="temperature", xlabel="environment steps", yscale="log")
    panels[0].legend(frameon=False)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "curves.png", dpi=130)
    plt.close(figure)


def table(folder):
    """What the curves come to."""
    print(f"{'side':8s} {'seed':>4s} {'first >= -200':>14s} {'last 5, mean':>13s} {'temperature':>12s} {'seconds':>8s}")
    for file in sorted(folder.glob("*_*.json")):
        run = json.loads(file.read_text())
        means = [np.mean(point["returns"]) for point in run["curve"]]
        first = next((p["step"] for p, mean in zip(run["curve"], means, strict=True) if mean >= -200), None)
        print(
            f"{run['side']:8s} {run['seed']:4d} {first!s:>14s} {np.mean(means[-5:]):13.1f} "
            f"{run['curve'][-1]['temperature']:12.4f} {run['seconds']:8.0f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/sac_parity"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    check_reward()
    for seed in args.seeds:
        for side, train in {"mereq": train_mereq, "sb3": train_sb3}.items():
            file = args.out / f"{side}_{seed}.json"
            if file.exists():
                continue
            print(f"{SIDES[side]}, seed {seed}", flush=True)
            curve = Curve()
            train(seed, curve)
            seconds = round(time.perf_counter() - curve.started, 1)
            content = {"side": side, "seed": seed, "seconds": seconds, "curve": curve.points}
            temporary = file.with_suffix(".tmp")
            temporary.write_text(json.dumps(content | {"provenance": provenance()}, indent=1))
            temporary.rename(file)
    table(args.out)
    draw(args.out)


if __name__ == "__main__":
    main()
