"""Acknowledged rows are there later, or their loss is told: power cuts, damaged logs, deleted directories."""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from kill9 import config, corridor_events
from mereq.commands.opening import recording
from mereq.commands.phases import locked_output
from mereq.core.errors import CannotWrite, LostRows, RunExists
from mereq.store.database import Database
from mereq.store.recording import record
from mereq.store.run_store import RUN, RunReader
from mereq.store.run_writer import RunWriter, is_repeatable
from mereq.store.tally import Tally, read_tally
from recorded_runs import EVENTS_PER_ROUND, step

SIMULATED = {"task": "highway", "method": "mereq", "n_rounds": 5}


@pytest.fixture
def killed(tmp_path):
    """A run as a killed process leaves it: its newest rows are in the log only."""
    live, left = tmp_path / "live", tmp_path / "run"
    with RunWriter.create(live, SIMULATED) as store:
        for number in range(15):
            store.add_step(step(number))
        shutil.copytree(live, left)
    (left / "run.sqlite-shm").unlink()
    return left


# ------------------------------------------------------------------------------------------------------- a power cut

CUT = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static void keep(int fd) {  // what was flushed survives: copy it
        char link[64], path[4096], command[9000];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n < 0) return;
        path[n] = 0;
        const char *name = strrchr(path, '/') + 1, *folder = getenv("SURVIVED");
        char target[4096], buffer[65536];
        snprintf(target, sizeof target, "%s/%s", folder, name);
        int from = open(path, O_RDONLY), to = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        while (from >= 0 && to >= 0 && (n = read(from, buffer, sizeof buffer)) > 0)
            if (write(to, buffer, n) != n) abort();
        close(from); close(to);
    }
    int fsync(int fd) { keep(fd); return 0; }
    int fdatasync(int fd) { keep(fd); return 0; }
"""
RECORDING = """
    import os, sys
    from pathlib import Path
    from mereq.store.run_writer import RunWriter
    from recorded_runs import step
    for supervisor, settled in (("person", False), ("expert", False), ("expert", True)):
        os.environ["SURVIVED"] = str(Path(sys.argv[1]) / f"{supervisor}-{settled}")
        os.mkdir(os.environ["SURVIVED"])
        config = {"task": "highway", "method": "mereq", "supervisor": supervisor}
        store = RunWriter.create(Path(sys.argv[1]) / f"run-{supervisor}-{settled}", config)
        for number in range(15):
            store.add_step(step(number))
        if settled:
            store.database.settle()
    os._exit(0)  # the power is cut
"""


@pytest.fixture(scope="module")
def flush_keeps(tmp_path_factory):
    """Library in whose presence a file's copy in $SURVIVED has what was flushed to the disk, and nothing else."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("cut")
    (folder / "cut.c").write_text(CUT)
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", "cut.so", "cut.c"], cwd=folder, check=True)
    return folder / "cut.so"


def test_what_a_power_cut_leaves(tmp_path, flush_keeps):
    """A person's steps all survive; a rule's, which can be made again, as far as they were settled."""
    command = [sys.executable, "-c", textwrap.dedent(RECORDING), str(tmp_path)]
    cut = {"LD_PRELOAD": str(flush_keeps), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=os.environ | cut)
    survived = {"person-False": 15, "expert-False": 0, "expert-True": 15}
    for name in survived:
        new = tmp_path / name / "run.sqlite.new"  # was renamed; its directory was flushed
        if not new.with_suffix("").exists():
            new.rename(new.with_suffix(""))
        with RunReader.open(tmp_path / name) as store:
            assert len(store.steps(0)) == survived[name]


@pytest.mark.parametrize(
    ("change", "repeatable"),
    [
        ({}, True),
        ({"robot": "perturbed"}, True),
        ({"robot": "lab:Arm"}, False),
        ({"supervisor": "person"}, False),
        ({"learning": "concurrent"}, False),
    ],
)
def test_only_steps_that_can_be_made_again_may_be_lost(change, repeatable):
    assert is_repeatable(SIMULATED | change) == repeatable
    assert not is_repeatable({"what": "a run from Python"})


# ------------------------------------------------------------------------------------------------- a damaged log


def flipped(log):
    content = bytearray(log.read_bytes())
    content[200] ^= 1
    log.write_bytes(content)


