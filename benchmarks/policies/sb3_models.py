"""Small models of Stable-Baselines3 and sb3-contrib, one per kind of policy, and their answers.

`python benchmarks/policies/sb3_models.py tests/fixtures/sb3` writes, for each, the zip that `model.save` writes,
trimmed, and NAME.npz with observations and the library's own answers, so that tests need neither library.
"""

import argparse
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

LOW, HIGH = np.array([-1, 0, -2.5], np.float32), np.array([1, 1, 0.3], np.float32)
SMALL = {"net_arch": [8, 6]}
VECTOR = spaces.Box(-np.inf, np.inf, (4,), np.float32)
PARTS = spaces.Dict(
    {
        "observation": spaces.Box(-np.inf, np.inf, (3,), np.float32),
        "achieved_goal": spaces.Box(-np.inf, np.inf, (2,), np.float32),
        "mode": spaces.Discrete(3),
    }
)
PICTURES = spaces.Dict(
    {"camera": spaces.Box(0, 255, (40, 36, 3), np.uint8), "position": spaces.Box(-9, 9, (2,), np.float32)}
)
CAMERA = spaces.Box(0, 255, (1, 36, 37), np.uint8)
FEW, BOX = spaces.Discrete(3), spaces.Box(LOW, HIGH)


class Noise(gym.Env):
    """Environment whose observations are random numbers."""

    def __init__(self, observations: spaces.Space, actions: spaces.Space):
        self.observation_space, self.action_space = observations, actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), float(self.np_random.random()), False, self.np_random.random() < 0.1, {}


def models() -> dict[str, Callable[[], Any]]:
    """Functions that make the models, by name."""
    off = {"learning_starts": 10, "buffer_size": 200, "batch_size": 16}
    on = {"n_steps": 32}
    sde = {"use_sde": True}
    few = {"policy_kwargs": {"features_extractor_kwargs": {"features_dim": 8}}}
    few_of_parts = {"policy_kwargs": {"features_extractor_kwargs": {"cnn_output_dim": 8}}}

    def of(algorithm: Any, actions: spaces.Space, observations: spaces.Space = VECTOR, **settings: Any) -> Any:
        policy = "MultiInputPolicy" if isinstance(observations, spaces.Dict) else "MlpPolicy"
        policy = "CnnPolicy" if observations is CAMERA else policy
        settings["policy_kwargs"] = SMALL | settings.get("policy_kwargs", {})
        return lambda: algorithm(policy, Noise(observations, actions), seed=0, device="cpu", **settings)

    return {
        "dqn": of(DQN, FEW, **off),
        "dqn_elu": of(DQN, FEW, policy_kwargs={"activation_fn": torch.nn.ELU}, **off),
        "qrdqn": of(QRDQN, FEW, policy_kwargs={"n_quantiles": 5}, **off),
        "ppo_discrete": of(PPO, FEW, batch_size=16, **on),
        "ppo": of(PPO, BOX, batch_size=16, policy_kwargs={"net_arch": {"pi": [8, 6], "vf": [5]}}, **on),
        "ppo_dict": of(PPO, BOX, PARTS, batch_size=16, policy_kwargs={"activation_fn": torch.nn.ReLU}, **on),
        "ppo_sde": of(PPO, BOX, batch_size=16, **on, **sde),
        "ppo_sde_squashed": of(
            PPO, BOX, batch_size=16, policy_kwargs={"squash_output": True, "use_expln": True}, **on, **sde
        ),
        "a2c": of(A2C, BOX, n_steps=16),
        "a2c_sde": of(A2C, BOX, n_steps=16, policy_kwargs={"full_std": False}, **sde),
        "trpo": of(TRPO, BOX, batch_size=16, **on),
        "sac": of(SAC, BOX, **off),
        "sac_dict": of(SAC, BOX, PARTS, **off),
        "sac_sde": of(SAC, BOX, **off, **sde),
        "tqc": of(TQC, BOX, policy_kwargs={"n_critics": 1, "n_quantiles": 3}, **off),
        "tqc_sde": of(TQC, BOX, policy_kwargs={"n_critics": 1, "n_quantiles": 3, "clip_mean": 0.5}, **off, **sde),
        "td3": of(TD3, BOX, **off),
        "ddpg": of(DDPG, BOX, **off),
        "ppo_pictures": of(PPO, BOX, PICTURES, batch_size=16, **on, **few_of_parts),
        "dqn_pictures": of(DQN, FEW, CAMERA, **off, **few),
        "sac_pictures": of(SAC, BOX, CAMERA, **off, **few),
        "td3_pictures": of(TD3, BOX, PICTURES, **off, **few_of_parts),
    }


def space_of(name: str, model: Any) -> spaces.Space:
    """Space of the environment's observations: the model's own has pictures with their channels first."""
    if not name.endswith("_pictures"):
        return model.observation_space
    return PICTURES if isinstance(model.observation_space, spaces.Dict) else CAMERA


