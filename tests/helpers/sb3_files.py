"""Small zips of Stable-Baselines3 (`benchmarks/policies/sb3_models.py` writes them), and tasks that they fit."""

from pathlib import Path

from mereq.core.task import Task

FOLDER = Path(__file__).parents[1] / "fixtures" / "sb3"


def task_of(obs_size, actions) -> Task:
    """A task without environments."""

    def absent(*_):
        raise AssertionError("opening a prior needs no environment")

    return Task("noise", ("a",), obs_size, actions, absent, absent)
