"""Training of soft DQN in a simulator: known optima from sampled experience, time limits, and repeatability."""

from dataclasses import replace

import numpy as np
import pytest

from exact import MDP, boltzmann, corridor_mdp, random_mdp
from mereq.core.actions import Discrete
from mereq.core.reward import LinearReward
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.simulator_training import SimulatorTraining, TrainingSchedule
from mereq.maxent_rl.training import Training, TrainingSettings
from mereq.tasks.corridor import TASK, THETA_EXPERT, THETA_PRIOR
from toys import TabularSimulator, one_hot, table_policy

SCHEDULE = TrainingSchedule(
    n_envs=10,
    chunk=200,
    updates_per_step=0.5,
    batch_size=64,
    learning_starts=400,
    epsilon_start=1.0,
    epsilon_end=1.0,
    exploration_fraction=0.0,
)
ONLY_ACT = replace(SCHEDULE, learning_starts=10**9)
LEARNER = DQNSettings(
    hidden=(),
    learning_rate=0.02,
    gamma=0.8,
    temperature=0.5,
    prior_temperature=0.0,
    target_period=100,
    max_grad_norm=10.0,
)


def new_training(
    mdp: MDP, simulator, *, learner=LEARNER, schedule=SCHEDULE, prior=None, seed=0, **replay
) -> SimulatorTraining:
    dqn = DQN(mdp.n_states, mdp.n_actions, learner)
    names = tuple(f"f{i}" for i in range(mdp.features.shape[-1]))
    sizes = {"obs_size": mdp.n_states, "actions": Discrete(mdp.n_actions), "n_features": mdp.features.shape[-1]}
    return SimulatorTraining(
        learner=dqn,
        state=dqn.init(seed, zero_head=True),
        replay=Replay(20_000, **sizes, **replay),
        task=Task("table", names, mdp.n_states, Discrete(mdp.n_actions), TASK.make, lambda n: simulator),
        prior=prior,
        schedule=schedule,
    )


def values(training: SimulatorTraining, n_states: int) -> np.ndarray:
    return training.policy().values(one_hot(range(n_states), n_states))


# ----------------------------------------------------------------------------------------- truncated, terminated


def one_way(*, terminal: bool) -> MDP:
    """From state 0 into state 1 at once, one point a step; state 1, where the points continue, may be terminal."""
    return MDP(np.ones((2, 2, 1), int), np.array([False, terminal]), np.ones((2, 2, 1)))


@pytest.mark.parametrize(("terminal", "limit"), [(False, 50), (False, 1), (True, 50)])
def test_time_limits_bootstrap_and_terminations_do_not(terminal, limit):
    """Episodes cut after every single step are worth as much as endless ones; a crash ends all reward."""
    mdp = one_way(terminal=terminal)
    learner = replace(LEARNER, learning_rate=0.05, gamma=0.5)
    training = new_training(mdp, TabularSimulator(mdp, 10, limits=[limit]), learner=learner)
    training.start_phase(seed=0, index=0)
    training.train(4000, LinearReward(np.ones(1)), epsilon=1.0)
    exact = 1.0 if terminal else 2 + 0.5 * np.log(2)  # Q = 1 + gamma V, V = Q + alpha log 2
    np.testing.assert_allclose(mdp.soft_q(np.ones((2, 2)), temperature=0.5, gamma=0.5)[0], exact, rtol=1e-9)
    np.testing.assert_allclose(values(training, 2)[0], exact, atol=0.03)


def test_residual_q_from_short_episodes():
    """Terminations, time limits after 1 to 3 steps, alpha != alphahat: Q_R comes out as if nothing were ever cut."""
    rng = np.random.default_rng(0)
    mdp = random_mdp(rng)
    r, theta = rng.uniform(-0.3, 0.3, (5, 3)), np.array([0.3, -0.3])
    prior_temperature, temperature = 0.3, 0.6
    q_star = mdp.soft_q(r, temperature=prior_temperature, gamma=0.6)
    q_hat = mdp.soft_q(r + mdp.features @ theta, temperature=temperature, gamma=0.6)
    learner = replace(
        LEARNER, learning_rate=0.005, gamma=0.6, temperature=temperature, prior_temperature=prior_temperature
    )
    simulator = TabularSimulator(mdp, 10, limits=[1, 2, 3])
    training = new_training(mdp, simulator, learner=learner, prior=table_policy(q_star, prior_temperature))
    training.start_phase(seed=0, index=0)
    training.train(8000, LinearReward(theta), epsilon=1.0)
    alive = ~mdp.terminal
    assert np.abs(q_hat - q_star)[alive].max() > 0.4
    np.testing.assert_allclose(values(training, 5)[alive], (q_hat - q_star)[alive], atol=0.06)


# ------------------------------------------------------------------------------------------------------- corridor


