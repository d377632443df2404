"""The store keeps what it is given, lets one write and many read, and refuses in sentences."""

import itertools
import os
import random
import shutil
import sqlite3

import numpy as np
import pytest

import mereq.store.database
from kill9 import PRIOR, config, corridor_events
from mereq.core.errors import (
    CannotWrite,
    CorruptCheckpoint,
    IncompatibleRun,
    NoRun,
    RunExists,
    UnknownName,
)
from mereq.core.supervisor import SeenFrame
from mereq.store.recording import record
from mereq.store.run_store import RUN, RunReader
from mereq.store.run_writer import RunWriter
from recorded_runs import ROUNDS, step

CONFIG = {"task": "toy", "n_rounds": 5, "settings": {"learner": {"gamma": 0.8, "hidden": (4, 4)}}}


def same(left, right) -> bool:
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(left, right, strict=True))


@pytest.fixture
def run(tmp_path):
    with RunWriter.create(tmp_path / "run", CONFIG) as store:
        for number in range(15):
            store.add_step(step(number)._replace(seen=SeenFrame(10 * number, 5.0, 4.5) if number == 3 else None))
    return tmp_path / "run"


def test_steps_come_back(run):
    with RunReader.open(run) as store:
        assert all(same(step(number), again) for number, again in enumerate(store.steps(0)))
        assert store.rollout(0).obs.dtype == np.float32
        assert store.rounds() == []
        assert store.seen_frames(0) == [SeenFrame(30, 5.0, 4.5)]


def test_continuous_actions_come_back(tmp_path):
    acted = step(0)._replace(proposed=np.array([0.1, -0.2, 0.3], np.float32), executed=np.zeros(3, np.float32))
    with RunWriter.create(tmp_path / "run", CONFIG) as store:
        store.add_step(acted)
        assert same(store.steps(0)[0], acted)
        with pytest.raises(ValueError, match="changed from float32"):
            store.add_step(acted._replace(executed=np.zeros(3)))
        with pytest.raises(ValueError, match=r"changed from float32\(4,\) to float32\(5,\)"):
            store.add_step(acted._replace(obs=np.zeros(5, np.float32)))
        assert len(store.steps(0)) == 1


def test_starts_tell_where_the_numbers_come_from(run):
    RunWriter.resume(run, CONFIG | {"n_rounds": 9}).close()
    with RunReader.open(run) as store:
        first, second = store.starts()
    assert first.time < second.time
    assert first.config == CONFIG | {"settings": {"learner": {"gamma": 0.8, "hidden": [4, 4]}}}
    assert second.config["n_rounds"] == 9
    assert first.provenance["packages"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"settings": {"learner": {"gamma": 0.9, "hidden": (4, 4)}}}, "settings.learner.gamma was 0.8, now 0.9"),
        ({"seed": 3}, "seed was 'missing', now 3"),
        ({"n_rounds": 4}, "n_rounds = 5, and cannot be resumed with 4"),
    ],
)
def test_resuming_with_another_configuration(run, change, named):
    with pytest.raises(IncompatibleRun, match=named):
        RunWriter.resume(run, CONFIG | change)
    RunWriter.resume(run, CONFIG).close()  # the lock was given back


def test_an_existing_run_is_not_written_over(run):
    before = (run / "run.sqlite").read_bytes()
    with pytest.raises(RunExists, match="already contains a run"):
        RunWriter.create(run, CONFIG)
    assert (run / "run.sqlite").read_bytes() == before


def test_a_directory_with_other_things_in_it(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunExists, match=r"not empty: it contains 'thesis.tex'"):
        RunWriter.create(tmp_path, CONFIG)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_creation_that_was_killed_is_no_run_and_no_obstacle(run, tmp_path):
    half = tmp_path / "half"
    half.mkdir()
    (half / "run.lock").write_text("1")
    shutil.copy(run / "run.sqlite", half / "run.sqlite.new")
    (half / "run.sqlite.new-journal").write_bytes(b"half")
    with pytest.raises(NoRun):
        RunReader.open(half)
    with RunWriter.create(half, CONFIG) as store:
        assert store.steps(0) == ()


