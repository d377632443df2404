"""A disk that is full, too small or read-only is a sentence, costs nothing that was recorded, and can be mended."""

import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import kill9
from full_disk import fill
from mereq.core.errors import CannotWrite
from mereq.interventions.rollout import SupervisedStep
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.recording import record
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from recorded_runs import ROUNDS, compare, go_on, step


def test_a_run_on_a_disk_that_fills_up_goes_on_when_there_is_space(calm, small_disk):
    run, acknowledged = small_disk / "run", []
    with RunWriter.create(run, kill9.config(ROUNDS)) as store:
        events = record(kill9.corridor_events(ROUNDS), store)
        acknowledged += [next(events) for _ in range(50)]
        fill(small_disk)
        with pytest.raises(CannotWrite, match=r"Earlier records are safe\. Free some space"):
            acknowledged.extend(events)  # a few more fit into the last page
    steps = [event for event in acknowledged if isinstance(event, SupervisedStep)]
    with RunReader.open(run) as store:
        assert len(store.steps(0)) + len(store.steps(1)) == len(steps)
    with pytest.raises(CannotWrite):
        go_on(run)
    (small_disk / "ballast").unlink()
    assert go_on(run) >= ROUNDS * 44 - len(acknowledged)
    assert compare(calm, run) == []


def test_creating_a_run_on_a_full_disk(small_disk):
    fill(small_disk)
    with pytest.raises(CannotWrite):
        RunWriter.create(small_disk / "run", {})
    (small_disk / "ballast").unlink()
    RunWriter.create(small_disk / "run", {}).close()


def test_a_checkpoint_that_does_not_fit_leaves_the_old_one(small_disk):
    save_arrays(small_disk / "state", {"x": np.ones(100)}, kind="state", about={})
    with pytest.raises(CannotWrite, match="No space left"):
        save_arrays(small_disk / "state", {"x": np.zeros(2_000_000)}, kind="state", about={})
    assert load_arrays(small_disk / "state", kind="state").arrays["x"].sum() == 100


def test_a_run_on_a_read_only_disk_can_be_shown_and_not_resumed(small_disk):
    with RunWriter.create(small_disk / "run", {}) as store:
        store.add_step(step(0))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with RunReader.open(small_disk / "run") as store:
        assert len(store.steps(0)) == 1
    with pytest.raises(CannotWrite, match="Read-only file system"):
        RunWriter.resume(small_disk / "run", {})
    with pytest.raises(CannotWrite, match="Read-only file system"):
        RunWriter.create(small_disk / "another", {})


def test_a_limit_on_file_sizes(tmp_path):
    """The same where nothing can be mounted: the system refuses to let a file grow."""
    program = f"""
        import resource, sys
        sys.path[:0] = {[str(Path(__file__).parents[1] / "helpers"), str(Path(kill9.__file__).parent)]}
        from pathlib import Path
        from recorded_runs import step
        from mereq.core.errors import CannotWrite
        from mereq.store.run_writer import RunWriter

        with RunWriter.create(Path({str(tmp_path / "run")!r}), {{}}) as store:
            store.add_step(step(0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
            for number in range(1, 10_000):
                try:
                    store.add_step(step(number, obs_size=4))
                except CannotWrite as error:
                    print(number)
                    break
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with RunReader.open(tmp_path / "run") as store:
        assert len(store.steps(0)) == int(done.stdout)
    with RunWriter.resume(tmp_path / "run", {}) as store:
        store.add_step(step(int(done.stdout)))
