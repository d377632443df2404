"""Whether the bound of the regret holds: experts are members of the policy family, at thetas drawn from its region.

python benchmarks/experiments/stopping.py [TASK] [--seeds 100 200] [--episodes 20] [--out FILE]

After each expert's supervision, the 95 % quantile of the present policy's regret under the posterior is compared with
its regret under the expert's theta, for a task with finitely many actions. Values are the family's own.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from interval_coverage import supervised
from mereq.core.seeding import seed_for
from mereq.irl.regret import CategoricalValues, regret_bound, regrets
from mereq.presets.registry import definition_of
from mereq.store.provenance import clean_provenance, provenance

STATES = 200  # first states of episodes that values are averaged over


def main() -> None:
    """Print how often the bound holds, and what it is as a share of what alignment is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", default="highway")
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 200), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    definition = definition_of(asked.task)
    assert definition.family is not None
    family, _ = definition.family()
    obs = definition.task.simulate(STATES).reset(seed_for(0, "first states"))
    members = CategoricalValues.of(family, definition.policy("prior"), obs.copy())
    rows = []
    for seed in range(*asked.seeds):
        theta, posterior, samples = supervised(asked.task, family, seed, asked.episodes)
        now = posterior.mean[: len(theta)] if samples else np.zeros(len(theta))
        found = regret_bound(members, posterior, now)
        regret, of_prior = (float(regrets(members, theta[None], at)[0]) for at in (now, np.zeros(len(theta))))
        rows.append([seed, samples, regret, found.bound, of_prior, found.worth])
    values = np.array(rows)
    regret, bound, of_prior, worth = values[:, 2:].T
    supervised_runs = values[:, 1] > 0
    summary = {
        "experts": len(rows),
        "bound_holds": round(float((regret <= bound).mean()), 3),
        "bound_holds_with_interventions": round(float((regret <= bound)[supervised_runs].mean()), 3),
        "regret": round(float(regret.mean()), 4),
        "bound": round(float(bound.mean()), 4),
        "prior_regret": round(float(of_prior.mean()), 4),
        "worth": round(float(worth.mean()), 4),
        "bound_below_a_tenth_of_the_worth": round(float((bound < 0.1 * worth).mean()), 3),
    }
    print(asked.task, json.dumps(summary))
    if asked.out:
        each = {
            "columns": ["seed", "expert_samples", "regret", "bound", "prior_regret", "worth"],
            "rows": values.tolist(),
        }
        about = {"task": asked.task, "episodes": asked.episodes, "provenance": clean_provenance(provenance())}
        asked.out.write_text(json.dumps(about | summary | each) + "\n")


if __name__ == "__main__":
    main()
