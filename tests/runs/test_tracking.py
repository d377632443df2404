"""Curves of a run: TensorBoard's own reader finds what the events said; a tracker that fails ends no run."""

import logging

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mereq.alignment.algorithm import Round
from mereq.alignment.method import Progress
from mereq.core.errors import MissingPackage, UnknownName
from mereq.core.policy import LogitsPolicy
from mereq.runs import tracking
from mereq.runs.tracking import TensorBoard, require_tracker, tracked
from toys import rollout

PRIOR = LogitsPolicy(lambda obs: np.zeros((len(obs), 2)), 2)


def stream():
    for index, theta in enumerate((0.5, 1.5)):
        for step in range(2):
            yield Progress(step, 4, np.array([theta]), np.array([3.0]), float("nan") if step == 0 else theta / 2)
        yield Round(index, rollout([1, 0, 0, 0]), 7 + index, False, np.array([theta]), PRIOR, (), 0.25, dict)


def test_tensorboard_reads_the_curves_back(tmp_path):
    events = list(tracked(stream(), TensorBoard(tmp_path), ("speed",)))
    assert len(events) == 6
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    curves = {tag: [(point.step, point.value) for point in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    assert curves == {
        "round/intervention_rate": [(0, 0.25), (1, 0.25)],
        "round/expert_samples": [(0, 7.0), (1, 8.0)],
        "round/seconds_waited": [(0, 0.25), (1, 0.25)],
        "round/theta/speed": [(0, 0.5), (1, 1.5)],
        "update/loss": [(1, 0.25), (5, 0.75)],
        "update/gradient_norm": [(0, 3.0), (1, 3.0), (4, 3.0), (5, 3.0)],
    }


def test_a_tracker_that_fails_ends_no_run(caplog):
    class Broken:
        closed = False

        def log(self, *_):
            raise OSError("no space left")

        def close(self):
            self.closed = True

    tracker = Broken()
    with caplog.at_level(logging.WARNING, "mereq"):
        assert len(list(tracked(stream(), tracker, ("speed",)))) == 6
    assert [record.getMessage() for record in caplog.records] == [
        "the tracker failed, and gets nothing more: OSError: no space left"
    ]
    assert tracker.closed


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"pip install 'mereq\[wandb\]'"):
        require_tracker("wandb")
    with pytest.raises(UnknownName, match="tracker called 'paper'"):
        require_tracker("paper")
