"""Policies as checkpoints: those shipped with the package, and those that a user has trained."""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.errors import CannotStore, CorruptCheckpoint, UnknownName
from mereq.core.policy import Policy
from mereq.core.seen_prior import n_answer_of
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, Layer
from mereq.maxent_rl.pytrees import under
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.store.checkpoints import (
    Checkpoint,
    corrupt,
    digest,
    digest_of_arrays,
    load_arrays,
    read_checkpoint,
    save_arrays,
    without_suffix,
)

StoredPolicy = QPolicy | ActorPolicy | SampledQPolicy


def save_policy(path: Path | str, policy: Policy, *, about: dict[str, Any]) -> None:
    """Write a `QPolicy`, an `ActorPolicy` or a `SampledQPolicy`. A residual policy is written without its prior.

    about: entries of the model card, such as task, method, settings, provenance and evaluation.

    Raises:
        CannotWrite: no permission, or the disk is full.
        CannotStore: the policy is of another class.
    """
    arrays, rest, _ = content_of(policy)
    save_arrays(Path(path), arrays, kind="policy", about={**about, **rest})


def fingerprint(policy: Policy) -> str:
    """Checksum of a policy that can be written, with its prior: policies with equal checksums act alike.

    Raises:
        CannotStore: the policy is of another class.
    """
    arrays, rest, prior = content_of(policy)
    return digest([digest_of_arrays(arrays), rest, prior and fingerprint(prior)])


def load_policy(path: Path | str, task: Task | None = None, prior: Policy | None = None) -> StoredPolicy:
    """The policy of a checkpoint.

    Args:
        path: path of one of the two files, or of the pair without a suffix.
        task: the policy's task; the sizes of the policy must fit.
        prior: the prior of a residual policy; a plain policy needs none.

    Raises:
        CorruptCheckpoint: the checkpoint is missing, damaged, not a policy, for another task, or residual without a
            prior.
    """
    path = without_suffix(Path(path))
    return policy_of_checkpoint(read_checkpoint(path.parent, path.name, "policy"), f"{path}.safetensors", task, prior)


def describe(path: Path) -> dict[str, Any]:
    """Content of a policy's JSON file, after checking the pair.

    Raises:
        CorruptCheckpoint: the checkpoint is missing, damaged or not a policy.
    """
    return load_arrays(path, kind="policy").about


def load_shipped(task: Task, which: str) -> StoredPolicy:
    """A policy that is shipped with the package, such as `load_shipped(task, "prior")`.

    Raises:
        UnknownName: no policy of this name is shipped for this task.
        CorruptCheckpoint: the installation is damaged.
    """
    return policy_of_checkpoint(_read_shipped(task.name, which), f"{task.name}/{which}", task, None)


def describe_shipped(task_name: str, which: str) -> dict[str, Any]:
    """Content of a shipped policy's JSON file. Raises as `load_shipped`."""
    return _read_shipped(task_name, which).about


def _read_shipped(task_name: str, which: str) -> Checkpoint:
    root = resources.files("mereq").joinpath("checkpoints")
    folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    files = [(folder.name, file.name) for folder in folders for file in folder.iterdir()]
    names = [f"{folder}/{name.removesuffix('.json')}" for folder, name in files if name.endswith(".json")]
    if f"{task_name}/{which}" not in names:
        raise UnknownName("shipped policy", f"{task_name}/{which}", names)
    return read_checkpoint(root.joinpath(task_name), which, "policy")


def policy_of_checkpoint(checkpoint: Checkpoint, file: str, task: Task | None, prior: Policy | None) -> StoredPolicy:
    """The policy of a checkpoint's content. Raises as `load_policy`."""
    policy, n_inputs, found = _with_sizes(checkpoint, file, prior)
    if task is not None and (n_inputs, found) != (task.state_size, task.actions):
        raise corrupt(
            file,
            f"it is a policy for {n_inputs} observations and {found}, but the task {task.name} has "
            f"{task.state_size} and {task.actions}",
        )
    return policy


def _with_sizes(checkpoint: Checkpoint, file: str, prior: Policy | None) -> tuple[StoredPolicy, int, Actions]:
    """The policy, the number of its inputs, and its actions."""
    if "drawn_action_size" in checkpoint.about:
        policy, size = _sampled_q_policy(checkpoint, file, prior)
        return policy, len(policy.critics[0][0].weight) - size, Box(size)
    if "action_size" in checkpoint.about:
        policy = _actor_policy(checkpoint, file, prior)
        return policy, len(policy.actor[0].weight), Box(policy.n_actions)
    policy = _q_policy(checkpoint, file, prior)
    return policy, len(policy.q[0].weight), Discrete(len(policy.q[-1].bias))


def _sampled_q_policy(checkpoint: Checkpoint, file: str, prior: Policy | None) -> tuple[SampledQPolicy, int]:
    size, temperature = checkpoint.about["drawn_action_size"], checkpoint.about.get("temperature")
    if not (isinstance(size, int) and isinstance(temperature, float) and 0 < temperature < np.inf):
        raise corrupt(file, f"its action size {size} or its temperature {temperature} is impossible")
    first, second = (mlp_of_arrays(under(f"critic{i}.", checkpoint.arrays), file) for i in range(2))
    if any(len(critic[-1].bias) != 1 or len(critic[0].weight) <= size for critic in (first, second)):
        raise corrupt(file, "its critics do not fit its actions")
    if prior is None:
        raise _orphan(file)
    return SampledQPolicy((first, second), prior, temperature, size), size


