"""Policies as TorchScript files. Such a file is a program: it is run only if the user names it."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.errors import CannotLoad
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.priors.outputs import policy_of_function, recognized, undeclared


def read_torchscript(path: Path, task: Task, *, kind: str | None = None, temperature: float = 1.0) -> Policy:
    """The policy of a TorchScript file: a module that takes observations (n, obs) as float32.

    For normals it returns a pair, mean and log-std. For samples it takes standard normal noise, of the shape of the
    actions, as a second argument.

    Raises:
        CannotLoad: the file cannot be read, its kind is not declared, or PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise CannotLoad(f"{path} needs PyTorch: pip install torch ({error}).") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch prefers torch.export, and still reads these
            module = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise CannotLoad(
            f"{path} is no TorchScript file ({str(error).splitlines()[0]}). Files of weights alone lack the network: "
            "save the module by torch.jit.trace(module, obs).save(...), or as ONNX."
        ) from error
    if kind is None:
        with torch.no_grad():
            answer = module(torch.zeros(1, task.obs_size))
        kind = recognized(tuple(answer), takes_noise=False) if isinstance(answer, dict) else None
    if kind is None:
        raise undeclared(str(path), "a tensor, or several")

    def function(obs: np.ndarray, rng: np.random.Generator | None = None) -> Any:
        given = [torch.from_numpy(np.asarray(obs, np.float32))]
        if rng is not None:
            size = int(np.prod(task.actions.shape, dtype=int))
            given.append(torch.from_numpy(rng.standard_normal((len(obs), size), np.float32)))
        with torch.no_grad():
            answer = module(*given)
        parts = tuple(answer.values()) if isinstance(answer, dict) else answer
        if isinstance(parts, tuple | list):
            arrays = tuple(part.numpy() for part in parts)
            return arrays[0] if len(arrays) == 1 else arrays
        return parts.numpy()

    return policy_of_function(function, kind, task, str(path), temperature=temperature)
