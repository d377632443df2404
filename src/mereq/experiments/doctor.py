"""What is installed, what is missing and what for."""

import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    found: str  # a version or a value; empty when it is missing
    needed_for: str
    required: bool

    @property
    def fine(self) -> bool:
        """Present, or not needed to run."""
        return bool(self.found) or not self.required


_REQUIRED = (
    "numpy",
    "scipy",
    "cattrs",
    "jax",
    "jaxlib",
    "optax",
    "numba",
    "mujoco",
    "gymnasium",
    "safetensors",
    "matplotlib",
    "pillow",
    "jaxtyping",
    "tyro",
    "rich",
)
_OPTIONAL = {
    "ray": "studies on a cluster (extra: ray)",
    "pyarrow": "exporting LeRobot datasets (extra: lerobot)",
    "minari": "exporting Minari datasets (extra: minari)",
    "h5py": "exporting Minari datasets (extra: minari)",
    "highway-env": "checking the engine against the original (extra: test)",
    "hypothesis": "the tests (extra: test)",
    "rliable": "checking the statistics against it (extra: test)",
    "stable-baselines3": "comparing speed with its DQN (extra: bench)",
    "envpool": "comparing speed with its highway (extra: bench)",
}


def examine() -> list[Finding]:
    """Look at this installation."""
    findings = [
        Finding("python", platform.python_version(), "everything", True),
        Finding("mereq", version("mereq"), "everything", True),
    ]
    findings += [Finding(name, version(name), "everything", True) for name in _REQUIRED]
    findings += [Finding(name, version(name), purpose, False) for name, purpose in _OPTIONAL.items()]
    import jax

    devices = ", ".join(str(device) for device in jax.devices())
    findings += [
        Finding(
            "processors",
            f"{len(os.sched_getaffinity(0))} usable" if hasattr(os, "sched_getaffinity") else f"{os.cpu_count()}",
            "two let practice and updates overlap",
            True,
        ),
        Finding("JAX devices", devices, "updates", True),
        Finding("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "not set"), "set it to 1 in timings", False),
        Finding("XLA_FLAGS", os.environ.get("XLA_FLAGS", "not set"), "compiler options, if any", False),
        Finding(
            "compiled highway engine", _engine_cache(), "compiled and kept at first use, about half a minute", False
        ),
        Finding("platform", f"{sys.platform} {platform.machine()}", "reproducing a run bit for bit", True),
    ]
    return findings


def version(name: str) -> str:
    """Of an installed package; empty when it is not here."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _engine_cache() -> str:
    from mereq.tasks.highway import engine

    return "kept" if engine.is_compiled() else ""
