"""A prior that sees pictures, aligned by a learner that sees the task's state: pictures are neither kept nor stored."""

import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from gates import GATES, PRIOR, TASK, to_the_goal
from light_environments import SIDE, SPACE, Gates, gates_features
from mereq.alignment.check import check_task
from mereq.alignment.imitation_learning import IWR_FT
from mereq.alignment.inverse_rl import MEREQ, RewardImprover
from mereq.core.actions import Box
from mereq.core.distribution import WeightedSamples
from mereq.core.errors import WrongPolicyOutput, WrongRobot, WrongTask
from mereq.core.function_policies import ClippedGaussianPolicy, SampledPolicy
from mereq.core.policy import LogitsPolicy
from mereq.core.seen_prior import RAW
from mereq.evaluation.rollouts import evaluate
from mereq.exports import export
from mereq.exports.recording import read_runs
from mereq.presets.align import align
from mereq.presets.registry import find_task
from mereq.runs.policies import open_policy
from mereq.runs.recorded import load_method_policy, load_supervised_policy
from mereq.runs.robots import robot_of
from mereq.runs.run import create, resume, run
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader
from mereq.tasks.gymnasium_task import task_from_gymnasium
from mereq.tasks.state import StateOf, on_parts
from sb3_files import FOLDER
from strangers import Stranger

FAST = GATES.settings["fast"]
SMALL = replace(
    FAST, rollout_steps=80, training_steps=200, replay_capacity=1000, inference=replace(FAST.inference, max_updates=3)
)

LONGER = replace(SMALL, inference=replace(SMALL.inference, max_updates=10))


def test_a_state_is_made_of_parts_or_by_a_function():
    obs = Gates().reset(seed=0)[0]
    flat = np.asarray(spaces.flatten(SPACE, obs), np.float32)
    np.testing.assert_array_equal(StateOf.of(("position",), SPACE, "t")(obs, flat), obs["position"])
    twice = StateOf.of(lambda seen: np.repeat(seen["position"], 2), SPACE, "t")
    np.testing.assert_array_equal(twice(obs, flat), np.repeat(obs["position"], 2))
    assert twice.size == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (("speed",), r"state=\('speed',\); a state is made of parts .*\(camera, position\)"),
        ((), "parts"),
        (lambda obs: obs["camera"], r"shape \(42, 42, 3\)"),
    ],
)
def test_another_state_is_refused(state, words):
    with pytest.raises(WrongTask, match=words):
        task_from_gymnasium("gates", Gates, gates_features, ("right", "stay"), state=state)


def test_on_parts_gives_a_function_the_observation_back():
    rows = [Gates().reset(seed=seed)[0] for seed in (0, 1)]
    flat = np.stack([spaces.flatten(SPACE, row) for row in rows]).astype(np.float32)
    found = on_parts(lambda obs: obs, SPACE)(flat)
    assert found["camera"].dtype == np.uint8
    for key in SPACE:
        np.testing.assert_array_equal(found[key], np.stack([row[key] for row in rows]))


def test_the_policy_is_the_prior_of_the_picture():
    """The environment's answers lead to the distribution that the prior has at the whole observation."""
    task, prior = TASK.seen_by(PRIOR)
    assert (task.state_size, task.obs_size, TASK.obs_size) == (1, 4, 1)
    env, simulator = task.make(), task.simulate(3)
    obs, info = env.reset(seed=3)
    np.testing.assert_allclose(prior.distribution(obs[None]).log_probs, PRIOR.distribution(info[RAW][None]).log_probs)
    assert simulator.reset(0).shape == (3, 4)
    assert simulator.step(np.array([0, 1, 2])).next_obs.shape == (3, 4)


@pytest.mark.parametrize("family", ["clipped", "samples"])
def test_every_family_of_distributions_is_read_back(family):
    space = spaces.Box(-1, 1, (6,), np.float32)
    actions = Box(2, (-2.0, 0.0), (2.0, 1.0))

    class Noise(gym.Env):
        observation_space, action_space = space, spaces.Box(np.array([-2, 0], "f"), np.array([2, 1], "f"))

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self.np_random.uniform(-1, 1, 6).astype(np.float32), {}

        def step(self, action):
            return self.np_random.uniform(-1, 1, 6).astype(np.float32), 0.0, False, False, {}

    if family == "clipped":
        raw = ClippedGaussianPolicy(lambda obs: (obs[:, :2], obs[:, 2:4]), *actions.limits)
    else:
        raw = SampledPolicy(lambda obs, rng: obs[:, :2] * 0.1 + rng.random((len(obs), 2)) * 0.1, actions, n_samples=5)
    task = task_from_gymnasium("noise", Noise, lambda *_: np.zeros(1), ("a",), state=lambda obs: obs[:3])
    bound, prior = task.seen_by(raw)
    obs, info = bound.make().reset(seed=1)
    found, wanted = prior.distribution(obs[None]), raw.distribution(info[RAW][None])
    assert type(found) is type(wanted)
    np.testing.assert_array_equal(found.parameters, wanted.parameters)
    np.testing.assert_allclose(found.mode(), wanted.mode())
    if isinstance(found, WeightedSamples):
        assert found.actions.shape == (1, 5, 2)


