"""Checkpoints: named arrays in a safetensors file, and a JSON file beside it that says what they are.

`runs/a/prior` is the pair `prior.safetensors` and `prior.json`. The JSON file carries a checksum of both, so that no
damage goes unnoticed. Reading executes nothing and is bounded in size. Writing is atomic: whenever a process is
killed, the pair on disk is the old one or the new one, whole.
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
    path = without_suffix(path)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path.with_name(f"{path.name}.json.next"), sidecar)  # from the next line on it is the true one
        replace_file(path.with_name(f"{path.name}.safetensors"), tensors)
        os.replace(path.with_name(f"{path.name}.json.next"), path.with_name(f"{path.name}.json"))


def load_arrays(path: Path, *, kind: str) -> Checkpoint:
    """Read a checkpoint, checking every byte of it.

    Raises:
        CorruptCheckpoint: missing, damaged, of another kind or format.
    """
    path = without_suffix(path)
    return read_checkpoint(path.parent, path.name, kind)


def read_checkpoint(folder: Traversable, name: str, kind: str) -> Checkpoint:
    """As `load_arrays`, from any folder that can be read, also one inside an installed package.

    The two files must belong together. A process killed while replacing a pair leaves the JSON file of the new one as
    `.json.next`: it is the true one if it fits the arrays.

    Raises:
        CorruptCheckpoint: missing, damaged, of another kind or format.
    """
    file = folder.joinpath(f"{name}.safetensors")
    tensors = _bytes(file, LARGEST[kind])
    following = folder.joinpath(f"{name}.json.next")
    about = _sidecar(following) if following.is_file() else {}
    if about.get("sha256") != _sha256(tensors):
        about = _sidecar(folder.joinpath(f"{name}.json"))
    if about.get("sha256") != _sha256(tensors):
        raise corrupt(file, "its bytes are not those that were written: it was cut off, changed or mixed up")
    if about.get("kind") != kind:
        raise corrupt(file, f"it holds a {about.get('kind')}, not a {kind}")
    try:
        return Checkpoint(safetensors.numpy.load(tensors), about)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise corrupt(file, f"it is not a safetensors file of plain numbers ({error})") from error


def digest(content: Any) -> str:
    """Checksum of anything that `json` can write, whatever the order of its entries."""
    return _sha256(json.dumps(content, sort_keys=True).encode())


def digest_of_arrays(arrays: dict[str, np.ndarray]) -> str:
    """Checksum of named arrays, as a checkpoint's JSON file has it."""
    return _sha256(_tensors(arrays))


def remove(path: Path) -> None:
    """Take a checkpoint away, if there is one."""
    for suffix in (".json", ".safetensors", ".json.next"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def corrupt(file: Traversable | str, problem: str) -> CorruptCheckpoint:
    """The error to raise about a file that cannot be used."""
    return CorruptCheckpoint(
        f"Cannot use the checkpoint {file}: {problem}. Restore it from a copy, make it again, or name another one."
    )


def without_suffix(path: Path) -> Path:
    """The name of the pair, given it or either file."""
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


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
        raise corrupt(file, "its text is not what was written: it was changed or damaged")
    return about


def _tensors(arrays: dict[str, np.ndarray]) -> bytes:
    return safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
