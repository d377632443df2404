"""Checkpoints: named arrays in a safetensors file, and a JSON file beside it that says what they are.

`runs/a/prior` is the pair `prior.safetensors` and `prior.json`. The JSON file carries a checksum of both, so that no
damage goes unnoticed. Reading executes nothing and is bounded in size. Writing is atomic: whenever a process is
killed, the pair on disk is the old one or the new one, whole.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mereq import __version__
from mereq.core.actions import Actions, Box, Discrete
from mereq.core.errors import CannotWrite, CorruptCheckpoint, UnknownName
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, Layer
from mereq.maxent_rl.sac import ActorPolicy

FORMAT = 1
LARGEST = {"policy": 256 * 2**20, "state": 8 * 2**30, "evaluation": 256 * 2**20}  # bytes of arrays, by kind
LARGEST_SIDECAR = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]  # the JSON file: kind, sha256 of the arrays' file, and what the writer added


def save_arrays(path: Path, arrays: dict[str, np.ndarray], *, kind: str, about: dict[str, Any]) -> None:
    """Write a checkpoint, replacing the one that is there.

    Args:
        path: where, without a suffix. Its directory is made if need be.
        arrays: any number types and shapes.
        kind: "policy", "state" or "evaluation".
        about: more entries for the JSON file; anything `json` can write.

    Raises:
        CannotWrite: no permission, or the disk is full. What was there before is still there.
    """
    tensors = _tensors(arrays)
    content = {"format": FORMAT, "kind": kind, "mereq": __version__, "sha256": _sha256(tensors), **about}
    content = json.loads(json.dumps(content))
    sidecar = json.dumps(content | {"checksum": digest(content)}, indent=1).encode()
    path = _without_suffix(path)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.with_name(f"{path.name}.json.next"), sidecar)  # from the next line on it is the true one
        _replace(path.with_name(f"{path.name}.safetensors"), tensors)
        os.replace(path.with_name(f"{path.name}.json.next"), path.with_name(f"{path.name}.json"))


def load_arrays(path: Path, *, kind: str) -> Checkpoint:
    """Read a checkpoint, checking every byte of it.

    Raises:
        CorruptCheckpoint: missing, damaged, of another kind or format.
    """
    path = _without_suffix(path)
    return _read(path.parent, path.name, kind)


def save_policy(path: Path, policy: Policy, *, about: dict[str, Any]) -> None:
    """Write a policy of ours. Of a residual policy only what was learned is written, not the prior it stands on.

    about: for the model card, such as task, method, settings, provenance and evaluation.

    Raises:
        CannotWrite: no permission, or the disk is full.
        TypeError: it is not a `QPolicy` or an `ActorPolicy`.
    """
    arrays, rest, _ = _content(policy)
    save_arrays(path, arrays, kind="policy", about={**about, **rest})


def fingerprint(policy: Policy) -> str:
    """Checksum of a policy of ours, with the prior that it stands on: equal ones act alike.

    Raises:
        TypeError: it is not a `QPolicy` or an `ActorPolicy`.
    """
    arrays, rest, prior = _content(policy)
    return digest([_sha256(_tensors(arrays)), rest, prior and fingerprint(prior)])


def load_policy(path: Path, task: Task | None = None, prior: Policy | None = None) -> QPolicy | ActorPolicy:
    """Read a policy.

    Args:
        path: one of the two files, or both without their suffix.
        task: what it is for; its sizes are checked against this task.
        prior: what a residual policy stands on; a plain one needs none.

    Raises:
        CorruptCheckpoint: missing, damaged, not a policy, not for this task, or residual without a prior.
    """
    path = _without_suffix(path)
    return _policy(_read(path.parent, path.name, "policy"), f"{path}.safetensors", task, prior)


def describe(path: Path) -> dict[str, Any]:
    """What the JSON file of a policy says, after checking the pair.

    Raises:
        CorruptCheckpoint: missing, damaged or not a policy.
    """
    return load_arrays(path, kind="policy").about


def load_shipped(task: Task, which: str) -> QPolicy | ActorPolicy:
    """A policy that came with the package, such as `load_shipped(task, "prior")`.

    Raises:
        UnknownName: when none is shipped by this name for this task.
        CorruptCheckpoint: when the installation is damaged.
    """
    return _policy(_read_shipped(task.name, which), f"{task.name}/{which}", task, None)


def describe_shipped(task_name: str, which: str) -> dict[str, Any]:
    """What the JSON file of a shipped policy says. Raises as `load_shipped`."""
    return _read_shipped(task_name, which).about


def digest(content: Any) -> str:
    """Checksum of anything that `json` can write, whatever the order of its entries."""
    return _sha256(json.dumps(content, sort_keys=True).encode())


def remove(path: Path) -> None:
    """Take a checkpoint away, if there is one."""
    for suffix in (".json", ".safetensors", ".json.next"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write into a sentence.

    Raises:
        CannotWrite: no permission, no such place, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise CannotWrite(
            f"Cannot write to {directory}: {reason}. What was recorded before is safe. Free some "
            "space or mend the permissions and resume, or choose another directory."
        ) from error


def _replace(file: Path, content: bytes) -> None:
    """Put content into a file, all or nothing, and see it onto the disk."""
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        with temporary.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_shipped(task_name: str, which: str) -> Checkpoint:
    root = resources.files("mereq").joinpath("checkpoints")
    folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    files = [(folder.name, file.name) for folder in folders for file in folder.iterdir()]
    names = [f"{folder}/{name.removesuffix('.json')}" for folder, name in files if name.endswith(".json")]
    if f"{task_name}/{which}" not in names:
        raise UnknownName("shipped policy", f"{task_name}/{which}", names)
    return _read(root.joinpath(task_name), which, "policy")


def _read(folder: Traversable, name: str, kind: str) -> Checkpoint:
    """A checkpoint whose two files belong together.

    A process killed while replacing a pair leaves the JSON file of the new one as `.json.next`: it is the true one if
    it fits the arrays.
    """
    file = folder.joinpath(f"{name}.safetensors")
    tensors = _bytes(file, LARGEST[kind])
    following = folder.joinpath(f"{name}.json.next")
    about = _sidecar(following) if following.is_file() else {}
    if about.get("sha256") != _sha256(tensors):
        about = _sidecar(folder.joinpath(f"{name}.json"))
    if about.get("sha256") != _sha256(tensors):
        raise _corrupt(file, "its bytes are not those that were written: it was cut off, changed or mixed up")
    if about.get("kind") != kind:
        raise _corrupt(file, f"it holds a {about.get('kind')}, not a {kind}")
    try:
        return Checkpoint(safetensors.numpy.load(tensors), about)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _corrupt(file, f"it is not a safetensors file of plain numbers ({error})") from error


def _bytes(file: Traversable, largest: int) -> bytes:
    if not file.is_file():
        raise _corrupt(file, "there is no such file")
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            if size > largest:
                raise _corrupt(file, f"it has {size} bytes, more than the {largest} that are allowed")
            opened.seek(0)
            return opened.read(size)
    except OSError as error:
        raise _corrupt(file, f"it cannot be read ({error.strerror})") from error


def _sidecar(file: Traversable) -> dict[str, Any]:
    try:
        about = json.loads(_bytes(file, LARGEST_SIDECAR))
    except (ValueError, RecursionError) as error:
        raise _corrupt(file, "it is not JSON") from error
    if not isinstance(about, dict):
        raise _corrupt(file, "it does not describe a checkpoint")
    if about.get("format") != FORMAT:
        raise _corrupt(
            file,
            f"its format is {about.get('format')!r} (written by mereq {about.get('mereq', '?')}), and mereq "
            f"{__version__} reads format {FORMAT}",
        )
    if about.pop("checksum", None) != digest(about):
        raise _corrupt(file, "its text is not what was written: it was changed or damaged")
    return about


def _policy(checkpoint: Checkpoint, file: str, task: Task | None, prior: Policy | None) -> QPolicy | ActorPolicy:
    continuous = "action_size" in checkpoint.about
    policy = (_actor_policy if continuous else _q_policy)(checkpoint, file, prior)
    network = policy.actor if isinstance(policy, ActorPolicy) else policy.q
    n_inputs, n_outputs = len(network[0].weight), len(network[-1].bias)
    found: Actions = Box(n_outputs // 2) if continuous else Discrete(n_outputs)
    if task is not None and (n_inputs, found) != (task.obs_size, task.actions):
        raise _corrupt(
            file,
            f"it is a policy for {n_inputs} observations and {found}, but the task {task.name} has "
            f"{task.obs_size} and {task.actions}",
        )
    return policy


def _actor_policy(checkpoint: Checkpoint, file: str, prior: Policy | None) -> ActorPolicy:
    names = {name.partition(".")[0] for name in checkpoint.arrays}
    actor = _mlp(_under("actor.", checkpoint.arrays), file)
    if names not in ({"actor"}, {"actor", "critic0", "critic1"}):
        raise _corrupt(file, f"its networks {', '.join(sorted(names))} are not an actor, or an actor and two critics")
    if len(actor[-1].bias) % 2:
        raise _corrupt(file, f"its actor's last layer has {len(actor[-1].bias)} outputs, not a mean and a log-std each")
    critics = tuple(_mlp(_under(f"{name}.", checkpoint.arrays), file) for name in sorted(names - {"actor"}))
    for critic in critics:
        if (len(critic[0].weight), len(critic[-1].bias)) != (len(actor[0].weight) + len(actor[-1].bias) // 2, 1):
            raise _corrupt(file, "its critics are not made for its actor")
    residual = checkpoint.about.get("residual")
    if not isinstance(residual, bool):
        raise _corrupt(file, "it does not say whether it is a residual policy")
    _refuse_orphan(residual, prior, file)
    return ActorPolicy(actor, (critics[0], critics[1]) if critics else None, prior if residual else None)


def _q_policy(checkpoint: Checkpoint, file: str, prior: Policy | None) -> QPolicy:
    q = _mlp(checkpoint.arrays, file)
    try:
        alpha, prior_alpha = float(checkpoint.about["alpha"]), float(checkpoint.about["prior_alpha"])
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt(file, "its temperatures are missing") from error
    if not (0 < alpha < np.inf and 0 <= prior_alpha < np.inf):
        raise _corrupt(file, f"its temperatures {alpha} and {prior_alpha} are impossible")
    _refuse_orphan(prior_alpha > 0, prior, file)
    return QPolicy(q, prior if prior_alpha > 0 else None, alpha, prior_alpha)


def _refuse_orphan(residual: bool, prior: Policy | None, file: str) -> None:
    if residual and prior is None:
        raise _corrupt(file, "it is a residual policy, which needs the prior that it was made with")


def _content(policy: Policy) -> tuple[dict[str, np.ndarray], dict[str, Any], Policy | None]:
    """Parameters of a policy, what else makes it what it is, and the prior that it stands on."""
    if isinstance(policy, QPolicy):
        arrays = _named("", policy.q)
        sizes = {"obs_size": policy.q[0].weight.shape[0], "n_actions": policy.q[-1].weight.shape[1]}
        return arrays, sizes | {"alpha": policy.alpha, "prior_alpha": policy.prior_alpha}, policy.prior
    if isinstance(policy, ActorPolicy):
        arrays = _named("actor.", policy.actor)
        for i, critic in enumerate(policy.critics or ()):
            arrays |= _named(f"critic{i}.", critic)
        sizes = {"obs_size": policy.actor[0].weight.shape[0], "action_size": policy.n_actions}
        return arrays, sizes | {"residual": policy.prior is not None}, policy.prior
    raise TypeError(f"cannot store a policy of type {type(policy).__name__}")


def _tensors(arrays: dict[str, np.ndarray]) -> bytes:
    return safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _named(prefix: str, network: MLP) -> dict[str, np.ndarray]:
    parts = {f"{i}.{part}": getattr(layer, part) for i, layer in enumerate(network) for part in ("weight", "bias")}
    return {prefix + name: np.asarray(array) for name, array in parts.items()}


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _mlp(arrays: dict[str, np.ndarray], file: str) -> MLP:
    """The layers `0.weight, 0.bias, 1.weight, ...`, each taking what the one before gives."""
    n = len(arrays) // 2
    if n == 0 or arrays.keys() != {f"{i}.{part}" for i in range(n) for part in ("weight", "bias")}:
        raise _corrupt(file, f"its arrays {', '.join(sorted(arrays)) or '(none)'} are not the layers of a network")
    layers = tuple(Layer(arrays[f"{i}.weight"], arrays[f"{i}.bias"]) for i in range(n))
    inputs = layers[0].weight.shape[:1]
    for layer in layers:
        if layer.weight.ndim != 2 or (*inputs, *layer.bias.shape) != layer.weight.shape:
            raise _corrupt(file, "its layers do not fit together")
        if layer.weight.dtype.kind != "f" or not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
            raise _corrupt(file, "it contains NaN or infinite parameters")
        inputs = layer.bias.shape
    return layers


def _corrupt(file: Traversable | str, problem: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(
        f"Cannot use the checkpoint {file}: {problem}. Restore it from a copy, make it again, or name another one."
    )


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
