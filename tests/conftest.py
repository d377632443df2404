"""Every test runs with the package's shape annotations executed, on the CPU, and with the same examples every time."""

import atexit
import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # pytest's workers, and the programs that tests start, inherit it
    for left in Path(tempfile.gettempdir()).glob("mereq-compiled-*"):  # by tests that were killed
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > 86_400:
                shutil.rmtree(left, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="mereq-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# XLA optimises little of what it compiles for the tests, which saves more than half of the time of compiling an update;
# not where a test is marked as `optimised`. XLA ends the program at a flag that it does not know, so the flag is given
# to versions that know it only. XLA_FLAGS="" compiles as for users.
if "XLA_FLAGS" not in os.environ:
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # programs that tests start inherit it
    if version("jaxlib").startswith("0.10."):
        os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false"

import jax
import pytest
from hypothesis import settings
from numba.core.dispatcher import Dispatcher

from shape_checks import check_the_package, forget_calls

# A shell starts what it runs in the background with some signals ignored, and children inherit that. The tests of
# signals, and the programs that they start, need the usual dispositions.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

check_the_package()
gc.disable()  # until all tests are collected

UNOPTIMISED = "JAX_DISABLE_MOST_OPTIMIZATIONS"
MAY_OPTIMISE_LESS = os.environ.get(UNOPTIMISED) == "1"
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("exact", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("exact")

# Files that take longest, or wait for most of their time: first, so that pytest's workers end together.
LONG_FILES = (
    "test_docs", "test_command_line", "test_local_engine", "test_in_a_browser", "test_ray_engine", "test_arm",
    "test_drawing_in_a_browser", "test_sac_optimum", "test_corridor_resume", "test_corridor", "test_eq2_residual_sac",
    "test_highway_engine", "test_killed", "test_worker_processes", "test_devices_in_a_browser", "test_exact_resume",
    "test_behaviour", "test_sac_update", "test_posterior_references", "test_sac_simulator_training", "test_session",
    "test_bottle_in_a_browser", "test_arm_tasks", "test_sac_starts_at_the_prior", "test_arm_rewinding",
    "test_export_steps", "test_own_task_study", "test_rewinding", "test_study_command", "test_policy_family",
    "test_recorded_versions", "test_eq8_where_episodes_end", "test_decisions_to_take_over", "test_arm_environment",
    "test_lockstep", "test_policy_starts", "test_blindness", "test_new_folder", "test_arm_cards", "test_cell",
    "test_dqn_update", "test_lockstep_engine", "test_eq2_other_priors", "test_trial_command", "test_other_methods",
    "test_statistics", "test_simulator_training", "test_full_disk",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Long files first. A name with an address would differ between the processes that share the tests."""
    if addresses := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"give ids=words (tests/helpers/ids.py) to the parameters of {addresses[0]}")
    rank = {name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.hookimpl(tryfirst=True)  # before the fixtures of modules
def pytest_runtest_setup(item):
    """Compile as for users where a test is marked as `optimised`, and quickly elsewhere."""
    wanted = "0" if item.get_closest_marker("optimised") else "1"
    if MAY_OPTIMISE_LESS and os.environ[UNOPTIMISED] != wanted:
        os.environ[UNOPTIMISED] = wanted
        jax.config.update(UNOPTIMISED.lower(), wanted == "1")
        jax.clear_caches()


def pytest_collection_finish():
    """What was imported and collected stays, so the collector of cycles need not look at it again and again."""
    gc.freeze()
    gc.enable()


@contextmanager
def alone(lock: Path):
    """One process at a time, of all that name this file."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shared(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """What `make` makes of an empty directory, made once for all of pytest's workers. It must not be changed."""
    made = folder / name
    with alone(folder / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(unfinished := folder / f"{name}.unfinished", ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(made)
    return made


@pytest.fixture(scope="session")
def of_all_workers(tmp_path_factory) -> Path:
    """A folder of this run of the tests, the same one for all of pytest's workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def numba_compiles_once(of_all_workers):
    """Workers that need the same compiled function wait for the one that compiles it, then read it from the disk."""
    compile_it, depth = Dispatcher.compile, 0

    def compile_alone(dispatcher, signature):
        nonlocal depth
        if depth or not dispatcher._cache.cache_path:
            return compile_it(dispatcher, signature)
        depth += 1
        try:
            with alone(of_all_workers / "numba.lock"):
                return compile_it(dispatcher, signature)
        finally:
            depth -= 1

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Dispatcher, "compile", compile_alone)
        yield


@pytest.fixture(autouse=True)
def shapes_are_checked_anew():
    """In each test, the first calls of each function are checked."""
    forget_calls()


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
def calm(of_all_workers):
    """A run that was never interrupted."""
    from kill9 import config, corridor_events
    from mereq.store.recording import record
    from mereq.store.run_writer import RunWriter
    from recorded_runs import ROUNDS

    def make(directory):
        with RunWriter.create(directory / "run", config(ROUNDS)) as store:
            list(record(corridor_events(ROUNDS), store))

    return shared(of_all_workers, "calm-run", make) / "run"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of eight megabytes, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small file system")
    yield disk
    gc.collect()  # a file that could not be written may still be open, in a cycle with the exception
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def calm_study(of_all_workers):
    """A small study that was never interrupted."""
    from mereq.studies.grid import Study
    from mereq.studies.local_engine import LocalEngine
    from small_studies import finish, study_file

    def make(directory):
        finish(Study.read(study_file(directory)), directory / "study", LocalEngine(1))

    return shared(of_all_workers, "calm-study", make) / "study"
