"""The shipped policies as plain functions `obs -> action`, for `highway_equality.py --policy`."""

from mereq.store.policies import load_shipped
from mereq.tasks import highway

_PRIOR, _EXPERT = (load_shipped(highway.TASK, which) for which in ("prior", "expert"))


def prior(obs):
    return int(_PRIOR.distribution(obs[None]).mode()[0])


def expert(obs):
    return int(_EXPERT.distribution(obs[None]).mode()[0])
