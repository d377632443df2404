"""AIM and ThriftyDAgger: what their values learn, exactly; when they ask, and when a request ends."""

import math
import statistics
from dataclasses import replace

import jax
import numpy as np
import pytest

from corridor_runs import PRIOR, QUICK, expert, task_of
from exact import corridor_mdp
from mereq.alignment import HG_DAGGER_FT
from mereq.alignment.aim import AIM_GATE, departs, proxy_values
from mereq.alignment.robot_gated import RobotGated, SeenSteps, discrepancy, quantile_above
from mereq.alignment.schedule import Resume
from mereq.alignment.thrifty_dagger import THRIFTY_GATE, actions_of, ensemble, novelty, risk
from mereq.core.actions import Box, Discrete
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Decision, DecisionContext
from mereq.imitation.action_values import ActionValue, ActionValues, ValueSteps
from mereq.supervision.gate import SwitchingGate
from mereq.supervision.synthesized import DivergenceExpert, MeasurementExpert
from toys import EXPERT, POLICY, one_hot

LENGTH, GAMMA, A = 4, 0.8, 3
S = 2 * LENGTH
MDP = corridor_mdp(LENGTH)
RIGHT = np.arange(S) >= LENGTH


def every_move() -> tuple[np.ndarray, ...]:
    """State, action and successor of each outcome of the corridor."""
    s, a, k = map(np.ravel, np.indices(MDP.successors.shape))
    return s, a, MDP.successors[s, a, k]


def table(columns: list[ValueSteps]) -> np.ndarray:
    """Values (S, A) that are learned from all these steps at once; the pairs are unit vectors."""
    steps = ValueSteps(*(np.concatenate(column) for column in zip(*columns, strict=True)))
    learner = ActionValues(S * A, (), 0.01, GAMMA)
    with jax.enable_x64(True):
        state = learner.init(0)
        batches = jax.tree.map(lambda column: np.broadcast_to(column, (100, *column.shape)), steps)
        for _ in range(60):
            state, _ = learner.update(state, batches)
        return ActionValue.of(state)(np.eye(S * A)).reshape(S, A)


def moves(label: np.ndarray, next_actions: np.ndarray) -> ValueSteps:
    """All moves, with actions (n, k) that are compared at the next states."""
    s, a, reached = every_move()
    ahead = one_hot(reached[:, None] * A + next_actions, S * A)
    return ValueSteps(one_hot(s * A + a, S * A), label, ahead, MDP.terminal[reached].astype(float))


@pytest.mark.parametrize("any_action", [True, False])
def test_values_are_the_fixed_point_of_labels_and_temporal_differences(any_action):
    """Values of the failures of a policy that walks on, and of the best action: Bellman's equation solved in NumPy."""
    _, _, reached = every_move()
    chosen = np.tile(np.arange(A), (len(reached), 1)) if any_action else np.zeros((len(reached), 1), int)
    label = MDP.terminal[reached].astype(float)
    found = table([moves(label, chosen)])
    exact = np.zeros((S, A))
    for _ in range(300):
        value = exact.max(axis=1) if any_action else exact[:, 0]
        exact = (MDP.terminal[MDP.successors] + GAMMA * ~MDP.terminal[MDP.successors] * value[MDP.successors]).mean(-1)
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_a_pair_with_contradicting_labels_is_worth_their_mean():
    known = [ValueSteps(np.eye(S * A)[:1], np.array([y]), np.zeros((1, 1, S * A)), np.ones(1)) for y in (1.0, 0.0)]
    assert table(known)[0, 0] == pytest.approx(0.5, abs=1e-3)


def seen_steps(proposal: np.ndarray | None = None) -> SeenSteps:
    """The supervisor shows the way to the left on the right side, and walks on alone on the left one."""
    s, _, _ = every_move()
    where = np.arange(S).repeat(3)
    shown = RIGHT[where]
    proposed = np.zeros(len(where), int) if proposal is None else proposal
    state = one_hot(where, S)
    return SeenSteps(
        Discrete(A), state, np.where(shown, 1, 0), state, np.zeros(len(s[: len(where)]), bool), shown, ~shown,
        proposed, proposed,
    )  # fmt: skip


def test_the_labels_of_aim_are_minus_1_for_what_was_shown_and_1_for_what_departs_from_it():
    seen = seen_steps()
    moved, good, bad = proxy_values(seen, 0.1)
    n = int(seen.shown.sum())
    assert (len(moved.label), len(good.label), len(bad.label)) == (len(seen.shown), n, n)
    assert (set(moved.label), set(good.label), set(bad.label)) == ({0.0}, {-1.0}, {1.0})
    assert (good.pair[:, S + 1] == 1).all()  # the action shown: switch sides
    assert (bad.pair[:, S] == 1).all()  # the policy's own: walk on
    assert good.terminated.all()
    assert bad.terminated.all()
    assert moved.next_pairs.shape == (len(seen.shown), A, S + A)
    agreeing = proxy_values(seen_steps(np.where(seen.shown, 1, 0)), 0.1)
    assert len(agreeing[2].label) == 0


def asks(gate: SwitchingGate, state: int, proposed: int = 0) -> bool:
    gate.begin_episode(9)
    return gate.asks(DecisionContext(0, one_hot(state, S), proposed, {}))


SETTINGS = replace(
    QUICK,
    gates=replace(QUICK.gates, rate=0.0, updates=300),
    cloning=replace(QUICK.cloning, hidden=(16,), learning_rate=0.01),
    learner=replace(QUICK.learner, gamma=0.0),
)


