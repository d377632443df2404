"""Normalisation of observations by running statistics, as `VecNormalize` of Stable-Baselines3 does it."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mereq.core.errors import CannotLoad
from mereq.core.task import Task
from mereq.priors.torch_archive import read_member

SUFFIX = ".normalization.npz"
MAX_BYTES = 1 << 20  # of one array


@dataclass(frozen=True)
class Normalization:
    """The map obs -> clip((obs - mean) / sqrt(var + epsilon), -limit, limit)."""

    mean: Float[np.ndarray, " obs"]
    var: Float[np.ndarray, " obs"]
    epsilon: float
    limit: float

    def __call__(self, obs: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, "n obs"]:
        """Normalised observations."""
        scaled = (obs.astype(np.float64) - self.mean) / np.sqrt(self.var + self.epsilon)
        return np.clip(scaled, -self.limit, self.limit).astype(np.float32).astype(np.float64)

    @classmethod
    def beside(cls, policy: Path, task: Task) -> "Normalization | None":
        """Statistics in NAME.normalization.npz beside a policy's file NAME.zip; None if there is no such file.

        Raises:
            CannotLoad: the file has no statistics, or not of the task's observations.
        """
        file = policy.with_suffix(SUFFIX)
        if not file.is_file():
            return None
        names = ("mean", "var", "epsilon", "clip")
        try:
            with zipfile.ZipFile(file) as archive:
                parts = {name: read_member(archive, f"{name}.npy", str(file), MAX_BYTES) for name in names}
            arrays = {name: np.load(io.BytesIO(part), allow_pickle=False) for name, part in parts.items()}
            found = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
        except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            raise CannotLoad(
                f"The statistics {file} cannot be read ({error}). Write them with the four lines in docs/policies.md."
            ) from error
        sizes = (found["mean"].shape, found["var"].shape, found["epsilon"].shape, found["clip"].shape)
        if sizes != ((task.obs_size,), (task.obs_size,), (), ()):
            raise CannotLoad(
                f"The statistics {file} are of {found['mean'].size} numbers, and an observation of the task "
                f"{task.name} has {task.obs_size}."
            )
        if not (all(np.isfinite(values).all() for values in found.values()) and (found["var"] >= 0).all()):
            raise CannotLoad(f"The statistics {file} are not finite, or a variance is negative.")
        return cls(found["mean"], found["var"], float(found["epsilon"]), float(found["clip"]))
