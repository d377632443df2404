"""Provenance of a result: versions, commit, machine and command line, without names of persons."""

import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mereq
from mereq.core.cores import usable_cores
from mereq.store.compatibility import changes

_PACKAGES = ("numpy", "jax", "jaxlib", "optax", "numba", "mujoco", "gymnasium", "safetensors")
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "XLA_FLAGS",
    "JAX_PLATFORMS",
    "JAX_ENABLE_X64",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "NPROC",
    "NUMBA_DISABLE_JIT",
    "NUMBA_CPU_NAME",
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
)


def provenance() -> dict[str, Any]:
    """Everything that a result depends on, besides its configuration: versions, commit, machine, command line.

    The values can be written as JSON. Names of users, hosts and folders are left out: a path on the command line is
    reduced to its last part.
    """
    return {
        "mereq": mereq.__version__,
        "git": _git(Path(mereq.__file__).parent),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "usable_cores": len(usable_cores()),
        },
        "threads": {name: without_folders(os.environ[name]) for name in _THREADS if name in os.environ},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *(shlex.quote(without_folders(word)) for word in sys.argv[1:])]),
    }


def environment_changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Differences between two starts that may change results: versions, processor, cores, threads and precision.

    Returns:
        The differences as text, such as "packages.jax was '0.9', now '0.10'"; empty if there are none.
    """
    return changes(_environment(before, now), _environment(now, before))


def _environment(origin: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The entries of a provenance that results may depend on. Packages are compared where both starts record them."""
    packages = {name: origin.get("packages", {}).get(name) for name in other.get("packages", {})}
    known = {name: version for name, version in packages.items() if name in origin.get("packages", {})}
    names = ("mereq", "python", "machine", "threads")
    return {name: origin.get(name, {}) for name in names} | {"packages": known}


def resident_bytes() -> int | None:
    """Resident memory of this process [bytes]; None where the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _git(package: Path) -> dict[str, Any] | None:
    """Commit of the checkout that the package is imported from; None for an installed package."""
    top = _run_git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top) / "src" / "mereq" != package:
        return None
    changes = _run_git(package, "status", "--porcelain", "--untracked-files=no")
    return {"commit": _run_git(package, "rev-parse", "HEAD"), "dirty": bool(changes)}


def _run_git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def without_folders(text: str) -> str:
    """The text with every absolute path, and every path into a home or parent folder, reduced to its last part."""
    words = []
    for word in text.split(" "):
        flag, equals, value = word.rpartition("=")
        if value.startswith(("/", "~", "..")) or value[1:3] == ":\\":
            value = value.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        words.append(f"{flag}{equals}{value}")
    return " ".join(words)


def clean_provenance(origin: dict[str, Any]) -> dict[str, Any]:
    """The provenance without folders and names of hosts."""
    return clean(origin) | {"command": command_line(origin)}


def clean(value: Any) -> Any:
    """A configuration, or any other JSON, with every path reduced to its last part."""
    if isinstance(value, dict):
        return {key: clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean(entry) for entry in value]
    return without_folders(value) if isinstance(value, str) else value


def command_line(origin: dict[str, Any]) -> str:
    """The command line without folders, and without the names of hosts: `ray://head:10001` is `HOST:PORT`."""
    return re.sub(r"(\w+://)?[\w.-]+:\d+\b", "HOST:PORT", without_folders(str(origin.get("command", "unknown"))))