def test_a_prior_that_answers_differently_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(WrongPolicyOutput, match="two different distributions for the same observation"):
        TASK.seen_by(LogitsPolicy(lambda obs: rng.normal(size=(len(obs), 3)), 3))


def test_the_replay_has_the_size_of_the_state():
    task, prior = TASK.seen_by(PRIOR)
    improver = MEREQ.start(task, prior, SMALL, seed=0)
    assert isinstance(improver, RewardImprover)
    columns = improver._training.replay.columns
    assert columns.obs.shape == columns.next_obs.shape == (1000, 1)
    assert columns.prior.shape == (1000, 3)
    assert sum(column.nbytes for column in columns) < 1000 * 50  # a picture has 21 kB as float32
    improver.close()
    memory = next(row for row in check_task(TASK, PRIOR, settings=SMALL) if row.what == "memory of the replay")
    assert memory.words.startswith("4.")
    assert memory.words.endswith("e-05 GB for 1,000 transitions")


def test_imitation_learns_from_states():
    rounds = list(align(TASK, PRIOR, GATES.make_supervisor(), IWR_FT, small_cloning(), n_rounds=1))
    policy = rounds[0].policy
    assert policy.distribution(np.zeros((2, 4), np.float32)).log_probs.shape == (2, 3)
    assert rounds[0].rollout.obs.shape == (80, 4)


def small_cloning():
    return replace(SMALL, warm_start=replace(SMALL.warm_start, steps=100, updates=50, kept=50), cloning_updates=50)


def test_a_run_is_aligned_recorded_resumed_evaluated_and_exported(tmp_path, monkeypatch):
    """From a file that names a prior on pictures to a dataset of states."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    file = tmp_path / "my_gates.py"
    file.write_text("from gates import GATES, PRIOR\n")
    find_task(f"{file}:GATES")
    spec = replace(RunSpec.named(task=f"{file}:GATES"), settings=LONGER, n_rounds=2, rate_threshold=0.0)
    with create(spec, tmp_path / "run") as writer:
        stream = run(spec, writer)
        steps = [next(stream) for _ in range(30)]  # the run is stopped in its first round
        stream.close()
    with resume(spec, tmp_path / "run") as writer:
        list(run(spec, writer))
    with RunReader.open(tmp_path / "run") as reader:
        rollout = reader.rollout(0)
        np.testing.assert_array_equal(rollout.obs[:30], np.stack([step.obs for step in steps]))
        rates = [row.intervention_rate for row in reader.rounds()]
        task, prior, policy = load_method_policy(reader, 1)
        first = load_supervised_policy(reader, 0)
    assert rates[0] > 0.05
    wanted = prior.distribution(rollout.obs).parameters
    np.testing.assert_allclose(first.distribution(rollout.obs).parameters, wanted, atol=1e-6)
    assert evaluate(policy, task.simulate(2), seed=0).features.shape == (80, 2)
    before, after = (np.exp(each.distribution(rollout.obs).parameters)[:, 2].mean() for each in (prior, policy))
    assert after < before  # goes to the right less often
    assert all(episode.rollout.obs.shape[1] == 1 for episode in read_runs([tmp_path / "run"]).episodes())
    export(read_runs([tmp_path / "run"]), "csv", tmp_path / "csv")
    size = sum(file.stat().st_size for file in (tmp_path / "run").rglob("*") if file.suffix in (".sqlite", ".npz"))
    assert size < 160 * SIDE * SIDE * 3  # less than its pictures


def test_a_robot_is_refused():
    with pytest.raises(WrongRobot, match="sees raw observations"):
        robot_of("perturbed", GATES)


def test_the_prior_gets_whole_pictures():
    shapes = set()

    def looked(obs):
        shapes.add((obs["camera"].shape, obs["camera"].dtype))
        return to_the_goal(obs)

    task, _ = TASK.seen_by(LogitsPolicy(on_parts(looked, SPACE), 3))
    task.make().reset(seed=0)
    assert shapes == {((1, SIDE, SIDE, 3), np.dtype(np.uint8))}


def test_a_zip_that_sees_more_than_the_learner_is_opened_in_a_file_of_one_s_own():
    """As `--prior` opens it."""
    known = np.load(FOLDER / "dqn.npz")
    n_seen, n_actions = known["obs"].shape[1], known["q"].shape[1]
    sees = spaces.Dict({"rest": spaces.Box(-1, 1, (1,)), "seen": spaces.Box(-1, 1, (n_seen - 1,))})
    first = {name: space.sample() for name, space in sees.spaces.items()}

    def make():
        return Stranger(first=first, obs_space=sees, action_space=spaces.Discrete(n_actions))

    task = task_from_gymnasium("more", make, lambda *step: np.zeros(1), ("a",), state=("seen",))
    assert task.state_size == n_seen - 1
    assert open_policy(FOLDER / "dqn.zip", task).distribution(known["obs"][:3]).mode().shape == (3,)
