"""Whether two versions of a learner lead to other intervention rates than the last digit does.

python benchmarks/experiments/rounding.py OUT.jsonl [--task bottle-pushing] [--seeds 0 8] [--roundings 4]
python benchmarks/experiments/rounding.py --compare A.jsonl B.jsonl

The rate of MEReQ's first learned policy in a round of its own, for each seed and each rounding: rounding 0 is the run
as it is; the others begin with networks in which half of the numbers are larger by a factor of 1 + 2^-23. A line is
written for each run; those that are there are not made again. To judge a version, run this in a checkout of each, with
the same seeds, and compare: the interval of the difference of the means is from the differences of the seeds' means.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np

from mereq.alignment.inverse_rl import MEREQ
from mereq.core.own_policy import protected
from mereq.core.seeding import episode_seed
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.maxent_rl.dqn import DQNState
from mereq.maxent_rl.sac import SACState
from mereq.reports.statistics import mean_ci95
from mereq.runs.policies import policy_of, task_of
from mereq.runs.run import supervisor_of
from mereq.runs.spec import RunSpec
from mereq.supervision.supervise import supervise

STEP = 2.0**-23  # of the numbers just above 1


def perturbed(state: SACState | DQNState, rounding: int) -> SACState | DQNState:
    """The learner's state with other last digits."""
    rng = np.random.default_rng(rounding)

    def other(x: jax.Array) -> np.ndarray:
        return (np.asarray(x) * (1.0 + STEP * rng.integers(0, 2, np.shape(x)))).astype(np.float32)

    if isinstance(state, SACState):
        critics = jax.tree.map(other, state.critics)
        return state._replace(actor=jax.tree.map(other, state.actor), critics=critics, target_critics=critics)
    q = jax.tree.map(other, state.q)
    return state._replace(q=q, target_q=q)


def rates(task_name: str, seed: int, rounding: int) -> dict[str, object]:
    """Rates of the prior and of the first learned policy, with theta."""
    spec = RunSpec.named(task=task_name, seed=seed, n_rounds=1)
    assert spec.settings.persistent, "a learner that begins anew loses its first digits"
    task, prior, supervisor = task_of(spec), policy_of(spec, "prior"), supervisor_of(spec)
    improver = MEREQ.start(task, protected(prior, task.actions), spec.settings, seed=seed)
    if rounding:
        improver._training.state = perturbed(improver._training.state, rounding)
    environment = task.make()

    def round_of(index: int) -> Rollout:
        policy = improver.policy
        seeds = partial(episode_seed, seed, index)
        steps = supervise(
            environment,
            lambda version: (0, policy),
            supervisor,
            spec.settings.rollout_steps,
            episode_seed=seeds,
            task=task,
        )
        return Rollout.of(steps)

    first = round_of(0)
    updates = len(list(improver.improve(InterventionLog((first,)), 0)))
    found = round_of(1).intervention_rate
    improver.close()
    return {
        "task": task_name,
        "seed": seed,
        "rounding": rounding,
        "before": first.intervention_rate,
        "rate": found,
        "theta": np.round(improver.theta, 4).tolist(),
        "updates": updates,
    }


def recorded(file: Path) -> list[dict[str, object]]:
    """Lines that were written."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def compare(files: list[Path]) -> None:
    """Print means, and the interval of the difference over the seeds that both versions have."""
    means = list[dict[int, float]]()
    for file in files:
        runs = recorded(file)
        seeds = sorted({int(str(run["seed"])) for run in runs})
        of = {seed: [float(str(run["rate"])) for run in runs if run["seed"] == seed] for seed in seeds}
        means.append({seed: float(np.mean(found)) for seed, found in of.items()})
        everything = np.concatenate(list(of.values()))
        within = np.sqrt(np.mean([np.var(found, ddof=1) for found in of.values() if len(found) > 1] or [np.nan]))
        between = np.std(list(means[-1].values()), ddof=1)
        print(f"{file.name}: {len(everything)} runs, mean {everything.mean():.4f}, median {np.median(everything):.4f}")
        print(f"  standard deviation of the seeds' means {between:.4f}, of a seed's roundings {within:.4f}")
    both = sorted(set(means[0]) & set(means[1]))
    difference, half = mean_ci95(np.array([means[1][seed] - means[0][seed] for seed in both]))
    print(f"{files[1].name} minus {files[0].name}, {len(both)} seeds: {difference:.4f} +- {half:.4f}")


def main() -> None:
    """Run or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, help="file that gets a line for each run")
    parser.add_argument("--task", default="bottle-pushing")
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 8), metavar=("FIRST", "END"))
    parser.add_argument("--roundings", type=int, default=4)
    parser.add_argument("--compare", nargs=2, type=Path)
    asked = parser.parse_args()
    if asked.compare:
        compare(asked.compare)
        return
    if asked.out is None:
        parser.error("give a file for the results, or --compare")
    done = {(run["task"], run["seed"], run["rounding"]) for run in recorded(asked.out)}
    for rounding in range(asked.roundings):
        for seed in range(*asked.seeds):
            if (asked.task, seed, rounding) not in done:
                with asked.out.open("a") as file:
                    file.write(json.dumps(rates(asked.task, seed, rounding)) + "\n")


if __name__ == "__main__":
    main()