DAMAGES = {
    "flipped": flipped,
    "cut": lambda log: log.write_bytes(log.read_bytes()[:5000]),
    "missing": lambda log: log.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_log_is_noticed_and_accepted_by_word_only(killed, damage):
    with RunReader.open(killed) as store:
        assert len(store.steps(0)) == 15
    shutil.copytree(killed, killed.with_name("copy"))
    DAMAGES[damage](killed / "run.sqlite-wal")
    log = (killed / "run.sqlite-wal").read_bytes() if damage != "missing" else b""
    with pytest.raises(LostRows, match=r"15 of steps \(\d+ are there\)"):
        RunReader.open(killed)
    with pytest.raises(LostRows):
        RunWriter.resume(killed, SIMULATED)
    if damage != "missing":
        assert (killed / "run.sqlite-wal").read_bytes() == log  # refusing changes nothing
    with RunWriter.resume(killed, SIMULATED, accept_loss=True) as store:
        assert len(store.steps(0)) < 15
    RunReader.open(killed).close()  # it was accepted


def test_a_copy_without_tally_is_judged_by_its_newest_policy(killed):
    """Policies of a later copy lie beside the SQLite file of an earlier one."""
    (killed / "run.tally").unlink()
    policy = killed / "checkpoints" / "policy-0000.json"
    policy.parent.mkdir()
    policy.write_text('{"recorded": {"steps": 15}}')
    RunReader.open(killed).close()  # killed between the policy and the row of its round
    policy.write_text('{"recorded": {"steps": 40}}')
    with pytest.raises(LostRows, match=r"40 of steps \(15 are there\)"):
        RunReader.open(killed)
    policy.write_text("{}")  # of version 0.1
    policy.with_name("policy-0002.json").write_text("{}")
    with pytest.raises(LostRows, match=r"2 of rounds \(0 are there\)"):
        RunReader.open(killed)
    RunWriter.resume(killed, SIMULATED, accept_loss=True).close()
    RunReader.open(killed).close()
    assert {file.name for file in policy.parent.iterdir()} == {"policy-0000.json", "policy-0002.lost.json"}


@pytest.mark.parametrize("content", [b"", b"nonsense", b'{"steps": 15} 00000000', b"[" * 400, b"\xff" * 512])
def test_a_damaged_tally_is_no_evidence(killed, content):
    (killed / "run.tally").write_bytes(content)
    RunReader.open(killed).close()


def test_a_tally_comes_back(tmp_path):
    tally = Tally(tmp_path / "tally")
    tally.write({"steps": 3, "rounds": 1000})
    tally.write({"steps": 4})
    tally.close()
    assert read_tally(tmp_path / "tally") == {"steps": 4}


# -------------------------------------------------------------------------------------------- two who write at once


def test_overwriting_a_live_run_is_refused(tmp_path):
    with RunWriter.create(tmp_path / "run", SIMULATED) as store:
        with pytest.raises(CannotWrite, match="Another process is recording"):
            RunWriter.create(tmp_path / "run", SIMULATED, overwrite=True)
        store.add_step(step(0))
    with RunWriter.create(tmp_path / "run", SIMULATED, overwrite=True) as store:
        assert store.steps(0) == ()


def test_only_a_run_is_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("my thesis")
    with pytest.raises(RunExists):
        RunWriter.create(tmp_path, SIMULATED, overwrite=True)
    with pytest.raises(CannotWrite, match="a file has this name"):
        RunWriter.create(tmp_path / "thesis.tex", SIMULATED, overwrite=True)


@pytest.mark.parametrize("gone", ["", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "run.lock"])
def test_a_writer_notices_at_once_that_a_file_is_gone(tmp_path, gone):
    store = RunWriter.create(tmp_path / "run", SIMULATED)
    store.add_step(step(0))
    (tmp_path / "run" / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(CannotWrite, match="was deleted, moved or replaced by another program"):
        store.add_step(step(1))
    store.close()
    if gone and gone != "run.sqlite":  # what SQLite had in its log was saved
        with RunReader.open(tmp_path / "run") as again:
            assert len(again.steps(0)) == 2


def test_a_writer_makes_no_new_directory_where_its_own_was(tmp_path):
    with RunWriter.create(tmp_path / "run", config(3)) as store:
        events = record(corridor_events(3), store)
        [next(events) for _ in range(EVENTS_PER_ROUND - 1)]
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(CannotWrite, match="was deleted"):
            next(events)
    assert not (tmp_path / "run").exists()


# ----------------------------------------------------------------------------- what is left of a run that never began


def test_a_run_without_a_step_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), recording(RunWriter.create(tmp_path / "made", SIMULATED)):
        raise KeyboardInterrupt
    assert not (tmp_path / "made").exists()
    (tmp_path / "there").mkdir()
    with recording(RunWriter.create(tmp_path / "there", SIMULATED)):
        pass
    assert list((tmp_path / "there").iterdir()) == []


def test_a_run_with_a_step_stays(tmp_path):
    with recording(RunWriter.create(tmp_path / "run", SIMULATED)) as store:
        store.add_step(step(0))
    with RunReader.open(tmp_path / "run") as again:
        assert len(again.steps(0)) == 1


def test_a_program_may_change_its_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with RunWriter.create(tmp_path.__class__("run"), config(3)) as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        events = record(corridor_events(3), store)
        [next(events) for _ in range(EVENTS_PER_ROUND)]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "run" / "checkpoints" / "policy-0000.json").exists()


def test_a_file_of_format_3_without_a_tally_opens(killed):
    (killed / "run.tally").unlink()
    Database.open(RUN, killed, write=True).close()
    assert read_tally(killed / "run.tally")["steps"] == 15


def test_two_trainings_into_one_file(tmp_path):
    """The second is refused while the first goes on, and leaves its lock alone; afterwards nothing is left."""
    out = tmp_path / "prior"
    with locked_output(out, f"training into {out}"):
        with pytest.raises(CannotWrite, match="Another process is training into"), locked_output(out, "training into"):
            raise AssertionError("two trainings write into one file")
        assert out.with_name("prior.lock").exists()
    assert list(tmp_path.iterdir()) == []
