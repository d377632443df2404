"""Learners' updates against Stable-Baselines3, bare matrix products and a family's updates, all in one run.

    python benchmarks/speed/learner_updates.py [--cores N] [--json FILE]

DQN and SAC at the paper's sizes (`dqn_update.py`, `sac_update.py`), and what `mereq prepare` computes: updates of the
theta-conditioned learners of the highway and of bottle pushing against those of plain learners with the same settings.
All sides take turns. A ratio is the median over the turns, each of two sides that ran one after the other, so that
neither the load of a shared machine nor its clock frequency favours a side. The processor time is that of the busiest
thread; other processes lengthen it little.
"""

import argparse
import json
import os
import statistics
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from mereq.core.cores import usable_cores

GOALS = {  # of issue 15: at least, at most
    "DQN: Stable-Baselines3's best / mereq": (4.0, None),
    "DQN: mereq / matrix products": (None, 1.4),
    "SAC: Stable-Baselines3's best / mereq": (2.5, None),
    "SAC: mereq / matrix products": (None, 1.4),
    "DQN: family / plain": (None, 1.3),
    "SAC: family / plain": (None, 1.3),
}
CALL = 50  # updates of a family in one call


def prepared_learner(task_name, conditioned):
    """One call of 50 updates with a family's settings, theta-conditioned or plain; the batches are drawn already."""
    from mereq.core.reward import LinearReward
    from mereq.maxent_rl.family import ConditionedReplay
    from mereq.maxent_rl.learners import residual_learner_of
    from mereq.maxent_rl.replay import Replay, Transitions
    from mereq.maxent_rl.two_stream import Conditioning
    from mereq.presets.registry import TASKS

    definition = TASKS[task_name]
    task, settings, rng = definition.task, definition.family_settings, np.random.default_rng(0)
    n, n_weights = 4000, len(task.feature_names)
    learner = residual_learner_of(
        task, settings.training.learner, definition.policy("prior"), Conditioning(n_weights, settings.rank)
    )
    sizes = {"actions": task.actions, "n_features": n_weights}
    if conditioned:
        sizes["obs_size"] = n_weights + task.state_size
        replay = ConditionedReplay(settings.region(task.feature_names), n, **sizes)
    else:
        learner, sizes["obs_size"] = replace(learner, conditioning=None), task.state_size
        replay = Replay(n, **sizes)

    def normal(*columns):
        return rng.normal(size=(n, *columns)).astype(np.float32)

    obs, parameters = sizes["obs_size"], task.actions.n_parameters
    columns = Transitions(
        normal(obs), task.actions.uniform(rng, n), normal(obs), normal(n_weights), np.zeros(n, bool),
        normal(parameters), normal(parameters),
    )  # fmt: skip
    replay.add(columns, LinearReward(np.ones(n_weights)))
    batches = replay.draw(rng, (CALL, settings.training.schedule.batch_size), LinearReward(np.ones(n_weights)))
    state = learner.init(0, zero_head=True)

    def call():
        nonlocal state
        state, metrics = learner.update(state, batches)
        metrics.loss.block_until_ready()

    return call


def groups_of_sides(n_cores):
    """Sides that are compared with each other: of each, its name, its call, and the updates of a call."""
    import dqn_update
    import sac_update

    groups = []
    for name, module, mine in (("DQN", dqn_update, ()), ("SAC", sac_update, (0.035,))):
        sb3 = module.stable_baselines()
        theirs = {
            f"{name}: Stable-Baselines3, threads: {n}": lambda n=n, sb3=sb3: sb3(n) for n in range(1, n_cores + 1)
        }
        calls = {f"{name}: mereq": module.ours(*mine), **theirs, f"{name}: matrix products, 1 thread": module.floor()}
        groups.append((calls, module.CALL))
    for name, task in (("DQN", "highway"), ("SAC", "bottle-pushing")):
        calls = {f"{name}: {kind}": prepared_learner(task, kind == "family") for kind in ("plain", "family")}
        groups.append((calls, CALL))
    return groups


def ratios(turn, n_cores, clock):
    """The ratios of one turn."""
    found = {}
    for name in ("DQN", "SAC"):
        mine = turn[f"{name}: mereq"][clock]
        best = min(seconds[clock] for side, seconds in turn.items() if side.startswith(f"{name}: Stable"))
        cores = n_cores if name == "SAC" else 1  # SAC's products are large enough to be shared by the cores
        found[f"{name}: Stable-Baselines3's best / mereq"] = best / mine
        found[f"{name}: mereq / matrix products"] = mine * cores / turn[f"{name}: matrix products, 1 thread"][clock]
        found[f"{name}: family / plain"] = turn[f"{name}: family"][clock] / turn[f"{name}: plain"][clock]
    return found


def turns_of(groups):
    """Endless turns: seconds per update of every side, on the clock and of the busiest thread."""
    from sac_update import timed

    for calls, _ in groups:
        for call in calls.values():
            call()  # compile, warm up
    while True:
        yield {name: timed(call, updates) for calls, updates in groups for name, call in calls.items()}


def met(name, ratio):
    """Whether a ratio meets its goal."""
    least, most = GOALS[name]
    return (least is None or ratio >= least) and (most is None or ratio <= most)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=1, help="cores that all sides may use")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    os.sched_setaffinity(0, set(usable_cores()[: args.cores]))  # before JAX and PyTorch count them
    turns = list(islice(turns_of(groups_of_sides(args.cores)), args.turns))

    from mereq.store.provenance import provenance

    clocks = ("wall clock", "busiest thread")
    medians = {side: [statistics.median(turn[side][i] for turn in turns) * 1e3 for i in (0, 1)] for side in turns[0]}
    print(f"ms per update, cores: {args.cores:<20d} {clocks[0]:>14s} {clocks[1]:>14s}")
    for side, (wall, busiest) in medians.items():
        print(f"{side:42s} {wall:14.3f} {busiest:14.3f}")
    found = {
        clock: {name: statistics.median(ratios(turn, args.cores, i)[name] for turn in turns) for name in GOALS}
        for i, clock in enumerate(clocks)
    }
    for name, (least, most) in GOALS.items():
        wall, busiest = (found[clock][name] for clock in clocks)
        goal = f"at least {least}" if least else f"at most {most}"
        answer = "met" if met(name, busiest) else "missed"
        print(f"{name:42s} {wall:14.2f} {busiest:14.2f}   goal {goal}: {answer}")
    if args.json:
        figures = {
            "cores": args.cores,
            "turns": args.turns,
            "ms_per_update": {side: dict(zip(clocks, times, strict=True)) for side, times in medians.items()},
            "ratios": found,
            "load_average": os.getloadavg()[0],
            "provenance": provenance(),
        }
        Path(args.json).write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
