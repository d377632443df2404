"""Prior and expert of a run: loading, and checksums that identify the policies when the run is resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CannotLoad, NotNamed
from mereq.core.policy import GaussianPolicy, LogitsPolicy, Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy
from mereq.presets.named import is_named, load_named, recorded_name
from mereq.presets.registry import definition_of
from mereq.runs.spec import RunSpec
from mereq.store.checkpoints import digest_of_arrays
from mereq.store.policies import fingerprint, load_policy

N_PROBES = 64  # observations whose actions identify a policy of the user's
_named: dict[str, Any] = {}  # objects that the user has named in this process, by recorded name


def name_policy(source: str | None) -> None:
    """Import the policy that a user names as `file.py:NAME` or `package.module:NAME`. Other sources are left alone.

    Raises:
        CannotLoad: the policy cannot be imported.
    """
    if source is not None and is_named(source):
        _named[recorded_name(source)] = load_named(source, "policy")


def policy_of(spec: RunSpec, which: str) -> Policy:
    """The run's "prior" or "expert" policy.

    Raises:
        IncompleteTask: the task has no such policy, and the run names none.
        NotNamed: the policy is code of a user's that was not named in this process.
        CorruptCheckpoint: the policy is a checkpoint that cannot be used.
    """
    source: str | None = getattr(spec, which)
    definition = definition_of(spec.task)
    if source is None:
        return definition.policy(which)
    if not is_named(source):
        return load_policy(Path(source), definition.task)
    if recorded_name(source) not in _named:
        raise NotNamed(
            f"The {which} {source} is code that is imported only if you name it, since a recorded run may come from "
            f"another person. Name it again with --{which} (a file with its path)."
        )
    return as_policy(_named[recorded_name(source)], definition.task, source)


def as_policy(found: Any, task: Task, name: str) -> Policy:
    """The object as a policy. A function returns logits for discrete actions, else means and log-stds.

    Raises:
        CannotLoad: the object is neither a policy nor a function.
    """
    if hasattr(found, "distribution"):
        return cast(Policy, found)
    if not callable(found):
        raise CannotLoad(
            f"{name} is a {type(found).__name__}, and must be a policy: an object with `distribution(obs)`, or a "
            "function of observations (n, obs) that returns logits (n, actions), or means and log-stds."
        )
    if isinstance(task.actions, Discrete):
        return LogitsPolicy(cast(Callable[..., Any], found), task.actions.n)
    return GaussianPolicy(cast(Callable[..., Any], found), task.actions.size)


def checksum_of(policy: Policy, task: Task) -> str:
    """Checksum that identifies a run's policy.

    For a policy of mereq's own classes it covers the parameters; for any other, the action distributions at fixed
    pseudo-random observations.
    """
    if isinstance(policy, QPolicy | ActorPolicy) and _has_parameters(policy.prior):
        return fingerprint(policy)
    probes = stream(0, "probes").standard_normal((N_PROBES, task.obs_size)).astype(np.float32)
    return digest_of_arrays({"answers": np.asarray(policy.distribution(probes).parameters)})


def _has_parameters(prior: Policy | None) -> bool:
    """Whether the parameters of a prior, and of the prior below it, are available."""
    return prior is None or (isinstance(prior, QPolicy | ActorPolicy) and _has_parameters(prior.prior))