def test_a_creation_killed_at_its_last_breath_leaves_a_run_that_can_be_read(tmp_path, monkeypatch):
    """From the moment the file is there, it is in write-ahead logging: a switch later, if killed, locks readers out."""

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(mereq.store.database.Database, "_opened", killed)
    with pytest.raises(KeyboardInterrupt):
        RunWriter.create(tmp_path / "run", CONFIG)
    monkeypatch.undo()
    assert (tmp_path / "run" / RUN.file).read_bytes()[18:20] == b"\x02\x02"  # the file format's mark of it
    with RunReader.open(tmp_path / "run") as store:
        assert len(store.starts()) == 1


def test_no_run(tmp_path):
    for verb in (lambda: RunReader.open(tmp_path / "no"), lambda: RunWriter.resume(tmp_path / "no", CONFIG)):
        with pytest.raises(NoRun, match="no run in"):
            verb()
    assert not (tmp_path / "no").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/run"):
        with pytest.raises(CannotWrite, match="Cannot write to"):
            RunWriter.create(tmp_path / place, CONFIG)


def test_a_run_of_another_version(run, monkeypatch):
    monkeypatch.setattr(mereq.store.database, "__version__", "0.3.3")
    for verb in (lambda: RunReader.open(run), lambda: RunWriter.resume(run, CONFIG)):
        with pytest.raises(IncompatibleRun, match=r"recorded by mereq 0\.2\.\d+; this is mereq 0\.3\.3"):
            verb()
    monkeypatch.setattr(mereq.store.database, "__version__", "0.2.99")
    RunWriter.resume(run, CONFIG).close()


def test_a_run_of_another_format(run):
    with sqlite3.connect(run / "run.sqlite") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(IncompatibleRun, match="in format 7"):
        RunReader.open(run)


def test_one_writer_and_many_readers(run):
    with RunWriter.resume(run, CONFIG) as writer:
        with pytest.raises(CannotWrite, match="Another process is recording"):
            RunWriter.resume(run, CONFIG)
        with RunReader.open(run) as reader, RunReader.open(run) as another:
            for number in range(15, 20):
                writer.add_step(step(number))
                assert len(reader.steps(0)) == len(another.steps(0)) == number + 1
            assert not hasattr(reader, "add_step")
    RunWriter.resume(run, CONFIG).close()


def test_reading_while_a_run_goes_on(tmp_path):
    with RunWriter.create(tmp_path / "run", config(ROUNDS)) as writer, RunReader.open(tmp_path / "run") as reader:
        stream = record(corridor_events(ROUNDS), writer)
        assert reader.rounds() == []
        list(itertools.islice(stream, 44 + 5))
        assert [row.index for row in reader.rounds()] == [0]
        assert len(reader.steps(1)) == 5
        reader.policy(0, PRIOR)
        with pytest.raises(UnknownName, match=r"no finished round called '1'\. Known: 0"):
            reader.policy(1, PRIOR)
        with pytest.raises(UnknownName, match="no recorded round called '2'"):
            reader.rollout(2)


def test_a_resumed_writer_stands_where_the_record_ends(run):
    with RunWriter.resume(run, CONFIG) as store:
        assert [len(steps) for steps in store.start.recorded] == [15]
        store.add_step(step(15))
        assert len(store.steps(0)) == 16


@pytest.mark.parametrize("damage", ["garbage", "emptied", "cut", "header"])
def test_a_damaged_record(run, damage):
    file = run / "run.sqlite"
    content = file.read_bytes()
    damaged = {"garbage": b"x" * 5000, "emptied": b"", "cut": content[:9000], "header": b"x" + content[1:]}[damage]
    file.write_bytes(damaged)
    with pytest.raises(CorruptCheckpoint, match=r"run\.sqlite, is damaged"), RunReader.open(run) as store:
        store.steps(0)
    with pytest.raises(CorruptCheckpoint):
        RunWriter.resume(run, CONFIG)
    assert file.read_bytes() == damaged


def test_damage_anywhere_in_the_record_is_noticed(run):
    """Flipped bits: what is read is what was written, or it is a sentence."""
    file = run / "run.sqlite"
    content = file.read_bytes()

    def everything():
        with RunReader.open(run) as store:
            return [store.database.rows(table) for table in RUN.tables], str(store.starts()), str(store.steps(0))

    whole, noticed, chance = everything(), 0, random.Random(0)
    written = [at for at, byte in enumerate(content) if byte]
    for at in chance.sample(written, 100):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        try:
            assert everything() == whole
        except (CorruptCheckpoint, IncompatibleRun, CannotWrite):
            noticed += 1
    assert noticed > 60
