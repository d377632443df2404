"""Alg. 1, l. 3: a supervised rollout records everything, and resumes exactly where it was interrupted."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.core.errors import NonFiniteFeatures, WrongTask
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Decision
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks.corridor import FORWARD, SWITCH, TASK, WAIT, Corridor
from toys import EXPERT, POLICY, NeverTakesOver, always, one_hot

pytestmark = pytest.mark.paper("Alg. 1, l. 3 supervised rollout")

N_STEPS = 70
PRIOR = LogitsPolicy(lambda obs: np.tile([2.0, 0.0, -2.0], (len(obs), 1)), 3)  # always walks on
# on the left: walk on, but wait in cell 3; on the right: switch at first, walk on later
WALK, SWITCH_OVER, STAY = [2.0, -1.0, 0.0], [0.0, 3.0, 0.0], [0.0, -1.0, 2.0]
TABLE = np.array([WALK, WALK, WALK, STAY, WALK, WALK, *[SWITCH_OVER] * 3, *[WALK] * 3])
EXPERT_POLICY = LogitsPolicy(lambda obs: obs @ TABLE, 3)


def expert() -> DivergenceExpert:
    return DivergenceExpert(EXPERT_POLICY, divergence_rule(upper=1.2, lower=1.0))


def record(supervisor, n_steps=N_STEPS, *, policy=PRIOR, recorded=(), environment=None):
    environment = environment or Corridor(horizon=11, slip=0.3)
    return list(
        supervise(
            environment,
            always(policy),
            supervisor,
            n_steps,
            episode_seed=lambda k: 100 + k,
            task=TASK,
            recorded=recorded,
        )
    )


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def uninterrupted():
    return record(expert())


def test_the_rollout_under_test_has_everything(uninterrupted):
    """Both controllers, terminations, truncations, an intervention across a cut: else the tests below say little."""
    assert {s.controller for s in uninterrupted} == {POLICY, EXPERT}
    assert any(s.terminated for s in uninterrupted)
    assert any(s.truncated and not s.terminated for s in uninterrupted)
    assert len(uninterrupted) == N_STEPS


def test_steps_follow_each_other(uninterrupted):
    """Each step starts where the last one led; after an end the next episode starts from its own seed at step 0."""
    for before, after in itertools.pairwise(uninterrupted):
        if before.terminated or before.truncated:
            assert (after.episode, after.step) == (before.episode + 1, 0)
            np.testing.assert_array_equal(after.obs, Corridor().reset(seed=100 + after.episode)[0])
        else:
            assert (after.episode, after.step) == (before.episode, before.step + 1)
            np.testing.assert_array_equal(after.obs, before.next_obs)


def test_what_was_executed_is_what_the_controller_wanted(uninterrupted):
    """Policy steps execute the policy's most probable action, expert steps the expert's; both are recorded."""
    for step in uninterrupted:
        assert step.proposed == FORWARD == PRIOR.distribution(step.obs[None]).mode()[0]
        wanted = step.proposed if step.controller is POLICY else EXPERT_POLICY.distribution(step.obs[None]).mode()[0]
        assert step.executed == wanted


def test_what_was_executed_is_what_happened(uninterrupted):
    """Features and observations are those of the executed actions: the episodes are run again by hand."""
    environment = Corridor(horizon=11, slip=0.3)
    for step in uninterrupted:
        if step.step == 0:
            environment.reset(seed=100 + step.episode)
        next_obs, _, terminated, truncated, info = environment.step(int(step.executed))
        np.testing.assert_array_equal(step.next_obs, next_obs)
        np.testing.assert_array_equal(step.features, info["features"])
        assert (step.terminated, step.truncated) == (terminated, truncated)


@pytest.mark.parametrize("cut", range(N_STEPS + 1))
def test_an_interrupted_rollout_goes_on_exactly(uninterrupted, cut):
    """Cut anywhere, also within an intervention or between episodes: recorded steps + the rest = uninterrupted."""
    rest = record(expert(), recorded=uninterrupted[:cut])
    assert len(rest) == N_STEPS - cut
    assert all(same(one, other) for one, other in zip(rest, uninterrupted[cut:], strict=True))


def test_what_was_recorded_is_executed_again_even_if_the_policy_would_not(uninterrupted):
    """The unfinished episode is restored by its recorded actions, never by asking the policy again."""
    cut = next(i for i, s in enumerate(uninterrupted) if s.step == 4)
    waiting = LogitsPolicy(lambda obs: np.tile([0.0, 0.0, 5.0], (len(obs), 1)), 3)
    first, *_ = record(NeverTakesOver(), policy=waiting, recorded=uninterrupted[:cut])
    np.testing.assert_array_equal(first.obs, uninterrupted[cut].obs)
    assert (first.step, first.executed) == (4, WAIT)


def test_an_episode_that_is_not_repeated_stays_cut(uninterrupted, caplog):
    """The environment slips elsewhere: what was recorded is kept, and a new episode starts."""
    cut = next(i for i, s in enumerate(uninterrupted) if s.step == 4 and s.episode == 1)
    never = [s._replace(obs=s.obs + (s.step == 2)) for s in uninterrupted[:cut]]
    first, *_ = record(expert(), recorded=never)
    assert (first.episode, first.step) == (2, 0)
    assert "did not repeat the unfinished episode (step 2 differs" in caplog.text


class Person(NeverTakesOver):
    """Takes over when they like, and does not remember why."""

    def __init__(self, whims):
        self.whims, self.asked = iter(whims), []

    def decide(self, context) -> Decision:
        if context.recorded_decision:
            return context.recorded_decision
        self.asked.append(context.step)
        return next(self.whims)


@pytest.mark.parametrize("retracts", [-1, "last", 0.5, None])
def test_what_is_taken_back_is_a_number(retracts):
    with pytest.raises(WrongTask, match="k-th last intervention"):
        record(Person([Decision(POLICY, 0, retracts)]), 1)


@pytest.mark.parametrize("cut", [0, 3, 4, 9, 16])
def test_what_was_recorded_is_not_decided_again(cut):
    """A person is not asked about recorded steps, and what they decided then stays, mistakes included."""
    whims = [Decision(EXPERT if i % 3 else POLICY, i % 2, retracts=2 * (i % 5 == 4)) for i in range(20)]
    straight = record(Person(whims), 20)
    assert [Decision(s.controller, s.executed, s.retracts) for s in straight] == whims
    person = Person(whims[cut:])
    rest = record(person, 20, recorded=straight[:cut])
    assert all(same(one, other) for one, other in zip(rest, straight[cut:], strict=True))
    assert person.asked == [s.step for s in straight[cut:]]


def test_a_supervisor_sees_the_recorded_moments_again_with_what_was_decided(uninterrupted):
    """Only the unfinished episode is shown again, from its start: a rule restores its counts from it."""
    cut = next(i for i, s in enumerate(uninterrupted) if s.step == 4 and s.episode == 1)
    seen = []

    class Watching(NeverTakesOver):
        def decide(self, context) -> Decision:
            seen.append(context)
            return super().decide(context)

    record(Watching(), cut + 2, recorded=uninterrupted[:cut])
    assert [m.step for m in seen] == [0, 1, 2, 3, 4, 5]
    assert [m.recorded_decision for m in seen[4:]] == [None, None]
    for context, step in zip(seen, uninterrupted[cut - 4 :], strict=False):
        if context.recorded_decision:
            assert context.recorded_decision == Decision(step.controller, step.executed)


@given(st.integers(1, 30))
def test_as_many_steps_as_asked(n_steps):
    """A last episode that does not fit is cut, and is neither terminated nor truncated there by the cut."""
    steps = record(NeverTakesOver(), n_steps)
    assert len(steps) == n_steps
    by_the_corridor = record(NeverTakesOver(), n_steps + 1)[n_steps - 1]
    assert (steps[-1].terminated, steps[-1].truncated) == (by_the_corridor.terminated, by_the_corridor.truncated)


def test_steps_come_one_at_a_time():
    """The environment is stepped only when the next step is asked for: what was yielded can be stored first."""
    environment = Corridor(slip=0.0)
    steps = supervise(environment, always(PRIOR), NeverTakesOver(), 5, episode_seed=lambda k: k, task=TASK)
    for executed in range(1, 4):
        step = next(steps)
        assert step.step == executed - 1
        np.testing.assert_array_equal(environment._obs(), step.next_obs)


def test_steps_keep_their_own_arrays():
    """An environment may write into the same arrays at every step: what was recorded stays."""

    class Reusing(Corridor):
        shared_obs, shared_features = np.zeros(12, np.float32), np.zeros(3)

        def _obs(self):
            self.shared_obs[:] = super()._obs()
            return self.shared_obs

        def step(self, action):
            obs, reward, terminated, truncated, info = super().step(action)
            self.shared_features[:] = info["features"]
            return obs, reward, terminated, truncated, {"features": self.shared_features}

    expected = record(expert(), environment=Corridor(horizon=11, slip=0.3))
    assert all(
        same(one, other)
        for one, other in zip(record(expert(), environment=Reusing(horizon=11, slip=0.3)), expected, strict=True)
    )


def test_the_supervisor_sees_the_moment_before_the_step():
    """Its step of the episode, observation, proposal, and the report of the step before (none at a reset)."""
    seen = []

    class Watching(NeverTakesOver):
        def decide(self, context) -> Decision:
            seen.append(context)
            return super().decide(context)

    steps = record(Watching(), 25)
    assert [m.step for m in seen] == [s.step for s in steps]
    for context, step, before in zip(seen, steps, [None, *steps], strict=False):
        np.testing.assert_array_equal(context.obs, step.obs)
        assert context.proposed == step.proposed
        if step.step:
            np.testing.assert_array_equal(context.info["features"], before.features)
        else:
            assert "features" not in context.info


def test_features_that_are_not_finite_stop_the_rollout():
    class Broken(Corridor):
        def step(self, action):
            obs, reward, terminated, truncated, info = super().step(action)
            features = info["features"]
            if self._time == 3:
                features[1] = np.nan
            return obs, reward, terminated, truncated, {"features": features}

    steps = supervise(Broken(), always(PRIOR), NeverTakesOver(), 9, episode_seed=lambda k: k, task=TASK)
    assert [next(steps).step for _ in range(2)] == [0, 1]
    with pytest.raises(NonFiniteFeatures, match="'left_side'"):
        next(steps)


def test_an_observation_is_one_hot():
    """What the tables of these tests rest on: cell = side * length + position."""
    environment = Corridor(slip=0.0)
    for seed in range(5):
        obs, _ = environment.reset(seed=seed)
        cell = obs.argmax()
        assert cell in (0, 6)
        np.testing.assert_array_equal(environment.step(SWITCH)[0], one_hot((cell + 6) % 12, 12))
        np.testing.assert_array_equal(environment.step(FORWARD)[0], one_hot((cell + 6) % 12 + 1, 12))
