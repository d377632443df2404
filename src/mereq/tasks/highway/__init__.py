"""Highway-Sim: a compiled engine equal to highway-env, its Gymnasium environments, and the task. App. A.1.1."""

from mereq.core.actions import Discrete
from mereq.core.task import Task
from mereq.gymnasium_ids import HIGHWAY_ID, register
from mereq.tasks.highway.config import FEATURE_NAMES, N_ACTIONS, N_OBS
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.highway.simulator import THETA_EXPERT, THETA_PRIOR, HighwaySimulator

__all__ = ["ENV_ID", "TASK", "THETA_EXPERT", "THETA_PRIOR", "register"]

ENV_ID = HIGHWAY_ID
TASK = Task("highway", FEATURE_NAMES, N_OBS, Discrete(N_ACTIONS), HighwayEnv, HighwaySimulator)


register()
