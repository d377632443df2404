"""Highway-Sim: a compiled engine equal to highway-env, its Gymnasium environments, and the task. Spec section 5.1."""

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
    """Make `gymnasium.make("mereq/Highway-v0")` and `gymnasium.make_vec` of it known; calling it again does nothing."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="mereq.tasks.highway.environment:HighwayEnv",
            vector_entry_point="mereq.tasks.highway.environment:HighwayVectorEnv",
        )


register()
