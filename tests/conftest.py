"""Every test runs with the package's shape annotations executed, on the CPU, and with the same examples every time."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # pytest's workers, and the programs that tests start, inherit it
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="mereq-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

from shape_checks import NumbaModulesUnchecked

if any(name.split(".")[0] == "mereq" for name in sys.modules):
    raise RuntimeError("mereq was imported before its shape annotations could be switched on")
install_import_hook("mereq", "shape_checks.checked")
sys.meta_path.insert(0, NumbaModulesUnchecked)

jax.config.update("jax_platforms", "cpu")
settings.register_profile("exact", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("exact")


@pytest.fixture
def mereq(monkeypatch, capsys):
    """Run a command; gives its exit status, what it printed for programs, and what it told the user."""
    from mereq import cli

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mereq", *map(str, words)])
        status, on_term = 0, signal.getsignal(signal.SIGTERM)
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
        finally:
            signal.signal(signal.SIGTERM, on_term)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """A run that was never interrupted."""
    from kill9 import config, corridor_events
    from mereq.store.recording import record
    from mereq.store.run_writer import RunWriter
    from recorded_runs import ROUNDS

    directory = tmp_path_factory.mktemp("calm") / "run"
    with RunWriter.create(directory, config(ROUNDS)) as store:
        list(record(corridor_events(ROUNDS), store))
    return directory


@pytest.fixture
def small_disk(tmp_path):
    """A file system of eight megabytes, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def calm_study(tmp_path_factory):
    """A small study that was never interrupted."""
    from mereq.studies.grid import Study
    from mereq.studies.local_engine import LocalEngine
    from small_studies import finish, study_file

    folder = tmp_path_factory.mktemp("calm")
    finish(Study.read(study_file(folder)), folder / "study", LocalEngine(2))
    return folder / "study"
