"""Train the priors of the examples with Stable-Baselines3, each for the reward of its own environment.

    pip install stable-baselines3 "gymnasium[classic-control,box2d]" gymnasium-robotics
    python examples/train_prior.py lunar_lander_ppo

writes examples/priors/lunar_lander_ppo.zip. Each takes one to five minutes on one core.
The zips in that folder were made so. Those of SAC were cut down to the actor, which is all that a prior needs.
"""

import argparse
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

PRIORS = Path(__file__).parent / "priors"
SMALL = {"net_arch": [32, 32]}


def _sac(env: str, steps: int, policy: str = "MlpPolicy", **more: Any) -> dict[str, Any]:
    return {"algorithm": SAC, "env": env, "steps": steps, "policy": policy, **more}


RECIPES: dict[str, dict[str, Any]] = {
    "cart_pole_dqn": dict(
        algorithm=DQN, env="CartPole-v1", steps=60_000, learning_rate=2.3e-3, buffer_size=100_000, learning_starts=1000,
        batch_size=64, train_freq=256, gradient_steps=128, target_update_interval=10, exploration_fraction=0.16,
        exploration_final_eps=0.04, policy_kwargs={"net_arch": [64, 64]},
    ),
    "cart_pole_ppo": dict(
        algorithm=PPO, env="CartPole-v1", steps=80_000, n_envs=8, n_steps=128, batch_size=256, n_epochs=10, gae_lambda=0.9,
        gamma=0.98, learning_rate=1e-3, policy_kwargs=SMALL,
    ),
    "lunar_lander_ppo": dict(
        algorithm=PPO, env="LunarLander-v3", steps=400_000, n_envs=16, n_steps=512, batch_size=256, n_epochs=4,
        gae_lambda=0.98, gamma=0.999, ent_coef=0.01, learning_rate=1e-3, policy_kwargs=SMALL,
    ),
    "lunar_lander_dqn": dict(
        algorithm=DQN, env="LunarLander-v3", steps=120_000, learning_rate=6e-4, buffer_size=60_000, learning_starts=2000,
        batch_size=128, train_freq=8, gradient_steps=4, gamma=0.99, target_update_interval=250, exploration_fraction=0.2,
        exploration_final_eps=0.05, policy_kwargs={"net_arch": [64, 64]},
    ),
    "pendulum_sac": _sac("Pendulum-v1", 8000, learning_rate=1e-3, learning_starts=500, policy_kwargs={"net_arch": [64, 64]}),
    "fetch_reach_sac": _sac(
        "FetchReachDense-v4", 8000, "MultiInputPolicy", learning_rate=1e-3, gamma=0.95, learning_starts=500,
        policy_kwargs={"net_arch": [64, 64]},
    ),
}  # fmt: skip


def make(env: str) -> gym.Env:
    """The environment, also one of gymnasium-robotics."""
    if env.startswith("Fetch"):
        import gymnasium_robotics

        gym.register_envs(gymnasium_robotics)
    return gym.make(env)


def train(name: str, seed: int) -> Path:
    """Train a prior, print its mean return, and write its zip."""
    recipe = dict(RECIPES[name])
    algorithm, env, steps, policy = (recipe.pop(key, None) for key in ("algorithm", "env", "steps", "policy"))
    envs = make_vec_env(lambda: make(env), n_envs=recipe.pop("n_envs", 1), seed=seed)
    torch.set_num_threads(1)
    model = algorithm(policy or "MlpPolicy", envs, seed=seed, device="cpu", **recipe)
    begin = time.monotonic()
    model.learn(steps, progress_bar=False)
    seconds = time.monotonic() - begin
    mean, spread = evaluate_policy(model, make_vec_env(lambda: make(env), seed=seed + 1), n_eval_episodes=20)
    print(f"{name}: {steps} steps in {seconds:.0f} s; return {mean:.1f} (standard deviation {spread:.1f}), 20 episodes")
    PRIORS.mkdir(exist_ok=True)
    model.save(PRIORS / name)
    if algorithm is SAC:
        keep_actor(PRIORS / f"{name}.zip")
    return PRIORS / f"{name}.zip"


def keep_actor(path: Path) -> None:
    """Leave the critics and the optimizers out of a zip. Stable-Baselines3 itself cannot load it afterwards."""
    with zipfile.ZipFile(path) as old:
        data, tensors = old.read("data"), torch.load(io.BytesIO(old.read("policy.pth")), weights_only=True)
    actor = io.BytesIO()
    torch.save({key: tensor for key, tensor in tensors.items() if key.startswith("actor.")}, actor)
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("data", data)
        new.writestr("policy.pth", actor.getvalue())


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("name", choices=RECIPES)
    words.add_argument("--seed", type=int, default=0)
    arguments = words.parse_args()
    print(train(arguments.name, arguments.seed))
