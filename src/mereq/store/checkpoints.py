"""Checkpoints: named arrays in a safetensors file, and a JSON file beside it that describes them.

`runs/a/prior` is the pair `prior.safetensors` and `prior.json`. The JSON file has checksums of both files, so that all
damage is detected. Reading executes no code and is bounded in size. Writing is atomic: after a killed process, the pair
on disk is the old or the new one, complete.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mereq import __version__
from mereq.core.errors import CorruptCheckpoint
from mereq.store.atomic import replace_file, writing

FORMAT = 2
LARGEST = {  # bytes of arrays, by kind
    "policy": 256 * 2**20,
    "family": 256 * 2**20,
    "state": 8 * 2**30,
    "evaluation": 256 * 2**20,
}
LARGEST_SIDECAR = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]  # the JSON file: kind, sha256 of the arrays' file, and the writer's own entries


def save_arrays(path: Path, arrays: dict[str, np.ndarray], *, kind: str, about: dict[str, Any]) -> None:
    """Write a checkpoint, or replace an existing one.

    Args:
        path: path of the pair, without a suffix. A missing directory is created.
        arrays: arrays of any number types and shapes.
        kind: "policy", "state" or "evaluation".
        about: further entries of the JSON file; anything that `json` can write.

    Raises:
        CannotWrite: no permission, or the disk is full. An existing checkpoint is then unchanged.
    """
    tensors = _tensors(arrays)
    content = {"format": FORMAT, "kind": kind, "mereq": __version__, "sha256": _sha256(tensors), **about}
    content = json.loads(json.dumps(content))
    sidecar = json.dumps(content | {"checksum": digest(content)}, indent=1).encode()
    path = without_suffix(path)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path.with_name(f"{path.name}.json.next"), sidecar)  # valid as soon as the next line has run
        replace_file(path.with_name(f"{path.name}.safetensors"), tensors)
        os.replace(path.with_name(f"{path.name}.json.next"), path.with_name(f"{path.name}.json"))


def load_arrays(path: Path, *, kind: str) -> Checkpoint:
    """Content of a checkpoint, after every byte was checked.

    Raises:
        CorruptCheckpoint: the checkpoint is missing, damaged, or of another kind or format.
    """
    path = without_suffix(path)
    return read_checkpoint(path.parent, path.name, kind)


def read_checkpoint(folder: Traversable, name: str, kind: str) -> Checkpoint:
    """Content of a checkpoint in any readable folder, also inside an installed package. See `load_arrays`.

    The two files must belong together. A process that was killed while it replaced a pair leaves the new JSON file as
    `.json.next`; that file is valid if its checksum fits the arrays.

    Raises:
        CorruptCheckpoint: the checkpoint is missing, damaged, or of another kind or format.
    """
    file = folder.joinpath(f"{name}.safetensors")
    tensors = _bytes(file, LARGEST[kind])
    following = folder.joinpath(f"{name}.json.next")
    about = _sidecar(following) if following.is_file() else {}
    if about.get("sha256") != _sha256(tensors):
        about = _sidecar(folder.joinpath(f"{name}.json"))
    if about.get("sha256") != _sha256(tensors):
        raise corrupt(file, "its bytes are not those that were written: the file was truncated, changed or exchanged")
    if about.get("kind") != kind:
        raise corrupt(file, f"it is a checkpoint of kind {about.get('kind')!r}, not {kind!r}")
    try:
        return Checkpoint(safetensors.numpy.load(tensors), about)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise corrupt(file, f"it is not a safetensors file of plain numbers ({error})") from error


def digest(content: Any) -> str:
    """Checksum of anything that `json` can write, independent of the order of entries."""
    return _sha256(json.dumps(content, sort_keys=True).encode())


def digest_of_arrays(arrays: dict[str, np.ndarray]) -> str:
    """Checksum of named arrays, as in a checkpoint's JSON file."""
    return _sha256(_tensors(arrays))


def remove(path: Path) -> None:
    """Delete a checkpoint, if it exists."""
    for suffix in (".json", ".safetensors", ".json.next"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def corrupt(file: Traversable | str, problem: str) -> CorruptCheckpoint:
    """The error about a file that cannot be used."""
    return CorruptCheckpoint(
        f"Cannot use the checkpoint {file}: {problem}. Restore it from a copy, create it again, or name another one."
    )


def without_suffix(path: Path) -> Path:
    """Path of the pair without a suffix, from that path or from either file."""
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


def state_file(path: Path) -> Path:
    """Path of the state from which the training of a checkpoint is resumed, from the pair's without a suffix."""
    return path.with_name(path.name + ".state")


def _bytes(file: Traversable, largest: int) -> bytes:
    if not file.is_file():
        raise corrupt(file, "there is no such file")
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            if size > largest:
                raise corrupt(file, f"it has {size} bytes, more than the {largest} that are allowed")
            opened.seek(0)
            return opened.read(size)
    except OSError as error:
        raise corrupt(file, f"it cannot be read ({error.strerror})") from error


def _sidecar(file: Traversable) -> dict[str, Any]:
    try:
        about = json.loads(_bytes(file, LARGEST_SIDECAR))
    except (ValueError, RecursionError) as error:
        raise corrupt(file, "it is not JSON") from error
    if not isinstance(about, dict):
        raise corrupt(file, "it does not describe a checkpoint")
    if about.get("format") != FORMAT:
        raise corrupt(
            file,
            f"its format is {about.get('format')!r} (written by mereq {about.get('mereq', '?')}), and mereq "
            f"{__version__} reads format {FORMAT}",
        )
    if about.pop("checksum", None) != digest(about):
        raise corrupt(file, "its text is not what was written: the file was changed or damaged")
    return about


def _tensors(arrays: dict[str, np.ndarray]) -> bytes:
    return safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