@pytest.mark.parametrize("with_prior", [False, True])
def test_training_in_the_corridor_finds_the_soft_optimal_policy(with_prior):
    """Action probabilities of the exact solution, by a plain learner and by one that starts from the prior.

    The corridor slips, terminates at its end and is cut after 20 steps; the learner explores with its own policy.
    """
    mdp, temperature, gamma = corridor_mdp(), 0.5, 0.8
    q_prior = mdp.soft_q(mdp.features @ THETA_PRIOR, temperature=temperature, gamma=gamma)
    q_expert = mdp.soft_q(mdp.features @ THETA_EXPERT, temperature=temperature, gamma=gamma)
    learner = replace(
        LEARNER, gamma=gamma, temperature=temperature, prior_temperature=temperature if with_prior else 0.0
    )
    prior = table_policy(q_prior, temperature) if with_prior else None
    training = new_training(mdp, TASK.simulate(10), learner=learner, prior=prior)
    training.start_phase(seed=0, index=0)
    reward = LinearReward(THETA_EXPERT - THETA_PRIOR if with_prior else THETA_EXPERT)
    for step in range(50):
        training.train(200, reward, epsilon=1.0 - step / 50)
    alive = np.flatnonzero(~mdp.terminal)
    learned = np.exp(training.policy().distribution(one_hot(alive, 12)).log_probs)
    np.testing.assert_allclose(learned, boltzmann(q_expert, temperature)[alive], atol=0.06)
    assert np.abs(boltzmann(q_prior, temperature) - boltzmann(q_expert, temperature))[alive].max() > 0.5


def test_the_exact_corridor_is_the_corridor():
    """The reference's table against the task itself: successors, mean features, the end. 400 trials of each."""
    mdp, environment = corridor_mdp(), TASK.make()
    environment.reset(seed=0)
    for cell in range(12):
        for action in range(3):
            if mdp.terminal[cell]:
                continue
            reached, features = [], []
            for _ in range(400):
                environment._side, environment._position, environment._time = cell // 6, cell % 6, 0
                obs, _, terminated, _, info = environment.step(action)
                assert terminated == mdp.terminal[obs.argmax()]
                reached.append(obs.argmax())
                features.append(info["features"])
            expected = np.bincount(mdp.successors[cell, action], minlength=12) / 10
            np.testing.assert_allclose(np.bincount(reached, minlength=12) / 400, expected, atol=0.06)
            np.testing.assert_allclose(np.mean(features, axis=0), mdp.features[cell, action], atol=0.06)


# -------------------------------------------------------------------------------------------------- repeatability


def train_briefly(seed: int) -> dict[str, np.ndarray]:
    mdp = corridor_mdp()
    q = mdp.soft_q(mdp.features @ THETA_PRIOR, temperature=0.5, gamma=0.8)
    learner = replace(LEARNER, prior_temperature=0.5)
    training = new_training(mdp, TASK.simulate(10), learner=learner, prior=table_policy(q, 0.5), seed=seed)
    training.start_phase(seed=seed, index=0)
    training.train(1000, LinearReward(THETA_EXPERT), epsilon=0.3)
    return training.arrays()


def test_same_seed_bit_equal_two_seeds_differ():
    """Parameters, optimiser and every recorded transition."""
    one, again, other = train_briefly(3), train_briefly(3), train_briefly(4)
    assert one.keys() == again.keys()
    assert all(np.array_equal(one[name], again[name]) for name in one)
    for name in ("learner.q[0].weight", "learner.target_q[0].bias", "replay.obs", "replay.action"):
        assert not np.array_equal(one[name], other[name])


def test_stretches_differ_by_their_index():
    """Two stretches of one run start in different episodes, explore differently and draw different batches."""
    mdp = corridor_mdp()
    first, second = (new_training(mdp, TASK.simulate(10)) for _ in range(2))
    for index, training in enumerate([first, second]):
        training.start_phase(seed=0, index=index)
        training.train(400, LinearReward(THETA_PRIOR), epsilon=1.0)
    for column in ("obs", "action"):  # at epsilon = 1 an action depends on nothing but the exploration's own stream
        assert not np.array_equal(first.arrays()[f"replay.{column}"], second.arrays()[f"replay.{column}"])

    drawn = []
    for index in range(2):  # from the same replay
        training = new_training(mdp, TASK.simulate(10))
        training.replay.restore({n: a.copy() for n, a in first.replay.state().items()})
        training.start_phase(seed=0, index=index)
        drawn.append(training.replay.draw(training._drawing, (50,), LinearReward(THETA_PRIOR)).obs)
    assert not np.array_equal(*drawn)


