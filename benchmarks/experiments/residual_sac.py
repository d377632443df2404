"""Residual SAC with the true residual reward: where its actor starts, and what the temperature does.

    python benchmarks/experiments/residual_sac.py [--task bottle-pushing] [--out FOLDER]

Starts: as the prior plus a change that is zero (ours), or with a copy of the prior's weights, which forgets the prior
except for its term in the target. Temperatures: held at the prior's, or learned. Each training is a file in the folder;
those that are there are not made again. Returns are under the expert's weights, of the mean action in 20 episodes.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from mereq.core.distribution import SquashedGaussian
from mereq.core.reward import LinearReward
from mereq.evaluation.rollouts import evaluate
from mereq.maxent_rl.networks import apply_mlp, mlp_to_numpy
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.sac import SAC, ActorPolicy
from mereq.maxent_rl.simulator_training import SimulatorTraining
from mereq.maxent_rl.squashed_gaussian import LOG_STD, log_prob, split_parameters
from mereq.presets.registry import TASKS
from mereq.reports.figures.style import COLORS
from mereq.store.policies import load_shipped
from mereq.store.provenance import provenance

STEPS, LEG, EPISODES, SEEDS = 8000, 400, 20, (0, 1, 2)
VARIANTS = {  # whether the weights are copied, and how fast the temperature is learned
    "added to the prior, held": (False, 0.0),
    "added to the prior, learned": (False, 1e-3),
    "copied weights, held": (True, 0.0),
    "copied weights, learned": (True, 1e-3),
}


class Copied(ActorPolicy):
    """A policy that does not add the prior to what its actor says."""

    def given_prior(self, obs, prior) -> SquashedGaussian:
        """The prior is ignored."""
        return super().given_prior(obs, None)

    def distribution(self, obs) -> SquashedGaussian:
        """Action distribution at each observation."""
        return super().given_prior(obs, None)


@dataclass(frozen=True)
class CopyingSAC(SAC):
    """Residual SAC whose actor is a network of its own. The prior is in the target and in the actor's loss."""

    def _act(self, actor, obs, prior, key):
        mean, log_std = split_parameters(apply_mlp(actor, obs))
        log_std = jnp.clip(log_std, *LOG_STD)
        u = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        return jnp.tanh(u), log_prob(u, mean, log_std), log_prob(u, *split_parameters(prior))

    def policy(self, state, prior):
        """For acting in NumPy."""
        return Copied(mlp_to_numpy(state.actor), None, prior)


def train(name: str, task_name: str, seed: int) -> dict:
    """One training: returns and temperatures."""
    copies, rate = VARIANTS[name]
    numbers = TASKS[task_name]
    task, settings, prior = numbers.task, numbers.settings["fast"], load_shipped(numbers.task, "prior")
    kind = CopyingSAC if copies else SAC
    learner = kind(task.obs_size, task.actions.size, replace(settings.learner, temperature_learning_rate=rate))
    state = learner.init(seed, zero_head=True)
    if copies:
        state = learner.begin(prior.actor, state.critics, state.key)
    replay = Replay(
        settings.replay_capacity, obs_size=task.obs_size, actions=task.actions, n_features=len(task.feature_names)
    )
    practice = SimulatorTraining(
        learner=learner, state=state, replay=replay, task=task, prior=prior, schedule=settings.schedule
    )
    reward = LinearReward(numbers.theta_expert - numbers.theta_prior)
    practice.start_phase(seed, 0)
    points = []
    for step in range(0, STEPS + 1, LEG):
        if step:
            practice.train(LEG, reward, epsilon=0.0)
        returns = evaluate(practice.policy(), task.simulate(EPISODES), seed=20_000).returns(numbers.theta_expert)
        temperature = float(np.exp(practice.state.log_temperature))
        points.append({"step": step, "return": round(float(returns.mean()), 2), "temperature": round(temperature, 5)})
        print(f"  {step:6d} steps: return {returns.mean():8.2f}, temperature {temperature:.4f}", flush=True)
    return {"task": task_name, "variant": name, "seed": seed, "points": points, "provenance": provenance()}


def draw(folder: Path, task_name: str) -> None:
    """Both panels of every finished training, and a table."""
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
    print("| start and temperature | return after 2000, 4000, 8000 steps, by seed | temperature at the end |")
    print("|---|---|---|")
    for (name, (copies, _)), color in zip(VARIANTS.items(), COLORS, strict=False):
        made = [json.loads(file.read_text()) for file in sorted(folder.glob(f"{file_of(name, '*')}"))]
        for number, training in enumerate(made):
            steps, returns, alphas = (
                [point[key] for point in training["points"]] for key in ("step", "return", "temperature")
            )
            style = {"color": color, "linestyle": "--" if copies else "-", "label": name if number == 0 else None}
            axes[0].plot(steps, returns, **style)
            axes[1].plot(steps, alphas, **style)
        if made:
            at = [[t["points"][step // LEG]["return"] for t in made] for step in (2000, 4000, 8000)]
            ends = [t["points"][-1]["temperature"] for t in made]
            shown = "; ".join(", ".join(f"{r:.1f}" for r in row) for row in at)
            print(f"| {name} | {shown} | {', '.join(f'{alpha:.3f}' for alpha in ends)} |")
    axes[0].set(xlabel="environment steps", ylabel="return under the expert's weights", title=task_name)
    axes[1].set(xlabel="environment steps", ylabel="temperature", yscale="log")
    axes[0].legend(fontsize=7)
    figure.savefig(folder / "curves.png", dpi=150)


def file_of(name: str, seed: object) -> str:
    """The file of a training."""
    return f"{name.replace(', ', '_').replace(' ', '_')}_{seed}.json"


def main() -> None:
    """Train what is missing, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="bottle-pushing", choices=["bottle-pushing", "erasing", "pillow-grasping"])
    parser.add_argument("--out", type=Path, default=Path("results/residual_sac"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        for name in VARIANTS:
            file = arguments.out / file_of(name, seed)
            if not file.exists():
                print(f"{name}, seed {seed}:", flush=True)
                file.write_text(json.dumps(train(name, arguments.task, seed), indent=1) + "\n")
    draw(arguments.out, arguments.task)


if __name__ == "__main__":
    main()
