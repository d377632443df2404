"""Methods of other authors in the corridor: each learns the wish, from the prior on, and resumes exactly."""

from dataclasses import replace

import numpy as np
import pytest

from corridor_runs import PRIOR, QUICK, SETTINGS, all_observations, corridor, expert, run, task_of
from mereq.alignment import algorithm
from mereq.alignment.algorithm import Round
from mereq.alignment.handback import AtHandback
from mereq.alignment.schedule import Resume
from mereq.alignment.takeover_learning import PVP
from mereq.core.errors import WrongPolicyOutput, WrongValue
from mereq.core.function_policies import SampledPolicy
from mereq.evaluation.own_rate import own_rate
from mereq.interventions.log import InterventionLog
from mereq.presets.methods import METHODS, OTHERS, ROBOT_GATED
from toys import LINE

SMALL = replace(SETTINGS, coherent=replace(SETTINGS.coherent, training_steps=900))
NAMES = [method.name for method in OTHERS]
GATED = [method.name for method in ROBOT_GATED]
NEED_PROBABILITIES = ["mile", "csil"]  # ppl refuses this task before, whose simulator cannot go back


@pytest.mark.parametrize("name", NAMES)
def test_each_method_learns_the_wish_and_infers_no_theta(name):
    rounds = run(METHODS[name], SMALL, n_rounds=8, rate_threshold=0.05)
    assert rounds[0].intervention_rate > 0.3
    assert rounds[-1].aligned
    assert all(each.theta.size == 0 for each in rounds)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rlif"])  # which has no prior's term: it clones it
def test_the_first_policy_is_the_prior(name):
    improver = METHODS[name].start(task_of(), PRIOR, QUICK, seed=0)
    ours, priors = (policy.distribution(all_observations()).log_probs for policy in (improver.policy, PRIOR))
    np.testing.assert_allclose(ours, priors, atol=1e-5)


@pytest.mark.parametrize("name", NAMES + GATED)
def test_an_interrupted_run_ends_as_one_left_in_peace(name):
    """The second round of a new improver, from the state after the first one. A gate asks in the same steps again."""
    coherent, values = replace(QUICK.coherent, training_steps=100), replace(QUICK.takeovers, updates=50)
    gates = replace(QUICK.gates, updates=50, rate=0.2, members=2)
    settings = replace(QUICK, cloning_updates=50, takeovers=values, coherent=coherent, gates=gates)
    how = {"seed": 0, "n_rounds": 2, "rate_threshold": 0.0}
    method = replace(METHODS[name], learner=PVP) if name in GATED else METHODS[name]
    made, state = [], {}
    for event in algorithm.events(task_of(), PRIOR, expert(), method, settings, **how):
        if isinstance(event, Round):
            made.append(event)
            state = state or {key: array.copy() for key, array in event.state().items()}
    resume = Resume(InterventionLog((made[0].rollout,)), state)
    (again,) = run(method, settings, resume=resume, **how)
    ours, first = (each.policy.distribution(all_observations()).log_probs for each in (again, made[1]))
    np.testing.assert_array_equal(ours, first)
    np.testing.assert_array_equal(again.rollout.by_expert, made[1].rollout.by_expert)


@pytest.mark.parametrize("name", NEED_PROBABILITIES)
def test_a_prior_without_probabilities_is_refused_where_they_are_compared(name):
    prior = SampledPolicy(lambda obs, rng: rng.uniform(-1, 1, (len(obs), 1)), LINE.actions)
    with pytest.raises(WrongPolicyOutput, match=f"The method {name} compares log-probabilities"):
        METHODS[name].start(LINE, prior, QUICK, seed=0)


def test_a_gate_asks_for_demonstrations_then_for_some_steps_and_any_method_learns_the_wish():
    gates = replace(SETTINGS.gates, demonstrated=14, members=2, updates=100)
    settings = replace(SETTINGS, rollout_episodes=7, gates=gates)
    rounds = run(replace(METHODS["thrifty-dagger"], learner=PVP), settings, n_rounds=4, rate_threshold=0.9)
    assert len(rounds) == 4  # the rate of a robot-gated method ends no run
    demonstrated, later = ([each.rollout.by_expert for each in which] for which in (rounds[:2], rounds[2:]))
    assert np.concatenate(demonstrated).all()
    assert 0 < np.concatenate(later).mean() < 0.5
    before, after = (
        own_rate(task_of(), policy, expert(), corridor(), n_steps=240, seed=5) for policy in (PRIOR, rounds[-1].policy)
    )
    assert after < 0.5 * before


def test_a_robot_gated_method_learns_between_rounds_only():
    with pytest.raises(WrongValue, match="It must learn between rounds: choose the schedule sequential"):
        run(METHODS["aim"], QUICK, learning=AtHandback)