def test_the_loss_is_this_stretchs():
    """NaN before a stretch's first update, also where another stretch came before: a resumed run reports the same."""
    training = new_training(corridor_mdp(), TASK.simulate(10))
    assert np.isnan(training.loss)
    training.start_phase(seed=0, index=0)
    training.train(600, LinearReward(THETA_PRIOR), epsilon=1.0)
    assert 0 < training.loss < 1
    training.start_phase(seed=0, index=1)
    assert np.isnan(training.loss)


def test_nothing_is_learned_before_learning_starts_and_then_at_the_promised_rate():
    """400 steps come first; from there half an update per step, batch for batch: Adam counts them."""
    mdp = corridor_mdp()
    training = new_training(mdp, TASK.simulate(10))
    training.start_phase(seed=0, index=0)
    counts = []
    for _ in range(4):
        training.train(200, LinearReward(THETA_PRIOR), epsilon=0.5)
        (count,) = (array for name, array in training.state.arrays().items() if name.endswith(".count"))
        counts.append(int(count))
    assert counts == [0, 100, 200, 300]
    assert training.replay.added == 800


def test_what_is_recorded_is_what_happened():
    """Transitions follow the process: successors, features, terminations, and the prior's distribution at both ends."""
    rng = np.random.default_rng(1)
    mdp = random_mdp(rng)
    prior = table_policy(rng.normal(size=(5, 3)), 1.0)
    simulator = TabularSimulator(mdp, 10, limits=[1, 2, 3])
    learner = replace(LEARNER, prior_temperature=0.5)
    training = new_training(mdp, simulator, learner=learner, schedule=ONLY_ACT, prior=prior)
    training.start_phase(seed=0, index=0)
    training.train(600, LinearReward(np.ones(2)), epsilon=0.5)
    recorded = training.replay.columns
    log_probs = prior.distribution(np.eye(5)).log_probs
    for n in range(training.replay.size):
        state, action, reached = recorded.obs[n].argmax(), recorded.action[n], recorded.next_obs[n].argmax()
        assert reached in mdp.successors[state, action]
        assert recorded.terminated[n] == mdp.terminal[reached]
        np.testing.assert_allclose(recorded.features[n], mdp.features[state, action], rtol=1e-6)
        np.testing.assert_allclose(recorded.prior[n], log_probs[state], rtol=1e-5)
        np.testing.assert_allclose(recorded.next_prior[n], log_probs[reached], rtol=1e-5)
    assert not mdp.terminal[recorded.obs[: training.replay.size].argmax(axis=1)].any()  # no action follows an end


def test_exploration_falls_linearly():
    schedule = replace(SCHEDULE, epsilon_start=1.0, epsilon_end=0.2, exploration_fraction=0.5)
    np.testing.assert_allclose([schedule.epsilon(f) for f in (0, 0.25, 0.5, 0.75, 1)], [1.0, 0.6, 0.2, 0.2, 0.2])
    assert SCHEDULE.epsilon(0.0) == 1.0


def test_epsilon_is_the_share_of_random_actions():
    """A learner that is sure of action 2 takes it with 1 - epsilon + epsilon / 3."""
    mdp = MDP(np.zeros((1, 3, 1), int), np.array([False]), np.zeros((1, 3, 1)))
    sure = table_policy(np.array([[0.0, 0.0, 50.0]]), 1.0)
    learner = replace(LEARNER, gamma=0.0, prior_temperature=0.5)
    for epsilon in (0.0, 0.3, 1.0):
        simulator = TabularSimulator(mdp, 10, limits=[50])
        training = new_training(mdp, simulator, learner=learner, schedule=ONLY_ACT, prior=sure)
        training.start_phase(seed=0, index=0)
        training.train(4000, LinearReward(np.zeros(1)), epsilon=epsilon)
        taken = np.bincount(training.replay.columns.action[:4000], minlength=3) / 4000
        np.testing.assert_allclose(taken, [epsilon / 3, epsilon / 3, 1 - epsilon * 2 / 3], atol=0.03)


# ------------------------------------------------------------------------------------------------------- training


def test_a_resumed_training_is_exact():
    """Two legs and a restart and two legs are four legs, bit for bit."""
    settings = TrainingSettings(
        n_steps=1600, checkpoint_interval=400, learner=LEARNER, schedule=SCHEDULE, replay_capacity=700, alive_bonus=0.0
    )
    reward = LinearReward(THETA_PRIOR, bonus=0.1)
    whole = Training(TASK, reward, settings, seed=5)
    assert list(whole.run_phases()) == [400, 800, 1200, 1600]
    half = Training(TASK, reward, settings, seed=5)
    run_phases = half.run_phases()
    assert [next(run_phases), next(run_phases)] == [400, 800]
    saved = {name: array.copy() for name, array in half.state().items()}
    rest = Training(TASK, reward, settings, seed=5)
    rest.restore(saved)
    assert list(rest.run_phases()) == [1200, 1600]
    one, other = whole.state(), rest.state()
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(one["learner.q[0].weight"], saved["learner.q[0].weight"])