def make_sparse(model: Any) -> None:
    """Set most weights to zero, so that the file becomes small when it is compressed."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            if parameter.numel() > 1000:
                parameter *= 4.0 * (torch.rand(parameter.shape, generator=generator) < 0.05)


def observations_of(space: spaces.Space, n: int, seed: int = 1) -> Any:
    """Random observations: an array, or a dictionary of arrays."""
    space.seed(seed)
    drawn = [space.sample() for _ in range(n)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([one[key] for one in drawn]) for key in space.spaces}
    return np.stack(drawn)


def flat(space: spaces.Space, observations: Any) -> np.ndarray:
    """Observations as rows of float32, as the learner sees them."""
    if not isinstance(space, spaces.Dict):
        return np.asarray(observations, np.float32).reshape(len(observations), -1)
    n = len(next(iter(observations.values())))
    rows = [spaces.flatten(space, {key: part[i] for key, part in observations.items()}) for i in range(n)]
    return np.stack(rows).astype(np.float32)


def answers(model: Any, observations: Any) -> dict[str, np.ndarray]:
    """The library's own deterministic actions and distribution parameters.

    Discrete: `logits` normalised; for DQN and QR-DQN `q`. Continuous: `mean` and `std` of the normal, before its tanh
    where `squashed` is true, else in the environment's units. `action`: what `predict(deterministic=True)` returns.
    """
    found = {"action": np.asarray(model.predict(observations, deterministic=True)[0])}
    policy = model.policy
    policy.set_training_mode(False)
    tensor, _ = policy.obs_to_tensor(observations)
    with torch.no_grad():
        if isinstance(model, QRDQN):
            return found | {"q": policy.quantile_net(tensor).mean(dim=1).numpy()}
        if isinstance(model, DQN):
            return found | {"q": policy.q_net(tensor).numpy()}
        if isinstance(model, TD3):  # DDPG is one
            return found
        if isinstance(model, SAC | TQC):
            mean, log_std, further = policy.actor.get_action_dist_params(tensor)
            if not model.use_sde:
                return found | {"mean": mean.numpy(), "std": log_std.exp().numpy(), "squashed": np.array(True)}
            distribution = policy.actor.action_dist.proba_distribution(mean, log_std, **further)
        else:
            distribution = policy.get_distribution(tensor)
        normal = distribution.distribution
        if isinstance(model.action_space, spaces.Discrete):
            return found | {"logits": normal.logits.numpy()}
        is_sde = isinstance(distribution, StateDependentNoiseDistribution)
        squashed = is_sde and distribution.bijector is not None
        return found | {"mean": normal.mean.numpy(), "std": normal.stddev.numpy(), "squashed": np.array(squashed)}


def normalized_ppo(folder: Path) -> tuple[Any, VecNormalize]:
    """A PPO trained on normalised observations, with the statistics as a safe file."""
    env = VecNormalize(DummyVecEnv([lambda: Noise(spaces.Box(-9, 9, (4,), np.float32), BOX)]), clip_obs=1.5)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=16, seed=0, device="cpu", policy_kwargs=SMALL)
    model.learn(64)
    model.save(folder / "ppo_normalized.zip")
    stats = env
    np.savez(
        folder / "ppo_normalized.normalization.npz",
        mean=stats.obs_rms.mean, var=stats.obs_rms.var, epsilon=stats.epsilon, clip=stats.clip_obs,
    )  # fmt: skip
    return model, env


def trimmed(file: Path) -> None:
    """The zip without its pickles, which no test reads and which contain paths of the machine that wrote them."""
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("data"))
        weights = archive.read("policy.pth")
    for entry in data.values():
        if isinstance(entry, dict) and ":serialized:" in entry:
            entry[":serialized:"] = ""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", json.dumps(data, indent=1))
        archive.writestr("policy.pth", weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="names of the models; all by default")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in models().items():
        if name not in (arguments.only or [name]):
            continue
        model = make()
        model.learn(64)
        if name.endswith("_pictures"):
            make_sparse(model)
        model.save(folder / f"{name}.zip")
        space = space_of(name, model)
        observations = observations_of(space, 2 if name.endswith("_pictures") else 20)
        np.savez(folder / f"{name}.npz", obs=flat(space, observations), **answers(model, observations))
    if arguments.only:
        for name in arguments.only:
            trimmed(folder / f"{name}.zip")
        return
    model, env = normalized_ppo(folder)
    observations = observations_of(model.observation_space, 20)
    np.savez(folder / "ppo_normalized.npz", obs=observations, **answers(model, env.normalize_obs(observations)))
    for file in folder.glob("*.zip"):
        trimmed(file)


if __name__ == "__main__":
    main()