def test_aim_asks_where_the_policys_action_departs_from_what_was_shown():
    """Its authors' claim about the gate: where the supervisor would take over."""
    gate = AIM_GATE.learn(seen_steps(), SETTINGS, seed=0)
    assert [asks(gate, state) for state in range(S)] == RIGHT.tolist()
    assert not any(asks(gate, state, proposed=1) for state in range(S))  # what was shown


def test_states_that_are_unlike_what_was_shown_are_novel():
    """The clones agree where they were shown what to do, and differ elsewhere."""
    state = np.random.default_rng(0).uniform(0.0, 1.0, (200, 1)).astype(np.float32)
    action, no, yes = 0.5 * np.sin(6.0 * state), np.zeros(200, bool), np.ones(200, bool)
    seen = SeenSteps(Box(1), state, action, state, no, yes, no, action, action)
    clones = ensemble(seen, SETTINGS, seed=0)
    known, new = (np.linspace(low, low + 1.0, 20, dtype=np.float32)[:, None] for low in (0.0, -1.0))
    found, elsewhere = (novelty(actions_of(clones, states, Box(1))) for states in (known, new))
    assert np.median(elsewhere) > 10 * np.median(found)


def test_thrifty_dagger_asks_where_an_episode_is_about_to_fail():
    """Proposals fail in the cells before the end; only these are riskier than the policy's own were elsewhere."""
    seen = seen_steps(np.zeros(3 * S, int))
    fails = np.arange(S).repeat(3) == 2
    alone = seen.alone & ~fails
    gate = THRIFTY_GATE.learn(seen._replace(terminated=fails, alone=alone, shown=~alone), SETTINGS, seed=0)
    assert [asks(gate, state) for state in range(LENGTH)] == [False, False, True, False]
    assert risk(np.array([0.2]), "success") == pytest.approx(0.8)


def test_novelty_is_the_variance_over_the_members():
    actions = np.random.default_rng(0).normal(size=(5, 3, 2))
    by_hand = [statistics.fmean(statistics.pvariance(actions[:, i, j]) for j in range(2)) for i in range(3)]
    np.testing.assert_allclose(novelty(actions), by_hand)


def test_a_share_of_the_values_is_above_the_threshold():
    values = np.random.default_rng(0).permutation(1000).astype(float)
    assert np.mean(values > quantile_above(values, 0.05)) == pytest.approx(0.05)
    assert quantile_above(values, 0.0) == 999


def test_discrepancy_is_the_squared_distance():
    a, b = np.array([[0.0, 0.5], [1.0, 1.0]]), np.array([[0.3, 0.1], [1.0, 1.0]])
    np.testing.assert_allclose(discrepancy(a, b, Box(2)), [math.dist(a[0], b[0]) ** 2, 0])
    assert departs(a, b, Box(2), 0.49).tolist() == [True, False]
    assert not departs(a, b, Box(2), 0.51).any()
    np.testing.assert_array_equal(discrepancy(np.array([1, 2]), np.array([1, 0]), Discrete(3)), [0, 1])


def test_a_request_lasts_until_a_shown_action_ends_it_and_then_needs_a_new_reason():
    gate = SwitchingGate(lambda state, proposed: bool(state[0] == 1), lambda state, proposed, shown: shown == proposed)
    gate.begin_episode(0)
    answers = [(0, None), (1, 2), (0, 2), (0, 7), (0, None), (1, None), (0, 7)]  # state; action shown, None: ignored
    told = []
    for state, shown in answers:
        context = DecisionContext(0, np.array([float(state)]), 7, {})
        told.append(gate.asks(context))
        decision = Decision(POLICY, 7) if shown is None else Decision(EXPERT, shown)
        gate.answered(context, decision)
    assert told == [False, True, True, True, False, True, True]
    gate.begin_episode(1)
    assert not gate.asks(DecisionContext(0, np.array([0.0]), 7, {}))


@pytest.mark.parametrize("make", [DivergenceExpert, MeasurementExpert])
@pytest.mark.parametrize("asked", [True, False])
def test_a_synthesized_expert_acts_where_it_is_asked_and_nowhere_else(make, asked):
    likes = LogitsPolicy(lambda obs: np.tile([5.0, 0.0], (len(obs), 1)), 2)
    supervisor = make(likes, expert().__dict__["_engine"].rule)
    supervisor.begin_episode(0)
    context = DecisionContext(0, np.zeros(2), 1, {"measurements": 99.0}, asked=asked)
    decisions = [supervisor.decide(context) for _ in range(5)]
    assert [each.controller for each in decisions] == [EXPERT if asked else POLICY] * 5
    assert int(decisions[-1].action) == (0 if asked else 1)


def test_the_first_episodes_are_demonstrations_and_so_are_all_until_something_was_shown():
    method = RobotGated("mine", HG_DAGGER_FT, AIM_GATE)
    nothing = Resume().log
    for settings, expected in ((2, [True, True, False]), (0, [True, False, False])):
        numbers = replace(QUICK, gates=replace(QUICK.gates, demonstrated=settings))
        gate = method.next_gate(task_of(), numbers, nothing, PRIOR, seed=0)
        told = []
        for episode in range(3):
            gate.begin_episode(episode)
            told.append(gate.asks(DecisionContext(0, np.zeros(1), 0, {})))
        assert told == expected
