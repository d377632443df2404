"""Steps per second of two versions of the package, in turns: what the checks at the border cost.

    python benchmarks/speed/border_cost.py OLD_CHECKOUT/src src

Measured are, for the highway and the bottle: the simulator alone, the collection of transitions for the learner, and
supervised steps, by processor time, so that other programs matter little. Printed is the median over the turns, and the
median of the ratios new/old of each turn.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import inspect, itertools, json, time
import numpy as np
from mereq.alignment.policy_start import residual
from mereq.core.supervisor import Controller, Decision
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.simulator_training import SimulatorTraining
from mereq.presets.registry import TASKS
from mereq.supervision.supervise import supervise

class Nobody:
    def begin_episode(self, seed): pass
    def decide(self, context): return Decision(Controller.POLICY, context.proposed)

def rate(n_steps, act):
    act()
    best = 0.0
    for _ in range(6):
        begun = time.process_time()
        act()
        best = max(best, n_steps / (time.process_time() - begun))
    return best

found = {}
for name, n in (("highway", 2000), ("bottle-pushing", 400)):
    definition = TASKS[name]
    task, prior, settings = definition.task, definition.policy("prior"), definition.settings["fast"]
    simulator = task.simulate(10)
    simulator.reset(0)
    actions = [task.actions.uniform(np.random.default_rng(k), 10) for k in range(n // 10)]
    def alone():
        for row in actions:
            simulator.step(row)
    found[name, "simulator"] = rate(n, alone)
    learner, state = residual(task, prior, settings, seed=0)
    replay = Replay(10_000, obs_size=task.obs_size, actions=task.actions, n_features=len(task.feature_names))
    training = SimulatorTraining(
        learner=learner, state=state, replay=replay, task=task, prior=prior, schedule=settings.schedule
    )
    training.start_phase(0, 0)
    chunk = settings.schedule.chunk // settings.schedule.n_envs
    collected = n // 10 // chunk
    found[name, "collection"] = rate(
        10 * collected * chunk, lambda: [training._collect(chunk, 0.1) for _ in range(collected)])
    environment = task.make()
    takes_task = "task" in inspect.signature(supervise).parameters
    named = {"task": task} if takes_task else {"feature_names": task.feature_names}
    found[name, "supervised"] = rate(n // 4, lambda: list(supervise(
        environment, lambda version: (0, prior), Nobody(), n // 4, episode_seed=lambda k: k, **named)))
print(json.dumps({" ".join(key): value for key, value in found.items()}))
"""


def rates(source: Path) -> dict[str, float]:
    """Steps per second by task and path, of the package in `source`."""
    environment = os.environ | {"PYTHONPATH": str(source.resolve()), "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="folder of the package of one version")
    parser.add_argument("new", type=Path, help="folder of the package of the other")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    turns = [(rates(options.old), rates(options.new)) for _ in range(options.turns)]
    print(f"{'steps per second':28}{'old':>12}{'new':>12}{'new/old':>10}")
    for key in turns[0][0]:
        columns = zip(*((o[key], n[key], n[key] / o[key]) for o, n in turns), strict=True)
        old, new, ratio = map(statistics.median, columns)
        print(f"{key:28}{old:12,.0f}{new:12,.0f}{ratio:10.3f}")


if __name__ == "__main__":
    main()
