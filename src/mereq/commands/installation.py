"""Installed and missing parts of an installation, with their purposes."""

import importlib.metadata
import importlib.resources
import os
import platform
import sys
import webbrowser
from dataclasses import dataclass

from mereq.core.cores import usable_cores
from mereq.web.devices.spacemouse import RULE, spacemice


@dataclass(frozen=True)
class Finding:
    """One line of the report of `mereq doctor`."""

    what: str
    found: str  # a version or a value; empty if missing
    needed_for: str
    required: bool

    @property
    def fine(self) -> bool:
        """Whether the part is present or not required."""
        return bool(self.found) or not self.required


_REQUIRED = (
    "numpy",
    "scipy",
    "cattrs",
    "jax",
    "jaxlib",
    "optax",
    "numba",
    "gymnasium",
    "safetensors",
    "pillow",
    "jaxtyping",
    "tyro",
    "rich",
)
_OPTIONAL = {
    "mujoco": "the arm's tasks (extra: arm)",
    "matplotlib": "figures of `mereq show` and `mereq report` (extra: figures)",
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
    """Findings about this installation."""
    findings = [
        Finding("python", platform.python_version(), "everything", True),
        Finding("mereq", version("mereq"), "everything", True),
    ]
    findings += [Finding(name, version(name), "everything", True) for name in _REQUIRED]
    findings += [Finding(name, version(name), purpose, False) for name, purpose in _OPTIONAL.items()]
    findings += [
        Finding(
            "processors",
            f"{len(usable_cores())} usable",
            "two allow simulation and updates to overlap",
            True,
        ),
        Finding("accelerator for JAX", _accelerator(), "studies with --engine lockstep (extra: cuda)", False),
        Finding("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "not set"), "set it to 1 in timings", False),
        Finding("XLA_FLAGS", os.environ.get("XLA_FLAGS", "not set"), "compiler options, if any", False),
        Finding(
            "compiled highway engine",
            _engine_cache(),
            "compiled and cached at first use, in about half a minute",
            False,
        ),
        Finding(
            "platform",
            f"{sys.platform} {platform.machine()}",
            "a run is reproduced bit for bit on the same platform",
            True,
        ),
    ]
    return findings


def version(name: str) -> str:
    """Version of an installed package; empty if it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _accelerator() -> str:
    """JAX's installed accelerator plug-ins; JAX itself is not imported, which takes a second."""
    plugins = (f"jax-{kind}-plugin" for kind in ("cuda13", "cuda12", "rocm7", "rocm60", "metal"))
    return ", ".join(f"{name} {version(name)}" for name in plugins if version(name))


def _engine_cache() -> str:
    """State of Numba's cache of the engine. Numba itself is not imported, since that takes half a second."""
    highway = importlib.resources.files("mereq").joinpath("tasks/highway/__pycache__")
    cached = highway.is_dir() and any(file.name.endswith(".nbi") for file in highway.iterdir())
    return "cached" if cached or "NUMBA_CACHE_DIR" in os.environ else ""


_SUPERVISION = ("starlette", "uvicorn", "websockets")


def examine_supervision() -> list[Finding]:
    """Findings about the server's packages, the browser, and SpaceMice at this machine."""
    findings = [
        Finding(name, version(name), "the page of `mereq supervise` (extra: web)", False) for name in _SUPERVISION
    ]
    findings.append(
        Finding(
            "browser with a window",
            _browser(),
            "opening the page; on another machine through  ssh -L 8000:127.0.0.1:8000 MACHINE  with --port 8000",
            False,
        )
    )
    mice = spacemice()
    for mouse in mice:
        purpose = "`mereq supervise --device spacemouse`"
        if not mouse.may_be_read:
            purpose += f"; you lack the permission: put  {RULE}  into /etc/udev/rules.d/70-spacemouse.rules"
        state = "readable" if mouse.may_be_read else "not readable"
        findings.append(Finding("SpaceMouse", f"{mouse.name}, {mouse.path}: {state}", purpose, False))
    if not mice:
        findings.append(
            Finding(
                "SpaceMouse at this machine",
                "",
                "`--device spacemouse`, on Linux; one at the page needs no support here",
                False,
            )
        )
    return findings


def has_windows() -> bool:
    """Whether this machine can show windows."""
    return sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def _browser() -> str:
    try:
        found = webbrowser.get() if has_windows() else None
    except webbrowser.Error:
        return ""
    return "" if found is None else getattr(found, "name", type(found).__name__)
