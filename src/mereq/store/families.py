"""Policy families as checkpoints: those shipped with the package, and those that a user has prepared."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CorruptCheckpoint, UnknownName
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily, ThetaRegion
from mereq.maxent_rl.networks import hidden_sizes
from mereq.maxent_rl.pytrees import under
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.two_stream import TwoStream, network_outputs
from mereq.store.checkpoints import (
    Checkpoint,
    corrupt,
    load_arrays,
    read_checkpoint,
    save_arrays,
    state_file,
    without_suffix,
)
from mereq.store.policies import mlp_of_arrays, named_arrays

FAMILY = "family"  # name of a shipped family's files, and kind of the checkpoint


def save_family(path: Path, family: PolicyFamily, *, about: dict[str, Any]) -> None:
    """Write a family without its prior.

    about: entries of the JSON file, such as task, settings, provenance, and the checksum of the prior.

    Raises:
        CannotWrite: no permission, or the disk is full.
    """
    policy, region = family.policy, family.region
    if isinstance(policy, QPolicy):
        arrays = _two_stream_arrays("q.", family.network)
        about |= {"temperature": policy.temperature, "prior_temperature": policy.prior_temperature}
    else:
        arrays = _two_stream_arrays("actor.", family.network)
        for i, critic in enumerate(policy.critics or ()):
            assert isinstance(critic, TwoStream)
            arrays |= _two_stream_arrays(f"critic{i}.", critic)
    save_arrays(path, arrays, kind=FAMILY, about={**about, "limit": region.limit.tolist(), "zero": region.zero})


def load_family(path: Path, task: Task) -> tuple[PolicyFamily, dict[str, Any]]:
    """The family of a checkpoint, and the content of its JSON file.

    Args:
        path: path of one of the two files, or of the pair without a suffix.
        task: the family's task; sizes must fit.

    Raises:
        CorruptCheckpoint: the checkpoint is missing, damaged, no family, or for another task.
    """
    path = without_suffix(path)
    checkpoint = read_checkpoint(path.parent, path.name, FAMILY)
    return _family_of(checkpoint, f"{path}.safetensors", task), checkpoint.about


def load_shipped_family(task: Task) -> tuple[PolicyFamily, dict[str, Any]]:
    """The family that is shipped for a task, and the content of its JSON file.

    Raises:
        UnknownName: no family is shipped for this task.
        CorruptCheckpoint: the installation is damaged.
    """
    root = resources.files("mereq").joinpath("checkpoints")
    shipped = [folder.name for folder in root.iterdir() if folder.joinpath(f"{FAMILY}.json").is_file()]
    if task.name not in shipped:
        raise UnknownName("shipped family", task.name, shipped)
    checkpoint = read_checkpoint(root.joinpath(task.name), FAMILY, FAMILY)
    return _family_of(checkpoint, f"{task.name}/{FAMILY}", task), checkpoint.about


def is_unfinished(path: Path) -> bool:
    """Whether the family of a checkpoint is one whose preparation was interrupted; not if it cannot be read."""
    path = without_suffix(path)
    try:
        return _is_unfinished(read_checkpoint(path.parent, path.name, FAMILY).about)
    except CorruptCheckpoint:
        return False


def load_preparation(path: Path, about: Mapping[str, Any]) -> Checkpoint | None:
    """State of an interrupted preparation; None if it is finished, or its state is not there or another one's.

    Args:
        path: as for `load_family`.
        about: content of the family's JSON file.

    Raises:
        CorruptCheckpoint: the state is damaged.
    """
    file = state_file(without_suffix(path))
    if not _is_unfinished(about) or not file.with_name(f"{file.name}.json").exists():
        return None
    found = load_arrays(file, kind="state")
    training = found.about.get("training")
    same = isinstance(training, dict) and all(about.get(name) == value for name, value in training.items())
    return found if same else None


def _is_unfinished(about: Mapping[str, Any]) -> bool:
    try:
        return int(about["steps"]) < int(about["settings"]["training"]["n_steps"])
    except (KeyError, TypeError, ValueError):  # a snapshot that a run has kept
        return False


def _family_of(checkpoint: Checkpoint, file: str, task: Task) -> PolicyFamily:
    about, arrays = checkpoint.about, checkpoint.arrays
    limit, zero = _numbers(about.get("limit")), about.get("zero")
    if len(limit) != len(task.feature_names) or not (isinstance(zero, float) and 0 <= zero <= 1):
        raise corrupt(file, f"its region of theta does not fit the {len(task.feature_names)} features of {task.name}")
    region = ThetaRegion(np.array(limit, float), zero)
    n = len(limit)
    if isinstance(task.actions, Discrete):
        q = _two_stream(under("q.", arrays), n, file)
        _refuse_sizes(q, (task.state_size, task.actions.n), file, task)
        temperatures = _numbers([about.get(name) for name in ("temperature", "prior_temperature")])
        if len(temperatures) != 2 or 0 in temperatures:
            raise corrupt(file, "its temperatures are missing or impossible")
        return PolicyFamily(QPolicy(q, None, temperatures[0], temperatures[1]), region)
    actor = _two_stream(under("actor.", arrays), n, file)
    _refuse_sizes(actor, (task.state_size, 2 * task.actions.size), file, task)
    first, second = (_two_stream(under(f"critic{i}.", arrays), n, file) for i in range(2))
    for critic in (first, second):
        _refuse_sizes(critic, (task.state_size + task.actions.size, 1), file, task)
    return PolicyFamily(ActorPolicy(actor, (first, second), None), region)


def _numbers(values: Any) -> list[float]:
    """The values, if they are finite numbers of at least 0; else none."""
    known = isinstance(values, list) and all(isinstance(x, float | int) and 0 <= x < np.inf for x in values)
    return [float(x) for x in values] if known else []


def _two_stream_arrays(prefix: str, network: TwoStream) -> dict[str, np.ndarray]:
    return named_arrays(f"{prefix}states.", network.states) | named_arrays(f"{prefix}thetas.", network.thetas)


def _two_stream(arrays: dict[str, np.ndarray], n_weights: int, file: str) -> TwoStream:
    network = TwoStream(*(mlp_of_arrays(under(f"{part}.", arrays), file) for part in TwoStream._fields))
    outputs = len(network.states[-1].bias)
    if network.n_weights != n_weights or outputs % (n_weights * network.rank) or not hidden_sizes(network.states):
        raise corrupt(file, "its networks of states and of theta do not fit together")
    return network


def _refuse_sizes(network: TwoStream, sizes: tuple[int, int], file: str, task: Task) -> None:
    found = len(network.states[0].weight), network_outputs(network)
    if found != sizes:
        raise corrupt(file, f"it has networks with {found} inputs and outputs, but the task {task.name} needs {sizes}")
