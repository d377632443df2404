"""All methods on the arm, end to end, in miniature: recorded, interrupted, gone on with, shown."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from mereq.core.distribution import SquashedGaussian
from mereq.presets.methods import METHODS
from mereq.runs.policies import policy_of
from mereq.runs.recorded import load_method_policy
from mereq.runs.run import config_of
from mereq.runs.run import run as run_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.comparing import differences

SMALL = {
    "rollout_steps": 120,
    "training_steps": 100,
    "cloning_updates": 50,
    "inference": {"max_updates": 2, "sample_length": 100, "sample_envs": 4},
    "learner": {"hidden": [16, 16]},
    "schedule": {"n_envs": 5, "chunk": 50, "batch_size": 16},
    "warm_start": {"steps": 200, "updates": 50, "kept": 100},
    "cloning": {"hidden": [16, 16], "batch_size": 16},
    "takeovers": {"updates": 50},
    "coherent": {"training_steps": 50},
    "posterior": {"draws": 128},
    "gates": {"updates": 50, "members": 2},
}


def small(method: str, task: str = "erasing", n_rounds: int = 2) -> RunSpec:
    own = None if method == "mereq-bayes" else 0  # supervised steps of own rates; its variants measure none
    how = {"seed": 3, "n_rounds": n_rounds, "rate_threshold": 0.0, "own_rate_steps": own}
    named = RunSpec.named(task=task, method=method, preset="fast", **how)
    return named.changed({"settings": SMALL})


def run(spec: RunSpec, directory) -> None:
    with RunWriter.create(directory, config_of(spec)) as store:
        list(run_of(spec, store))


@pytest.fixture(scope="module")
def of_mereq(tmp_path_factory):
    """A run of MEReQ that was never interrupted."""
    directory = tmp_path_factory.mktemp("mereq") / "run"
    run(small("mereq"), directory)
    return directory


@pytest.mark.parametrize("method", [name for name in METHODS if name != "thrifty-dagger"])  # as aim, but for its gate
def test_every_method_runs_and_its_policy_can_be_used(of_mereq, tmp_path, method):
    directory = of_mereq if method == "mereq" else tmp_path
    if directory is tmp_path:
        run(small(method), directory)
    with RunReader.open(directory) as store:
        rounds = store.rounds()
        task, prior, policy = load_method_policy(store, 1)
        rollout = store.rollout(1)
    assert len(rounds) == 2
    assert rollout.executed.dtype == np.float32
    assert (np.abs(rollout.executed) <= 1.0).all()
    distribution = policy.distribution(rollout.obs)
    assert isinstance(distribution, SquashedGaussian)
    assert np.isfinite(distribution.parameters).all()
    assert np.abs(distribution.mode() - prior.distribution(rollout.obs).mode()).max() > 1e-6  # it has learned something
    assert len(task.feature_names) == rollout.features.shape[1]


@pytest.mark.parametrize(("task", "method"), [("bottle-pushing", "mereq"), ("pillow-grasping", "hg-dagger-ft")])
def test_the_other_tasks_run_too(tmp_path, task, method):
    run(small(method, task, n_rounds=1), tmp_path)
    with RunReader.open(tmp_path) as store:
        _, prior, policy = load_method_policy(store, 0)
        rollout, rounds = store.rollout(0), store.rounds()
    assert len(rounds) == 1
    assert rounds[0].expert_steps == rollout.by_expert.sum() > 0
    assert np.isfinite(policy.distribution(rollout.obs).parameters).all()
    assert np.abs(policy.distribution(rollout.obs).mode() - prior.distribution(rollout.obs).mode()).max() > 1e-6


def test_the_first_rollout_of_mereq_is_the_priors(of_mereq):
    with RunReader.open(of_mereq) as store:
        rollout = store.rollout(0)
        _, prior, _ = load_method_policy(store, 0)
    np.testing.assert_allclose(rollout.proposed, prior.distribution(rollout.obs).mode(), atol=1e-6)


def test_an_interrupted_run_ends_as_one_left_in_peace(of_mereq, tmp_path):
    spec = small("mereq")
    with RunWriter.create(tmp_path / "broken", config_of(spec)) as store:
        list(islice(run_of(spec, store), 160))  # in an episode of the second round
    with RunWriter.resume(tmp_path / "broken", config_of(spec)) as store:
        list(run_of(spec, store))
    with RunReader.open(of_mereq) as left, RunReader.open(tmp_path / "broken") as right:
        assert differences(left, right) == []


def test_noise_on_the_experts_actions_is_executed(of_mereq, tmp_path):
    spec = replace(small("mereq", n_rounds=1), noise=1.0)
    run(spec, tmp_path)
    with RunReader.open(of_mereq) as clean, RunReader.open(tmp_path) as noisy:
        before, after = clean.rollout(0), noisy.rollout(0)
        expert = policy_of(spec, "expert")
    slips = after.executed - expert.distribution(after.obs).mode()
    inside = after.by_expert[:, None] & (np.abs(after.executed) < 1.0)
    assert 0.05 < slips[inside].std() < 0.15
    by_policy = ~after.by_expert
    np.testing.assert_array_equal(after.executed[by_policy], after.proposed[by_policy])
    assert before.by_expert.any()
