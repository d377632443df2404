"""A run's log says what happened when; it never keeps a run from being recorded."""

import logging
from contextlib import closing

import pytest

from mereq.alignment.algorithm import Round
from mereq.core.errors import RobotLost
from mereq.runs.run import create, resume, run
from mereq.runs.spec import RunSpec
from mereq.store.run_log import LOG, logged

QUICK = {"rollout_steps": 30, "training_steps": 100, "inference": {"max_updates": 2, "sample_length": 100}}


def spec(rounds: int) -> RunSpec:
    return RunSpec.named(task="highway", n_rounds=rounds).changed({"settings": QUICK})


def test_rounds_and_ends_are_logged(tmp_path):
    with create(spec(1), tmp_path / "run") as writer:
        rounds = [event for event in run(spec(1), writer) if isinstance(event, Round)]
    text = (tmp_path / "run" / LOG).read_text()
    assert "INFO mereq on highway, preset fast, seed 0: a new run\n" in text
    assert f"round 0: intervention rate {rounds[0].intervention_rate:.4f}, theta (" in text
    assert text.endswith("INFO finished\n")
    with resume(spec(2), tmp_path / "run") as writer, closing(run(spec(2), writer)) as events:
        next(events)
    after = (tmp_path / "run" / LOG).read_text().removeprefix(text)
    assert "1 rounds are recorded" in after
    assert "stopped by GeneratorExit" in after
    assert logging.getLogger("mereq").handlers == []


def test_an_exception_is_logged_with_its_traceback(tmp_path):
    class Broken:
        def begin_episode(self, seed):
            raise RobotLost("the cable is out")

        def decide(self, context):
            raise AssertionError

    with create(spec(1), tmp_path / "run") as writer, pytest.raises(RobotLost):
        list(run(spec(1), writer, Broken()))
    text = (tmp_path / "run" / LOG).read_text()
    assert "ERROR stopped by RobotLost: the cable is out\nTraceback" in text


def test_what_a_message_quotes_cannot_act_on_a_terminal_or_make_lines(tmp_path):
    def fail():
        logging.getLogger("mereq").warning("title: %s", "a\x1b[2J\r\n2026-01-01 INFO finished\u202e")
        raise ValueError("cleared \x1b[2J\nnext")

    with pytest.raises(ValueError, match="cleared"), logged(tmp_path):
        fail()
    text = (tmp_path / LOG).read_text()
    first, second, *_ = text.splitlines()
    assert first.endswith(r"WARNING title: a\x1b[2J\r\n2026-01-01 INFO finished\u202e")
    assert second.endswith(r"ERROR stopped by ValueError: cleared \x1b[2J\nnext")
    assert not {"\x1b", "\r", "\u202e"} & set(text)


def test_a_log_that_cannot_be_written_is_left_out(tmp_path):
    with create(spec(1), tmp_path / "run") as writer:
        (tmp_path / "run" / LOG).mkdir()
        assert list(run(spec(1), writer))
