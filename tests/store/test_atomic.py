"""Files and folders that are whole or not there; exports and Ray's workers write through these."""

import os
import shutil
from pathlib import Path

import pytest

from mereq.core.errors import CannotWrite
from mereq.store.atomic import replace_file, replaced_folder
from mereq.store.locks import WriterLock
from mereq.studies.ray_engine import packed, unpack


def test_a_file_is_replaced_whole(tmp_path):
    replace_file(tmp_path / "file", b"one")
    replace_file(tmp_path / "file", b"two")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"two"}


def test_a_failed_replacement_leaves_the_old_file(tmp_path, monkeypatch):
    replace_file(tmp_path / "file", b"one")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(tmp_path / "file", b"two")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"one"}


@pytest.mark.parametrize("mishap", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path, there, mishap):
    out = tmp_path / "out"
    if there:
        with replaced_folder(out) as folder:
            (folder / "old").write_text("1")
    refused = CannotWrite if isinstance(mishap, OSError) else KeyboardInterrupt

    def interrupted():
        with replaced_folder(out) as folder:
            (folder / "new").write_text("2")
            raise mishap

    with pytest.raises(refused):
        interrupted()
    assert [path.name for path in tmp_path.rglob("*")] == (["out", "old"] if there else [])
    with replaced_folder(out) as folder:
        assert folder.name == "out"
        (folder / "new").write_text("2")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "out.unfinished/out").mkdir(parents=True)
    with replaced_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_set_aside_by_a_killed_process_is_put_back(tmp_path):
    (tmp_path / "out.replaced").mkdir()
    (tmp_path / "out.replaced/old").write_text("1")

    def refused():
        raise CannotWrite("occupied" if (tmp_path / "out/old").exists() else "lost")

    with pytest.raises(CannotWrite, match="occupied"), replaced_folder(tmp_path / "out", refused):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_a_folder_that_cannot_be_exchanged_keeps_its_content(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").write_text("1")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotWrite), replaced_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_two_writers_of_one_folder(tmp_path):
    with replaced_folder(tmp_path / "out") as folder:
        (folder / "first").write_text("1")
        with pytest.raises(CannotWrite, match="Another process is writing"), replaced_folder(tmp_path / "out"):
            pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "first"]


def test_a_lock_that_its_owner_removes_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    """The second process opens the lock's file before the first one removes it, and locks it afterwards."""
    acquire, removed = WriterLock.acquire, []

    def late(file, what):
        lock = acquire(file, what)
        if not removed:
            removed.append(shutil.rmtree(file.parent))
        return lock

    monkeypatch.setattr(WriterLock, "acquire", late)
    with replaced_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("1")
        assert (folder.parent / "lock").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "file"]


def test_a_link_that_has_the_name_of_an_unfinished_folder_is_removed(tmp_path):
    (tmp_path / "important").mkdir()
    (tmp_path / "important/file").write_text("1")
    (tmp_path / "out.unfinished").symlink_to("important")
    with replaced_folder(tmp_path / "out"):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "important", "out"]


def test_a_run_from_another_machine_takes_the_place_of_the_one_here(tmp_path):
    files = {"run.sqlite": b"rows", "checkpoints/policy-0000.json": b"{}"}
    for _ in range(2):
        unpack(files, tmp_path / "run")
        assert packed(tmp_path / "run") == files
    with pytest.raises(CannotWrite, match=r"'\.\./other', which is outside of the run"):
        unpack({"../other": b""}, tmp_path / "run")
    assert packed(tmp_path / "run") == files
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
