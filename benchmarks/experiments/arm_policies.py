"""The arm's shipped policies, prior beside expert: a table and the figure of docs/model_card_arm.md.

    python benchmarks/experiments/arm_policies.py

100 unsupervised episodes of each policy, and 5 supervised rollouts of 1000 steps for the first intervention rate.
"""

from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed
from mereq.evaluation.arm_metrics import grasps, normal_forces, push_heights
from mereq.evaluation.rollouts import EPISODES, SEED, Evaluation, evaluate
from mereq.interventions.rollout import Rollout
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import definition_of
from mereq.reports.figures.arm import Panel, arm_figure
from mereq.store.policies import load_shipped
from mereq.supervision.supervise import supervise

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
ROLES = ("prior", "expert")
QUANTITIES = {
    "bottle-pushing": ("height of pushes [cm]", push_heights),
    "erasing": ("normal force [N]", normal_forces),
    "pillow-grasping": ("grasp off the centre [cm]", lambda evaluation: grasps(evaluation)[0]),
}


def first_rate(preset: TaskDefinition, policy: Policy, expert: Policy) -> float:
    """Intervention rate of a policy: mean of five rollouts."""
    rates = []
    for seed in range(5):
        steps = supervise(
            preset.task.make(),
            lambda _: (0, policy),
            preset.supervisor(expert),
            1000,
            episode_seed=partial(episode_seed, seed, 0),
            task=preset.task,
        )
        rates.append(Rollout.of(steps).intervention_rate)
    return float(np.mean(rates))


def row(preset: TaskDefinition, role: str, evaluation: Evaluation, rate: float) -> str:
    """A line of the table."""
    card = preset.metrics(evaluation)
    told = ", ".join(f"{name} {value:g}" for name, value in card.items() if isinstance(value, float))
    returns = (evaluation.returns(theta).mean() for theta in (preset.theta_prior, preset.theta_expert))
    return f"| {preset.task.name} | {role} | {' | '.join(f'{x:.1f}' for x in returns)} | {told} | {rate:.3f} |"


def main() -> None:
    """Evaluate, print and draw."""
    panels, lines = [], []
    for name, (quantity, measure) in track(QUANTITIES.items(), "evaluating"):
        preset = definition_of(name)
        policies = {role: load_shipped(preset.task, role) for role in ROLES}
        found = {role: evaluate(policies[role], preset.task.simulate(EPISODES), seed=SEED) for role in ROLES}
        outcomes = {}
        for role in ROLES:
            rate = first_rate(preset, policies[role], policies["expert"])
            lines.append(row(preset, role, found[role], rate))
            outcomes[role] = lines[-1].split(" | ")[-2]
        panels.append(Panel(name, quantity, {role: measure(found[role]) for role in ROLES}, outcomes))
    arm_figure(panels, PICTURES / "arm_policies.png")
    print(
        "| task | policy | return, prior's weights | return, expert's weights | what comes of it | intervention rate |"
    )
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
