"""`mereq study` on the real highway, from its file to its table."""

import re

import pytest

from mereq.studies.study_store import StudyStore

STUDY = """
title = "Tiny"
tasks = ["highway"]
methods = ["mereq"]
presets = ["fast"]
seeds = [5, 6]
rounds = 1

[variants.small.settings]
rollout_steps = 120
training_steps = 100
inference = { max_updates = 2, sample_length = 250 }
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "tiny.toml").write_text(STUDY)
    return tmp_path / "tiny.toml"


def test_a_study_fails_is_mended_ends_and_has_nothing_left_to_do(mereq, file, tmp_path):
    """The first run fails, and the other one goes on."""
    out = tmp_path / "study"
    blocked = out / "runs" / "highway-mereq-fast-small-5"
    blocked.mkdir(parents=True)
    (blocked / "thesis.tex").write_text("")
    status, table, told = mereq("study", file, "--out", out, "--workers", "1")
    assert status == 1
    assert "highway-mereq-fast-small-5 failed: " in told
    assert "is not empty: it contains 'thesis.tex'" in " ".join(told.split())
    assert "1 of the runs failed. Start the study again" in told
    assert re.search(r"^\| MEReQ, small \| 1/2 ", table, re.MULTILINE)
    assert "Traceback" in (out / "runs" / "highway-mereq-fast-small-5.failed.txt").read_text()

    (blocked / "thesis.tex").unlink()
    status, table, told = mereq("study", file, "--out", out, "--workers", "1")
    assert status == 0
    assert re.search(r"highway, mereq, fast, small, seed 5: rate 0\.\d{3} -> 0\.\d{3}, \d+ expert samples, \d+ s", told)
    assert "seed 6" not in told
    assert re.search(r"^\| MEReQ, small \| 2/2 +\| 0\.\d{3} \(\d\.\d{3}\) ", table, re.MULTILINE)
    assert "samples to 0.05" in table
    assert not (out / "runs" / "highway-mereq-fast-small-5.failed.txt").exists()

    status, again, told = mereq("study", file, "--out", out)
    assert (status, again) == (0, table)
    assert "2 runs, 2 of them finished" in told
    with StudyStore.open(out) as store:
        assert [run.seed for run in store.runs()] == [5, 6]
        assert len(store.database.rows("study")) == 2

    status, shown, _ = mereq("show", out / "runs" / "highway-mereq-fast-small-6", "--json")
    assert (status, '"seed": 6' in shown) == (0, True)


def test_the_shipped_studies_are_listed(mereq):
    status, out, _ = mereq("study")
    assert status == 0
    assert all(name in out for name in ("highway", "kappa", "thresholds"))
    assert mereq("study", "--list")[1] == out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["lowway"],
            "no study called 'lowway'. Known: acting, acting-arm, benchmark-arm, benchmark-highway, ",
        ),
        (["mine.toml"], "mine.toml: No such file"),
        (["highway", "--workers", "0"], "--workers is 0, and must be at least 1"),
        (["highway", "--address", "10.0.0.1:6379"], "--address needs --engine ray"),
    ],
)
def test_a_mistake_is_a_sentence_and_status_2(mereq, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, told = mereq("study", *words)
    assert (status, out) == (2, "")
    assert sentence in " ".join(told.split())
    assert list(tmp_path.iterdir()) == []
