"""Policies as folders in the layout of the Hugging Face Hub: config.json, model.safetensors and a card, README.md.

A residual policy is written together with its prior, where that is a network of ours. Reading executes nothing.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mereq import __version__
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.pytrees import under
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.store.checkpoints import LARGEST, LARGEST_SIDECAR, Checkpoint, corrupt
from mereq.store.policies import StoredPolicy, content_of, policy_of_checkpoint

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
OURS = (QPolicy, ActorPolicy, SampledQPolicy)
FORMAT = 1
PRIOR = "prior."  # prefix of the prior's arrays


def write_folder(folder: Path, policy: Policy, *, about: dict[str, Any], card: str) -> None:
    """Write a policy's three files into an existing folder.

    Args:
        folder: to write to.
        policy: of one of our classes.
        about: further entries of config.json, such as the task and its features.
        card: content of README.md.

    Raises:
        CannotStore: the policy is of another class.
    """
    arrays, entries = _nested(policy)
    config = {"library": "mereq", "mereq": __version__, "format": FORMAT, **about, "policy": entries}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / WEIGHTS).write_bytes(safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))
    (folder / CARD).write_text(card, encoding="utf-8")


def read_folder(folder: Path, task: Task | None = None, prior: Policy | None = None) -> StoredPolicy:
    """The policy of a folder.

    Args:
        folder: that `write_folder` has written.
        task: the policy's task; the sizes of the policy must fit.
        prior: of a residual policy whose prior is not in the folder.

    Raises:
        CorruptCheckpoint: a file is missing or damaged, or the policy does not fit the task.
    """
    weights = folder / WEIGHTS
    try:
        config = json.loads(_content(folder, CONFIG, LARGEST_SIDECAR))
        arrays = safetensors.numpy.load(_content(folder, WEIGHTS, LARGEST["policy"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise corrupt(str(folder), f"it is no folder with a policy ({error})") from error
    entries = config.get("policy") if isinstance(config, dict) else None
    if not isinstance(entries, dict) or config.get("format") != FORMAT:
        raise corrupt(str(folder / CONFIG), "it describes no policy of this version's format")
    return _policy(arrays, entries, str(weights), task, prior)


def _content(folder: Path, name: str, largest: int) -> bytes:
    """Bytes of an ordinary file of the folder; the Hub's own folders have links to such files."""
    file = folder / name
    if file.exists() and not file.is_file():
        raise corrupt(str(file), "it is no ordinary file")
    with file.open("rb") as opened:
        content = opened.read(largest + 1)
    if len(content) > largest:
        raise corrupt(str(file), f"it is larger than {largest} bytes")
    return content


def _nested(policy: Policy) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and entries of a policy, and of its prior if that is ours."""
    arrays, entries, prior = content_of(policy)
    if prior is None or not isinstance(prior, OURS):
        return arrays, entries | {"prior": None if prior is None else "not included"}
    below, described = _nested(prior)
    return arrays | {PRIOR + name: array for name, array in below.items()}, entries | {"prior": described}


def _policy(
    arrays: dict[str, np.ndarray], entries: dict[str, Any], file: str, task: Task | None, prior: Policy | None
) -> StoredPolicy:
    described = entries.get("prior")
    if isinstance(described, dict):
        prior = _policy(under(PRIOR, arrays), described, file, task, prior)
    own = {name: array for name, array in arrays.items() if not name.startswith(PRIOR)}
    return policy_of_checkpoint(Checkpoint(own, entries), file, task, prior)
