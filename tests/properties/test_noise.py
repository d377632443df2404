"""Noisy interventions: the expert's actions slip now and then, the policy's never, and control stays where it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from mereq.core.actions import Box, Discrete
from mereq.core.policy import LogitsPolicy
from mereq.core.seeding import episode_seed
from mereq.core.supervisor import Decision, DecisionContext
from mereq.interventions.rollout import Rollout
from mereq.supervision.noise import AddedNormal, Noisy, RandomOther, slips
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks.corridor import FORWARD, SWITCH, TASK, Corridor
from toys import EXPERT, POLICY, always

pytestmark = pytest.mark.paper("Table 5, noisy interventions", "Table 5, N(0, 0.1) on continuous actions")

N_STEPS = 120
PRIOR = LogitsPolicy(lambda obs: np.tile([2.0, 0.0, -2.0], (len(obs), 1)), 3)  # always walks on
TABLE = np.array([[2.0, -1.0, 0.0]] * 6 + [[0.0, 3.0, 0.0]] * 3 + [[2.0, -1.0, 0.0]] * 3)
EXPERT_POLICY = LogitsPolicy(lambda obs: obs @ TABLE, 3)  # at the near end of the right side it switches


def expert() -> DivergenceExpert:
    return DivergenceExpert(EXPERT_POLICY, divergence_rule(upper=1.2, lower=1.0))


def noisy(probability: float, supervisor=None, n_actions: int = 3) -> Noisy:
    return Noisy(supervisor or expert(), RandomOther(n_actions), probability=probability)


def record(supervisor, *, recorded=(), n_steps=N_STEPS) -> list:
    return list(
        supervise(
            Corridor(horizon=11, slip=0.3),
            always(PRIOR),
            supervisor,
            n_steps,
            episode_seed=lambda k: episode_seed(7, 0, k),
            task=TASK,
            recorded=recorded,
        )
    )


class Always:
    """Decides the same at every step."""

    def __init__(self, controller, action):
        self.decision, self.seeds = Decision(controller, action), []

    def begin_episode(self, seed) -> None:
        self.seeds.append(seed)

    def decide(self, context) -> Decision:
        return self.decision


MOMENT = DecisionContext(step=0, obs=np.zeros(2), proposed=0, info={})


def decisions(supervisor, n: int, *, seed: int = 0) -> list[Decision]:
    supervisor.begin_episode(seed)
    return [supervisor.decide(MOMENT) for _ in range(n)]


# ------------------------------------------------------------------------------------------------ what is disturbed


@given(st.integers(2, 9), st.data())
def test_another_action_all_equally_likely(n_actions, data):
    """Never the one that was meant; each other one with the same chance, within four deviations."""
    meant = data.draw(st.integers(0, n_actions - 1))
    rng, n = np.random.default_rng(0), 600
    taken = [int(RandomOther(n_actions)(meant, rng)) for _ in range(n)]
    times = np.bincount(taken, minlength=n_actions)
    assert len(times) == n_actions
    assert times[meant] == 0
    p = 1 / (n_actions - 1)
    assert (np.abs(np.delete(times, meant) / n - p) <= 4 * np.sqrt(p * (1 - p) / n)).all()


def test_the_papers_noise_for_each_kind_of_actions():
    """Table 5: N(0, 0.1) on continuous actions; our choice for finitely many."""
    assert slips(Box(3)) == AddedNormal(0.1)
    assert slips(Discrete(5)) == RandomOther(5)


def disturbed(action, n: int, *, std: float = 0.1) -> np.ndarray:
    """What becomes of n such actions, one after the other."""
    rng = np.random.default_rng(0)
    return np.array([AddedNormal(std)(np.array(action), rng) for _ in range(n)])


@pytest.mark.parametrize("std", [0.1, 0.02])
def test_normal_noise_is_added_to_each_coordinate(std):
    """Kolmogorov-Smirnov of 3000 draws, far from the limits; coordinates are disturbed independently."""
    action = np.array([0.3, 0.0, -0.4])
    noise = disturbed(action, 3000, std=std) - action
    for coordinate in noise.T:
        assert kstest(coordinate, norm(0.0, std).cdf).pvalue > 0.01
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.06


def test_what_sticks_out_is_cut_off():
    """At a limit half of the draws stay there; five hundredths before it, those beyond half a deviation."""
    n = 3000
    taken = disturbed([1.0, -1.0, 0.95], n)
    assert (np.abs(taken) <= 1.0).all()
    shares = (np.abs(taken) == 1.0).mean(axis=0)
    expected = np.array([0.5, 0.5, norm.sf(0.5)])
    np.testing.assert_array_less(np.abs(shares - expected), 4 * np.sqrt(expected * (1 - expected) / n))
    inside = taken[:, 2][taken[:, 2] < 1.0]
    truncated = norm(0.95, 0.1)
    assert kstest(inside, lambda a: truncated.cdf(a) / truncated.cdf(1.0)).pvalue > 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_disturbed_action_keeps_its_type_and_the_meant_one_its_values(dtype):
    action = np.array([0.5, -0.5], dtype)
    taken = AddedNormal(0.1)(action, np.random.default_rng(0))
    assert taken.dtype == dtype
    assert taken.shape == action.shape
    np.testing.assert_array_equal(action, np.array([0.5, -0.5], dtype))


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_as_many_expert_steps_as_promised(probability):
    """The paper's two shares, over 4000 steps; runs of disturbed steps are as long as coins make them."""
    n = 4000
    slips = np.array([d.action != 1 for d in decisions(noisy(probability, Always(EXPERT, 1)), n)])
    deviation = np.sqrt(probability * (1 - probability) / n)
    assert abs(slips.mean() - probability) < 4 * deviation
    both = (slips[1:] & slips[:-1]).mean()  # one step's slip says nothing of the next
    assert abs(both - probability**2) < 0.03


