"""Eq. (7) with the likelihood of each segment given its first state: what `FromSegmentStarts` estimates.

The corridor is deterministic and has its time in its state, so that the soft-optimal policy draws the rest of an
episode with exactly the probabilities of Eq. (6), from wherever it is put.
"""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import MDP, Paths, boltzmann, corridor_mdp
from mereq.core.errors import WrongTask
from mereq.core.seeding import episode_seed
from mereq.core.simulator import RewindableSimulator
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.estimators import FromEpisodeStarts, FromSegmentStarts
from toys import EXPERT, POLICY, RewindableTable, TabularSimulator, one_hot, table_policy

pytestmark = pytest.mark.paper("Eq. (7), each segment given its first state")

CELLS = corridor_mdp(length=4, slips_in_ten=0)
N = CELLS.n_states
FORWARD, SWITCH, WAIT = range(3)
HORIZON, TAKEN_OVER = 6, 2  # steps of an episode; the policy has the first two, the expert the rest
LEFT, RIGHT = 0, 4  # cells at the near end
R = np.random.default_rng(0).normal(size=(N, 3))  # the prior's reward, which the method never sees
THETA = np.array([0.3, 0.7, -0.4])  # the true theta_R
RUN_SEED = 5
TIMED = MDP(  # state = time * N + cell
    np.concatenate([CELLS.successors + N * ((t + 1) % HORIZON) for t in range(HORIZON)]),
    np.zeros(HORIZON * N, bool),
    np.tile(CELLS.features, (HORIZON, 1, 1)),
)


def soft_optimal(theta: np.ndarray) -> np.ndarray:
    """Q of the rest of an episode under r + theta . f, (HORIZON * N, actions)."""
    reward = R + CELLS.features @ theta
    q, value = np.zeros((HORIZON, N, 3)), np.zeros(N)
    for t in reversed(range(HORIZON)):
        q[t] = reward + value[CELLS.successors[:, :, 0]]
        value = np.logaddexp.reduce(q[t], axis=-1)
    return q.reshape(-1, 3)


def simulator(n_envs: int = 20, starts=(LEFT,), mdp: MDP = TIMED, limit: int = HORIZON) -> RewindableTable:
    return RewindableTable(mdp, n_envs, limits=[limit], starts=starts)


def record(iteration: int, episodes, act, *, starts=(LEFT,), mdp: MDP = TIMED, limit: int = HORIZON) -> Rollout:
    """A round in which each episode has the given controllers, and the one in control takes act(state, controller)."""
    table, steps = TabularSimulator(mdp, 1, limits=[limit], starts=starts), []
    for number, controllers in enumerate(episodes):
        obs = table.reset(episode_seed(RUN_SEED, iteration, number))
        for index, controller in enumerate(controllers):
            action = act(int(obs[0].argmax()), controller)
            out = table.step(np.array([action]))
            ends = bool(out.terminated[0]), bool(out.truncated[0])
            step = (obs[0].copy(), action, action, controller, out.next_obs[0].copy(), out.features[0].copy())
            steps.append(SupervisedStep(number, index, *step, *ends))
            if any(ends):
                break
            obs = out.obs
    return Rollout.of(steps)


def from_segments(log: InterventionLog, *, n_steps=10**9, acting="greedy", kappa=1.0, **how) -> FromSegmentStarts:
    estimator = FromSegmentStarts(simulator(**how), n_steps, acting, run_seed=RUN_SEED)
    estimator.observe(log, kappa=kappa)
    return estimator


# -------------------------------------------------------------------------------------- against exact expectations


@pytest.fixture(scope="module")
def astray() -> InterventionLog:
    """Episodes that start on the left. The policy goes to the right; the expert, soft-optimal for theta, takes over."""
    rng, q = np.random.default_rng(1), soft_optimal(THETA)
    lost = iter(itertools.cycle([SWITCH, WAIT]))

    def act(state: int, controller) -> int:
        return next(lost) if controller is POLICY else int(rng.choice(3, p=boltzmann(q[state], 1.0)))

    episode = [POLICY] * TAKEN_OVER + [EXPERT] * (HORIZON - TAKEN_OVER)
    return InterventionLog(tuple(record(i, [episode] * 400, act) for i in range(2)))


