"""Prior and expert of a run: loading, and checksums that identify the policies when the run is resumed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CannotLoad, NotNamed
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.seen_prior import SeenPrior
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy
from mereq.presets.named import NamedByUser, is_named
from mereq.presets.registry import definition_of
from mereq.priors.onnx_model import read_onnx
from mereq.priors.outputs import policy_of_function
from mereq.priors.stable_baselines import read_stable_baselines
from mereq.priors.torchscript import read_torchscript
from mereq.runs.spec import RunSpec
from mereq.store.checkpoints import digest_of_arrays
from mereq.store.policies import fingerprint, load_policy
from mereq.store.policy_folder import read_folder

N_PROBES = 64  # observations whose actions identify a policy of the user's
CODE_SUFFIXES = (".pt", ".pth", ".ts")  # of TorchScript files, which are programs
USERS = NamedByUser[Any]("policy", "with --prior or --expert", lambda found, _: found)
_programs: set[str] = set()  # TorchScript files that the user has named in this process


def name_policy(source: str | None) -> None:
    """Import the policy that a user names as `file.py:NAME` or `package.module:NAME`. A TorchScript file is noted.

    Other sources are left alone.

    Raises:
        CannotLoad: the policy cannot be imported.
    """
    if source is not None and is_named(source):
        USERS.load(source)
    elif source is not None and source.endswith(CODE_SUFFIXES):
        _programs.add(source)


def task_of(spec: RunSpec) -> Task:
    """The run's task. Where the prior sees raw observations, its environments append the prior's answers."""
    task = definition_of(spec.task).task
    return task if task.see is None else task.seen_by(policy_of(spec, "prior"))[0]


def policy_of(spec: RunSpec, which: str) -> Policy:
    """The run's "prior" or "expert" policy, as it acts in the environments of `task_of`.

    Raises:
        IncompleteTask: the task has no such policy, and the run names none.
        NotNamed: the policy is code of a user's that was not named in this process.
        CorruptCheckpoint: the policy is a checkpoint that cannot be used.
    """
    definition = definition_of(spec.task)
    if which != "prior" or definition.task.see is None:
        return _read(spec, which, definition.task)
    return definition.task.seen_by(_read(spec, which, _raw(definition.task)))[1]


def _raw(task: Task) -> Task:
    """The task as its prior sees it."""
    return task if task.see is None else replace(task, obs_size=task.raw_size, see=None)


def _read(spec: RunSpec, which: str, task: Task) -> Policy:
    """The policy that the specification names, for the observations of `task`."""
    source: str | None = getattr(spec, which)
    if source is None:
        return definition_of(spec.task).policy(which)
    kind = spec.prior_kind if which == "prior" else None
    temperature = spec.settings.learner.prior_temperature or 1.0
    if is_named(source):
        return as_policy(USERS.recorded(source), task, source, kind, temperature)
    if not source.endswith(CODE_SUFFIXES):
        return _opened(source, task, kind, temperature)
    if source not in _programs:
        raise NotNamed(
            f"The {which} {source} is a program that is run only if you name it, since a recorded run may come from "
            f"another person. Name it again with --{which}."
        )
    return read_torchscript(Path(source), task, kind=kind, temperature=temperature)


def open_policy(source: str | Path, task: Task, kind: str | None = None, temperature: float = 1.0) -> Policy:
    """The prior of a file whose opening executes nothing: a checkpoint, a zip of Stable-Baselines3, or ONNX.

    Where the prior sees more than the learner (`state=`), it is read for what it sees.

    Args:
        source: path of the file, or of a folder that `mereq export-policy` has written.
        task: the policy's task.
        kind: of an ONNX file's outputs; see `mereq.priors.outputs`.
        temperature: of the softmax of Q-values.

    Raises:
        CannotLoad: the file cannot be read, or does not fit the task.
        CorruptCheckpoint: the checkpoint cannot be used.
    """
    return _opened(source, _raw(task), kind, temperature)


def _opened(source: str | Path, task: Task, kind: str | None, temperature: float) -> Policy:
    path = Path(source)
    if path.suffix == ".onnx":
        return read_onnx(path, task, kind=kind, temperature=temperature)
    if kind is not None:
        raise CannotLoad(f"The file {source} says itself what its policy is: leave --prior-kind out.")
    if path.suffix == ".zip":
        return read_stable_baselines(path, task, temperature=temperature)
    return read_folder(path, task) if path.is_dir() else load_policy(path, task)


def as_policy(found: Any, task: Task, name: str, kind: str | None = None, temperature: float = 1.0) -> Policy:
    """The object as a policy. A function returns what `kind` says; by default logits, or means and log-stds.

    Raises:
        CannotLoad: the object is neither a policy nor a function, or a policy of which a kind is declared.
        UnknownName: there is no such kind.
    """
    if hasattr(found, "distribution"):
        if kind is not None:
            raise CannotLoad(f"{name} is a policy, which says itself what it returns: leave --prior-kind out.")
        return cast(Policy, found)
    if not callable(found):
        raise CannotLoad(
            f"{name} is a {type(found).__name__}, and must be a policy: an object with `distribution(obs)`, or a "
            "function of observations (n, obs) that returns logits (n, actions), or means and log-stds."
        )
    kind = kind or ("logits" if isinstance(task.actions, Discrete) else "gaussian")
    return policy_of_function(cast(Callable[..., Any], found), kind, task, name, temperature=temperature)


def checksum_of(policy: Policy, task: Task) -> str:
    """Checksum that identifies a run's policy.

    For a policy of mereq's own classes it covers the parameters; for any other, the action distributions at fixed
    pseudo-random observations.
    """
    if isinstance(policy, QPolicy | ActorPolicy) and _has_parameters(policy.prior):
        return fingerprint(policy)
    size = task.raw_size if isinstance(policy, SeenPrior) else task.obs_size
    policy = policy.raw if isinstance(policy, SeenPrior) else policy
    probes = stream(0, "probes").standard_normal((N_PROBES, size)).astype(np.float32)
    return digest_of_arrays({"answers": np.asarray(policy.distribution(probes).parameters)})


def _has_parameters(prior: Policy | None) -> bool:
    """Whether the parameters of a prior, and of the prior below it, are available."""
    return prior is None or (isinstance(prior, QPolicy | ActorPolicy) and _has_parameters(prior.prior))
