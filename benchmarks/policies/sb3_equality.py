"""Largest differences between Stable-Baselines3's policies and the priors that mereq reads from their zips.

`python benchmarks/policies/sb3_equality.py` trains a small model of each algorithm, saves it, opens the zip, compares
both on 1000 observations, and prints the table of docs/policies.md.
"""

import tempfile
from pathlib import Path

import numpy as np
import sb3_models
from gymnasium import spaces

from mereq.core.actions import Box, Discrete
from mereq.core.task import Task
from mereq.priors.stable_baselines import read_stable_baselines

N = 1000


def difference(model, observations, seen_by_model, folder: Path, name: str) -> tuple[str, float, float]:
    """Kind of distribution, largest difference of its parameters, and of deterministic actions in their own units."""
    space = model.action_space
    actions = Discrete(int(space.n)) if isinstance(space, spaces.Discrete) else Box(
        space.shape[0], tuple(space.low.astype(float)), tuple(space.high.astype(float))
    )  # fmt: skip
    seen = sb3_models.space_of(name, model)
    obs = sb3_models.flat(seen, observations)
    raw = seen if name.endswith("_pictures") else None
    task = Task(name, ("none",), obs.shape[1], actions, lambda: None, lambda n: None, raw_space=raw)
    found = read_stable_baselines(folder / f"{name}.zip", task).distribution(obs)
    said = sb3_models.answers(model, seen_by_model)
    executed = found.mode() if isinstance(actions, Discrete) else actions.to_units(found.mode())
    acting = float(np.abs(executed - said["action"]).max())
    if "logits" in said:
        return "log-probabilities", float(np.abs(found.log_probs - said["logits"]).max()), acting
    if "q" in said:
        ours, theirs = (x - x.max(axis=1, keepdims=True) for x in (found.log_probs, said["q"]))
        return "Q-values", float(np.abs(ours - theirs).max()), acting
    if "mean" not in said:
        return "none (deterministic)", 0.0, acting
    half, mean = 1.0, found.mean
    if not said["squashed"]:
        half, mean = (space.high - space.low).astype(float) / 2, actions.to_units(found.mean)
    worst = max(np.abs(mean - said["mean"]).max(), np.abs(np.exp(found.log_std) * half - said["std"]).max())
    return "mean, std before tanh" if said["squashed"] else "mean, std, clipped", float(worst), acting


def main() -> None:
    print("| model | compared | distribution | deterministic action |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, make in sb3_models.models().items():
            model = make()
            model.learn(64)
            model.save(folder / f"{name}.zip")
            observations = sb3_models.observations_of(sb3_models.space_of(name, model), N)
            kind, worst, acting = difference(model, observations, observations, folder, name)
            print(f"| {name} | {kind} | {worst:.1e} | {acting:.1e} |", flush=True)
        model, env = sb3_models.normalized_ppo(folder)
        observations = sb3_models.observations_of(model.observation_space, N)
        kind, worst, acting = difference(model, observations, env.normalize_obs(observations), folder, "ppo_normalized")
        print(f"| ppo with VecNormalize | {kind} | {worst:.1e} | {acting:.1e} |")


if __name__ == "__main__":
    main()
