"""Noisy interventions: the expert's actions slip now and then, the policy's never, and control stays where it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.core.policy import LogitsPolicy
from mereq.core.seeding import episode_seed
from mereq.core.supervisor import Decision, Moment
from mereq.interventions.rollout import Rollout
from mereq.supervision.noise import Noisy, RandomOther
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks.corridor import FEATURE_NAMES, FORWARD, SWITCH, Corridor
from toys import EXPERT, POLICY

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
            PRIOR,
            supervisor,
            n_steps,
            episode_seed=lambda k: episode_seed(7, 0, k),
            feature_names=FEATURE_NAMES,
            recorded=recorded,
        )
    )


class Always:
    """Decides the same at every step."""

    def __init__(self, controller, action: int):
        self.decision, self.seeds = Decision(controller, action), []

    def begin_episode(self, seed) -> None:
        self.seeds.append(seed)

    def decide(self, moment) -> Decision:
        return self.decision


MOMENT = Moment(step=0, obs=np.zeros(2), proposed=0, info={})


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

        def decide(self, moment) -> Decision:
            decision, calm = supervisor.decide(moment), beside.decide(moment)
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


@pytest.mark.parametrize("cut", range(1, N_STEPS, 7))
def test_an_interrupted_rollout_goes_on_exactly(cut):
    """The slips of the unfinished episode so far are brought back, too, though they are not made again."""
    whole = record(noisy(0.4))
    assert same(record(noisy(0.4), recorded=whole[:cut]), whole[cut:])


@pytest.mark.parametrize("probability", [-0.1, 1.01, float("nan"), 10])
def test_an_impossible_share(probability):
    with pytest.raises(ValueError, match=f"must be between 0 and 1, got {probability}"):
        noisy(probability)