def in_theory(theta: np.ndarray, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean features per step of paths from a state, and their standard deviation, from their enumeration."""
    paths = Paths.enumerate(CELLS, R, start, length)
    p = np.exp(paths.log_probabilities(theta))
    mean = p @ paths.features
    return mean / length, np.sqrt(p @ (paths.features - mean) ** 2) / length


def test_at_the_true_theta_the_gradient_of_the_segments_vanishes(astray):
    """And that of whole episodes does not, by just what lies between the segments' starts and the episodes'.

    The expert's segments start on the right, and it has to switch; the episodes start on the left. So the weight of
    switch would climb by 0.178 a step, for ever, where the ascent should end.
    """
    length = HORIZON - TAKEN_OVER
    policy = table_policy(soft_optimal(THETA), 1.0)
    right, deviation = in_theory(THETA, RIGHT, length)
    bias = right - in_theory(THETA, LEFT, HORIZON)[0]
    sharp = 4 * deviation * np.sqrt(2 / 800)  # of two means over 800 segments
    assert (sharp < 0.06).all()
    assert bias[2] == pytest.approx(0.178, abs=1e-3)

    here = from_segments(astray, acting="sampled")
    elsewhere = FromEpisodeStarts(TabularSimulator(TIMED, 60, limits=[HORIZON], starts=[LEFT]), 4800, "sampled")
    assert elsewhere.observe(astray, kappa=1.0) == 800 * length
    assert (np.abs(here.gradient(policy, seed=0)) < sharp).all()
    np.testing.assert_array_less(np.abs(elsewhere.gradient(policy, seed=0) - bias), sharp)


@pytest.mark.parametrize("theta", [np.zeros(3), -2 * THETA])
def test_elsewhere_it_is_the_slope_of_the_likelihood(astray, theta):
    """At any theta: sum_k f(xi_k) - E[f | first state of xi_k], per expert step, over all paths from there."""
    length = HORIZON - TAKEN_OVER
    expected, deviation = in_theory(theta, RIGHT, length)
    exact = astray.expert_features(kappa=1.0).mean(axis=0) - expected
    estimate = from_segments(astray, acting="sampled").gradient(table_policy(soft_optimal(theta), 1.0), seed=0)
    assert np.abs(exact).max() > 0.1
    assert (np.abs(estimate - exact) < 4 * deviation / np.sqrt(800)).all()


# ------------------------------------------------------------------------------- any rollout, followed step by step


ENDING = corridor_mdp(length=4, slips_in_ten=0)  # the far end terminates


def by_hand(rollouts, kappa: Fraction, action_at: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """Normalised gradient of a deterministic policy, and the steps on the expert's side; segment after segment."""
    expert, policy, steps = np.zeros(3), np.zeros(3), 0
    for log in rollouts:
        owners = zip(log.episode.tolist(), log.controller.tolist(), strict=True)
        first = 0
        for (_, controller), group in itertools.groupby(owners):
            whole = len(list(group))
            length = whole if controller == EXPERT else int((1 - kappa) * whole)
            expert += log.features[first : first + length].sum(axis=0)
            steps += length
            cell, left = int(log.obs[first].argmax()), limit - int(log.step[first])
            for _ in range(min(length, left)):
                policy += ENDING.features[cell, action_at[cell]]
                cell = ENDING.successors[cell, action_at[cell], 0]
                if ENDING.terminal[cell]:
                    break
            first += whole
    return (expert - policy) / max(steps, 1), steps


STARTS = (0, 1, 4, 5)
ROUNDS = st.lists(
    st.lists(st.lists(st.sampled_from([POLICY, EXPERT]), min_size=1, max_size=9), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


@given(ROUNDS, st.integers(0, 10), st.integers(1, 7), st.integers(0, 2**16), st.data())
def test_it_is_what_one_finds_by_hand(rounds, tenths, n_envs, table_seed, data):
    """Any rounds, kappa, number of environments and two policies: who collected, and whose gradient is wanted.

    Terminations and time limits included: nothing comes after an end, while all the segment's steps are counted.
    """
    rng = np.random.default_rng(table_seed)
    collecting, wanted = rng.integers(3, size=(2, N))
    kappa, limit = Fraction(tenths, 10), data.draw(st.integers(2, 9))
    how = {"starts": STARTS, "mdp": ENDING, "limit": limit}
    log = InterventionLog(
        tuple(record(i, r, lambda cell, _: int(collecting[cell]), **how) for i, r in enumerate(rounds))
    )
    estimator = FromSegmentStarts(simulator(n_envs, **how), 10**9, "greedy", run_seed=RUN_SEED)
    expected, steps = by_hand(log.rollouts, kappa, wanted, limit)
    assert estimator.observe(log, kappa=float(kappa)) == steps == len(log.expert_features(kappa=float(kappa)))
    if steps:
        policy = table_policy(one_hot(wanted, 3), 0.1)
        np.testing.assert_allclose(estimator.gradient(policy, seed=0), expected, atol=1e-12)


def test_nothing_comes_after_an_end_and_the_steps_still_count():
    """The expert waits four times one cell before the end; a policy that walks is there after one step.

    1 walked step, not 4 (one of the new episode's walks on, too): (0, 4, 0) / 4 - (1, 1, 0) / 4.
    """
    before_the_end = 2
    how = {"starts": (before_the_end,), "mdp": ENDING, "limit": 9}
    log = InterventionLog((record(0, [[EXPERT] * 4], lambda *_: WAIT, **how),))
    walking = table_policy(one_hot(np.full(N, FORWARD), 3), 0.1)
    gradient = from_segments(log, n_envs=3, **how).gradient(walking, seed=0)
    np.testing.assert_allclose(gradient, [-1 / 4, 3 / 4, 0], atol=1e-12)


# ----------------------------------------------------------------------------------------------- a random few of them


@pytest.fixture(scope="module")
def varied() -> InterventionLog:
    """Two rounds of expert segments of 1 to 5 steps, which differ in their features; everyone acts by one table."""
    episodes = [[POLICY] * (HORIZON - k) + [EXPERT] * k for k in (1, 2, 3, 4, 5)]
    return InterventionLog(tuple(record(i, episodes, lambda state, _: int(TABLE[state])) for i in range(2)))


TABLE = np.random.default_rng(4).integers(3, size=HORIZON * N)
SAME, OTHER = (table_policy(one_hot(table, 3), 0.1) for table in (TABLE, (TABLE + 1) % 3))


@given(st.integers(1, 40), st.integers(0, 2**31 - 1))
def test_the_few_are_the_same_on_both_sides(varied, n_steps, seed):
    """A policy that does what the expert did has a gradient of zero, whichever segments stand for all."""
    np.testing.assert_array_equal(from_segments(varied, n_steps=n_steps, n_envs=3).gradient(SAME, seed=seed), 0.0)


class Counting(RewindableTable):
    """Remembers which states were put."""

    def __init__(self, n_envs: int):
        super().__init__(TIMED, n_envs, limits=[HORIZON], starts=(LEFT,))
        self.tried = []

    def put(self, env, state) -> None:
        self.tried.append(HORIZON - int(state[0]) // N)  # steps from there to the end: the segment's
        super().put(env, state)


@given(st.integers(1, 40), st.integers(0, 2**31 - 1))
def test_as_many_steps_as_asked_and_no_segment_more(varied, n_steps, seed):
    """Segments are taken until there are n_steps: without any one of them there would be too few."""
    counting = Counting(4)
    estimator = FromSegmentStarts(counting, n_steps, "greedy", run_seed=RUN_SEED)
    assert estimator.observe(varied, kappa=1.0) == 30
    estimator.gradient(OTHER, seed=seed)
    assert sum(counting.tried) >= min(n_steps, 30)
    assert sum(counting.tried) - max(counting.tried) < n_steps
    assert all(counting.tried.count(length) <= 2 for length in counting.tried)  # none is tried twice


def test_every_segment_has_its_turn():
    """One of five segments, of 1 to 5 steps, stands for all: each in a fifth of the estimates, long or short."""
    episodes = [[POLICY] * (HORIZON - k) + [EXPERT] * k for k in (1, 2, 3, 4, 5)]
    counting = Counting(1)
    estimator = FromSegmentStarts(counting, 1, "greedy", run_seed=RUN_SEED)
    estimator.observe(InterventionLog((record(0, episodes, lambda *_: WAIT),)), kappa=1.0)
    for seed in range(400):
        estimator.gradient(OTHER, seed=seed)
    times = np.bincount(counting.tried, minlength=6)[1:]
    assert times.sum() == 400
    assert (np.abs(times / 400 - 1 / 5) < 4 * np.sqrt(1 / 5 * 4 / 5 / 400)).all()


# --------------------------------------------------------------------------------------------- acting, and being asked


def test_greedy_estimates_are_the_same_for_every_seed_and_sampled_ones_are_not(varied):
    """As long as all segments are tried; either is a function of its seed, whatever was estimated before."""
    unsure = table_policy(np.random.default_rng(0).normal(size=(HORIZON * N, 3)), 1.0)
    greedy, sampled = (from_segments(varied, acting=acting) for acting in ("greedy", "sampled"))
    one, other = greedy.gradient(unsure, seed=1), greedy.gradient(unsure, seed=2)
    np.testing.assert_allclose(one, other, atol=1e-12)
    drawn = [sampled.gradient(unsure, seed=seed) for seed in (1, 2, 1)]
    assert not np.allclose(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.allclose(drawn[0], one)


@pytest.mark.parametrize("kappa", [1.0, 0.5])
def test_a_log_that_grows_is_a_log_seen_at_once(varied, kappa):
    """Bit for bit; and a log without anything new changes nothing."""
    growing = FromSegmentStarts(simulator(3), 7, "sampled", run_seed=RUN_SEED)
    counts = [growing.observe(InterventionLog(varied.rollouts[:n]), kappa=kappa) for n in (1, 2, 2)]
    assert counts == [len(InterventionLog(varied.rollouts[:n]).expert_features(kappa=kappa)) for n in (1, 2, 2)]
    at_once = from_segments(varied, n_steps=7, acting="sampled", kappa=kappa, n_envs=3)
    for seed in range(5):
        np.testing.assert_array_equal(growing.gradient(OTHER, seed=seed), at_once.gradient(OTHER, seed=seed))


class Costly(RewindableTable):
    """Bringing a state back costs 7 steps; environments with nothing to do are put to rest."""

    def __init__(self, n_envs: int):
        super().__init__(TIMED, n_envs, limits=[HORIZON], starts=(LEFT,))
        self.resting, self.closed = [], 0
        self.reset(0)

    def cost_of(self, state) -> int:
        return 7

    def rest(self, env, obs, n_features) -> None:
        assert (obs.shape, n_features) == ((HORIZON * N,), 3)
        self.resting.append(env)

    def close(self) -> None:
        self.closed += 1


def test_states_that_are_brought_back_by_steps_are_counted_and_idle_environments_rest(varied):
    """Five segments of 15 steps in all; twelve environments, of which seven never have a segment."""
    one_round = InterventionLog(varied.rollouts[:1])
    costly = Costly(12)
    estimator = FromSegmentStarts(costly, 10**9, "greedy", run_seed=RUN_SEED)
    assert estimator.repeated_steps == 0
    estimator.observe(one_round, kappa=1.0)
    assert (costly.resting, estimator.repeated_steps) == ([], 5 * 7)
    np.testing.assert_array_equal(estimator.gradient(SAME, seed=0), 0.0)
    lengths = [segment.features.steps for segment in estimator.demonstrated]
    assert sorted(costly.resting[:7]) == list(range(5, 12))
    assert len(costly.resting) == 7 * 6 + sum(5 - length + 1 for length in lengths)
    few = FromSegmentStarts(Costly(12), 5, "greedy", run_seed=RUN_SEED)
    few.observe(one_round, kappa=1.0)
    assert few.repeated_steps == round(35 * 5 / 15)  # of a third of the segments' steps


def test_a_simulator_that_saves_states_repeats_nothing(varied):
    assert from_segments(varied).repeated_steps == 0


def test_the_simulator_is_closed_with_its_estimator():
    costly = Costly(2)
    FromSegmentStarts(costly, 7, "greedy", run_seed=RUN_SEED).close()
    FromEpisodeStarts(costly, 7, "greedy").close()
    assert costly.closed == 2


def test_no_expert_steps_are_no_segments():
    idle = record(0, [[POLICY] * 6] * 3, lambda *_: WAIT)
    estimator = FromSegmentStarts(simulator(3), 7, "greedy", run_seed=RUN_SEED)
    assert estimator.observe(InterventionLog((idle,)), kappa=1.0) == 0
    worked = record(1, [[POLICY, EXPERT]], lambda *_: WAIT)
    assert estimator.observe(InterventionLog((idle, worked)), kappa=1.0) == 1


@pytest.mark.parametrize(
    "elsewhere",
    [simulator(2, starts=(RIGHT,)), simulator(2, mdp=MDP(TIMED.successors[:, ::-1], TIMED.terminal, TIMED.features))],
    ids=["other starts", "other dynamics"],
)
def test_a_simulator_that_leads_elsewhere_is_refused(astray, elsewhere):
    """With the round, the episode and the step at which it did, and with what to do."""
    estimator = FromSegmentStarts(elsewhere, 10, "greedy", run_seed=RUN_SEED)
    sentence = r"Round 0, episode 0, step 2: the simulator does not reproduce the state .* Use .*starts = 'episodes'"
    with pytest.raises(WrongTask, match=sentence):
        estimator.observe(astray, kappa=1.0)


def test_another_runs_episodes_are_refused():
    """The episodes follow from the run's seed: with another one the starts differ."""
    how = {"starts": STARTS, "mdp": ENDING, "limit": 9}
    log = InterventionLog((record(0, [[POLICY, EXPERT]] * 20, lambda *_: WAIT, **how),))
    FromSegmentStarts(simulator(2, **how), 10, "greedy", run_seed=RUN_SEED).observe(log, kappa=1.0)
    with pytest.raises(WrongTask, match="Round 0"):
        FromSegmentStarts(simulator(2, **how), 10, "greedy", run_seed=RUN_SEED + 1).observe(log, kappa=1.0)


def test_the_table_is_rewindable():
    """The simulator of these tests is what the estimator asks for; a plain one is not."""
    assert isinstance(simulator(2), RewindableSimulator)
    assert not isinstance(TabularSimulator(TIMED, 2, limits=[HORIZON]), RewindableSimulator)