def test_probability_one_disturbs_every_expert_step_and_none_is_left():
    assert 1 not in {d.action for d in decisions(noisy(1.0, Always(EXPERT, 1)), 100)}


@pytest.mark.parametrize("probability", [0.3, 1.0])
def test_the_policys_steps_are_never_disturbed(probability):
    """Nor who is in control: the decisions come through as they are."""
    supervisor = Always(POLICY, 2)
    assert all(decision is supervisor.decision for decision in decisions(noisy(probability, supervisor), 100))


def test_the_controller_stays_who_it_was():
    """In every step of a rollout: beside a disturbed expert stands the same expert judging the same moments."""
    supervisor, beside = noisy(0.5), expert()

    class Witness:
        def begin_episode(self, seed):
            supervisor.begin_episode(seed)
            beside.begin_episode(seed)

        def decide(self, context) -> Decision:
            decision, calm = supervisor.decide(context), beside.decide(context)
            assert decision.controller is calm.controller
            slipped.append(decision.action != calm.action)
            assert decision.controller is EXPERT or not slipped[-1]
            return decision

    slipped: list[bool] = []
    rollout = Rollout.of(record(Witness()))
    assert 0 < sum(slipped) < rollout.expert_steps < len(rollout)


def test_a_slip_is_executed_and_recorded():
    """At the near end of the right side the expert means to switch: with noise 1 it does anything but that."""
    rollout = Rollout.of(record(noisy(1.0)))
    there = rollout.by_expert & np.isin(rollout.obs.argmax(axis=1), [6, 7, 8])
    assert there.sum() > 3
    assert SWITCH not in rollout.executed[there]
    assert set(rollout.executed[~rollout.by_expert]) == {FORWARD}
    np.testing.assert_array_equal(rollout.proposed, FORWARD)


# ------------------------------------------------------------------------------------------------------ repeatable


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_probability_zero_is_the_supervisor_itself():
    calm = record(expert())
    assert same(record(noisy(0.0)), calm)
    assert not same(record(noisy(0.2)), calm)


def test_the_noise_of_an_episode_follows_from_its_seed():
    """Whatever came before, and never from another episode's; the supervisor is told the same seeds."""
    supervisor = Always(EXPERT, 1)
    disturbed = noisy(0.5, supervisor)
    one, other, again = (decisions(disturbed, n, seed=seed) for n, seed in [(40, 3), (55, 4), (40, 3)])
    assert one == again
    assert one != other[:40]
    assert supervisor.seeds == [3, 4, 3]


class Alternating:
    """Two steps the policy's, two the expert's; the expert's action is always the same."""

    def __init__(self, action: np.ndarray):
        self.action = action

    def begin_episode(self, seed) -> None:
        self.steps = 0

    def decide(self, context) -> Decision:
        self.steps += 1
        by_expert = self.steps % 4 in (3, 0)
        return Decision(EXPERT if by_expert else POLICY, self.action if by_expert else context.proposed)


def test_continuous_actions_slip_as_finitely_many_do():
    """Control stays where it was, the policy's action is the very one proposed, and the noise follows from the seed."""
    action = np.array([0.2, -0.9, 1.0], np.float32)
    supervisor = Noisy(Alternating(action), slips(Box(3)), probability=0.5)
    one, other, again = (decisions(supervisor, n, seed=seed) for n, seed in [(80, 3), (90, 4), (80, 3)])
    assert [d.controller for d in one] == [POLICY, POLICY, EXPERT, EXPERT] * 20
    assert all(d.action is MOMENT.proposed for d in one if d.controller is POLICY)
    by_expert, others, once_more = (
        np.array([d.action for d in episode if d.controller is EXPERT]) for episode in (one, other[:80], again)
    )
    slipped = (by_expert != action).any(axis=1)
    assert 10 < slipped.sum() < 30  # of 40
    assert by_expert.dtype == np.float32
    np.testing.assert_array_equal(by_expert, once_more)
    assert not np.array_equal(by_expert, others)


@pytest.mark.parametrize("cut", range(1, N_STEPS, 7))
def test_an_interrupted_rollout_goes_on_exactly(cut):
    """After a resume, the disturbances of the unfinished episode are restored without being drawn again."""
    whole = record(noisy(0.4))
    assert same(record(noisy(0.4), recorded=whole[:cut]), whole[cut:])


@pytest.mark.parametrize("probability", [-0.1, 1.01, float("nan"), 10])
def test_an_impossible_share(probability):
    with pytest.raises(ValueError, match=f"must be between 0 and 1, got {probability}"):
        noisy(probability)
