"""Highway-Sim: a compiled engine equal to highway-env, its Gymnasium environments, and the task. App. A.1.1."""

import gymnasium

from mereq.core.actions import Discrete
from mereq.core.task import Task
from mereq.tasks.highway.config import FEATURE_NAMES, N_ACTIONS, N_OBS
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.highway.simulator import THETA_EXPERT, THETA_PRIOR, HighwaySimulator

__all__ = ["ENV_ID", "TASK", "THETA_EXPERT", "THETA_PRIOR", "register"]

ENV_ID = "mereq/Highway-v0"
TASK = Task("highway", FEATURE_NAMES, N_OBS, Discrete(N_ACTIONS), HighwayEnv, HighwaySimulator)


def register() -> None:
    """Register the task for `gymnasium.make("mereq/Highway-v0")` and `make_vec`. May be called repeatedly."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="mereq.tasks.highway.environment:HighwayEnv",
            vector_entry_point="mereq.tasks.highway.environment:HighwayVectorEnv",
        )


register()
