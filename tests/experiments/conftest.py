import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # the run that kill9 torments is the one used here


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """A run that was never interrupted."""
    from kill9 import config, corridor_events
    from recorded_runs import ROUNDS

    from mereq.experiments.recording import record
    from mereq.experiments.store import RunStore

    directory = tmp_path_factory.mktemp("calm") / "run"
    with RunStore.create(directory, config(ROUNDS)) as store:
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


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory):
    """What JAX compiles in one process of these tests is there for the next."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.getbasetemp().parent / "compiled"))
        patched.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield


@pytest.fixture(scope="session")
def calm_study(tmp_path_factory):
    """A small study that was never interrupted."""
    from small_studies import finish, study_file

    from mereq.experiments.local_engine import LocalEngine
    from mereq.experiments.study_file import Study

    folder = tmp_path_factory.mktemp("calm")
    finish(Study.read(study_file(folder)), folder / "study", LocalEngine(2))
    return folder / "study"
