"""Fit, missing features and clips of a recorded run of Highway-Sim, as the commands give them."""

import json

import pytest

from mereq.commands.features import features_report
from mereq.commands.fit import unexplained_clips
from mereq.commands.show import FIGURES, run_report
from mereq.core.errors import CannotLoad, WrongValue
from mereq.irl.candidates import Candidate
from mereq.runs.inference import RecordedInference
from mereq.runs.run import create, run
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader

OWN = [Candidate(f"own {i}", lambda moves, i=i: moves.obs[:, i]) for i in range(2)]  # named on the command line


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run of 24 episodes, in which the first policies are far from the wish."""
    directory = tmp_path_factory.mktemp("run")
    spec = RunSpec.named(task="highway", method="mereq-bayes", seed=1, n_rounds=1, own_rate_steps=0)
    spec = spec.changed({"settings": {"rollout_steps": 960}})
    with create(spec, directory / "run") as writer:
        list(run(spec, writer))
    return directory / "run", run_report(directory / "run")["fit"]


def test_the_fit_and_the_missing_features_of_a_run(recorded):
    directory, fit = recorded
    found = json.loads(json.dumps(features_report(directory, candidates=f"{__file__}:OWN")))
    assert json.loads(json.dumps(fit)) == found["fit"]
    assert found["interventions"] == fit["interventions"] >= 2
    assert fit["log_likelihood"]["theta"] > fit["log_likelihood"]["prior"]
    assert 0.0 <= fit["interval"][0] <= fit["share"] <= fit["interval"][1] <= 1.0
    assert found["offered"] == []
    assert found["candidates"] > 50
    with pytest.raises(CannotLoad, match="is no sequence of candidates"):
        features_report(directory, candidates=f"{__file__}:FIGURES")


def test_clips_are_made_of_what_is_explained_worst(recorded):
    directory, fit = recorded
    with RunReader.open(directory) as reader:
        inference = RecordedInference.of(reader)
    (directory / FIGURES).mkdir(exist_ok=True)
    one = fit | {"worst": fit["worst"][:1]}
    (clip,) = unexplained_clips(inference, one, inference.improver.policy, directory, FIGURES)
    assert clip.stat().st_size > 10_000
    inference.log.rollouts[0].obs[:] += 1.0  # a record whose episodes the simulator does not repeat
    assert unexplained_clips(inference, one, inference.improver.policy, directory, FIGURES) == []


def test_other_methods_have_no_fit(tmp_path):
    spec = RunSpec.named(task="highway", n_rounds=1)
    with create(spec, tmp_path / "run"):
        pass
    assert run_report(tmp_path / "run")["fit"] is None
    with pytest.raises(WrongValue, match="was not made with --method mereq-bayes"):
        features_report(tmp_path / "run")