def _actor_policy(checkpoint: Checkpoint, file: str, prior: Policy | None) -> ActorPolicy:
    names = {name.partition(".")[0] for name in checkpoint.arrays}
    actor = mlp_of_arrays(under("actor.", checkpoint.arrays), file)
    if names not in ({"actor"}, {"actor", "critic0", "critic1"}):
        raise corrupt(file, f"its networks {', '.join(sorted(names))} are not an actor, or an actor and two critics")
    if len(actor[-1].bias) % 2:
        raise corrupt(file, f"its actor's last layer has {len(actor[-1].bias)} outputs, not a mean and a log-std each")
    critics = tuple(mlp_of_arrays(under(f"{name}.", checkpoint.arrays), file) for name in sorted(names - {"actor"}))
    for critic in critics:
        if (len(critic[0].weight), len(critic[-1].bias)) != (len(actor[0].weight) + len(actor[-1].bias) // 2, 1):
            raise corrupt(file, "its critics do not fit its actor")
    residual = checkpoint.about.get("residual")
    if not isinstance(residual, bool):
        raise corrupt(file, "its JSON file lacks the entry `residual`")
    _refuse_orphan(residual, prior, file)
    pair = (critics[0], critics[1]) if critics else None
    return ActorPolicy(actor, pair, prior) if residual else ActorPolicy(actor, pair, None, n_answer_of(prior))


def _q_policy(checkpoint: Checkpoint, file: str, prior: Policy | None) -> QPolicy:
    q = mlp_of_arrays(checkpoint.arrays, file)
    try:
        temperature, prior_temperature = (
            float(checkpoint.about["temperature"]),
            float(checkpoint.about["prior_temperature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise corrupt(file, "its temperatures are missing") from error
    if not (0 < temperature < np.inf and 0 <= prior_temperature < np.inf):
        raise corrupt(file, f"its temperatures {temperature} and {prior_temperature} are impossible")
    _refuse_orphan(prior_temperature > 0, prior, file)
    below, n_answer = (prior, 0) if prior_temperature > 0 else (None, n_answer_of(prior))
    return QPolicy(q, below, temperature, prior_temperature, n_answer)


def _refuse_orphan(residual: bool, prior: Policy | None, file: str) -> None:
    if residual and prior is None:
        raise _orphan(file)


def _orphan(file: str) -> CorruptCheckpoint:
    return corrupt(file, "it is a residual policy, which needs the prior that it was trained with")


def content_of(policy: Policy) -> tuple[dict[str, np.ndarray], dict[str, Any], Policy | None]:
    """Parameters of a policy, its further properties, and its prior.

    Raises:
        CannotStore: the policy is of none of our classes.
    """
    if isinstance(policy, QPolicy):
        arrays = named_arrays("", policy.q)
        sizes = {"obs_size": policy.q[0].weight.shape[0], "n_actions": policy.q[-1].weight.shape[1]}
        return (
            arrays,
            sizes | {"temperature": policy.temperature, "prior_temperature": policy.prior_temperature},
            policy.prior,
        )
    if isinstance(policy, ActorPolicy):
        arrays = named_arrays("actor.", policy.actor)
        for i, critic in enumerate(policy.critics or ()):
            arrays |= named_arrays(f"critic{i}.", critic)
        sizes = {"obs_size": policy.actor[0].weight.shape[0], "action_size": policy.n_actions}
        return arrays, sizes | {"residual": policy.prior is not None}, policy.prior
    if isinstance(policy, SampledQPolicy):
        arrays = named_arrays("critic0.", policy.critics[0]) | named_arrays("critic1.", policy.critics[1])
        n_inputs = policy.critics[0][0].weight.shape[0]
        about = {"temperature": float(policy.temperature), "drawn_action_size": policy.n_actions}
        return arrays, about | {"obs_size": n_inputs - policy.n_actions}, policy.prior
    raise CannotStore(
        f"A {type(policy).__name__} cannot be stored: it is a function or a class, and not weights of a network of "
        "mereq's. Name it again by file.py:NAME where it is needed, or fit a network to it (mereq.fit_density)."
    )


def named_arrays(prefix: str, network: MLP) -> dict[str, np.ndarray]:
    """Parameters of a network as arrays whose names begin with the prefix."""
    parts = {f"{i}.{part}": getattr(layer, part) for i, layer in enumerate(network) for part in ("weight", "bias")}
    return {prefix + name: np.asarray(array) for name, array in parts.items()}


def mlp_of_arrays(arrays: dict[str, np.ndarray], file: str) -> MLP:
    """Network of the layers `0.weight, 0.bias, 1.weight, ...`, after comparing the sizes of successive layers."""
    n = len(arrays) // 2
    if n == 0 or arrays.keys() != {f"{i}.{part}" for i in range(n) for part in ("weight", "bias")}:
        raise corrupt(file, f"its arrays {', '.join(sorted(arrays)) or '(none)'} are not the layers of a network")
    layers = tuple(Layer(arrays[f"{i}.weight"], arrays[f"{i}.bias"]) for i in range(n))
    inputs = layers[0].weight.shape[:1]
    for layer in layers:
        if layer.weight.ndim != 2 or (*inputs, *layer.bias.shape) != layer.weight.shape:
            raise corrupt(file, "its layers do not fit together")
        if layer.weight.dtype.kind != "f" or not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
            raise corrupt(file, "it contains NaN or infinite parameters")
        inputs = layer.bias.shape
    return layers
