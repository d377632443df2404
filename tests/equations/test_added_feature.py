"""Score of a feature that theta does not weigh: against exact values of the policy with the feature added."""

import numpy as np
import pytest

from exact import random_mdp
from mereq.core.actions import Box, Discrete
from mereq.core.errors import WrongTask
from mereq.core.policy import LogitsPolicy
from mereq.core.seeding import episode_seed
from mereq.interventions.log import InterventionLog
from mereq.irl.added_feature import choice_scores, mode_slopes
from mereq.irl.candidates import Candidate, Moves, library, values
from mereq.irl.foresight import Place, foreseen, places
from mereq.irl.score_test import Scores, holm, score_test
from residual_processes import ALPHA, a_process, parts, residual_q
from toys import EXPERT, RewindableTable, one_hot, rollout


def test_the_score_is_the_derivative_by_the_weight_of_the_added_feature():
    """Second feature hidden, theta of the first one alone: log pi with a small weight of the second, solved exactly."""
    mdp, log_prior = a_process(np.random.default_rng(0))
    theta, rationality, h = np.array([0.7, 0.0]), 1.7, 1e-5

    def log_policy(weight):
        q = residual_q(mdp, log_prior, theta + np.array([0.0, weight]))
        scores = rationality * (q / ALPHA + log_prior)
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    psi, _ = parts(mdp, log_prior, theta)
    states, chosen = np.array([0, 1, 2, 3, 0]), np.array([0, 2, 1, 1, 1])
    slopes = rationality / ALPHA * psi[states][..., 1:]
    of_steps, information = choice_scores(log_policy(0.0)[states], chosen, slopes)
    exact = (log_policy(h) - log_policy(-h)) / (2 * h)
    np.testing.assert_allclose(of_steps[:, 0], exact[states, chosen], atol=1e-6)
    fisher = (np.exp(log_policy(0.0)) * exact**2).sum(axis=1)[states].sum()
    assert information[0, 0] == pytest.approx(fisher, rel=1e-5)


def test_the_mode_of_a_quadratic_follows_its_linear_part():
    """exp(Q / alpha), Q = -k (a - b)^2 / 2 + weight c.a: the mode moves by c / k, and the variance is alpha / k."""
    k, c, alpha = np.array([2.0, 5.0]), np.array([1.5, -0.4]), 0.3
    one = np.sqrt(alpha / k * 7 / 8)  # eight draws with this variance exactly
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]] * 2)
    firsts = (0.2 + one * signs)[None]
    found = mode_slopes(firsts, (firsts @ c)[:, :, None], alpha)
    np.testing.assert_allclose(found[0, :, 0], c / k, rtol=1e-6)


def test_foreseen_features_are_the_discounted_sums_of_rollouts():
    """A deterministic process and policy, by hand: until the end, for more places than environments."""
    mdp = random_mdp(np.random.default_rng(3), outcomes=1)
    table = np.random.default_rng(4).normal(size=(5, 3))
    policy = LogitsPolicy(lambda obs: obs @ table, 3)
    simulator = RewindableTable(mdp, 2, limits=[50])
    simulator.reset(0)
    starts = [Place((state, 50), one_hot(state, 5), None) for state in (0, 1, 3)]
    named = [
        Candidate("second", lambda moves: moves.features[:, 1]),
        Candidate("third state", lambda moves: moves.next_obs[:, 2]),
        Candidate("change", lambda moves: (moves.action != moves.action_before).astype(float)),
    ]
    firsts = np.tile(np.arange(3), (3, 1))
    found = foreseen(starts, firsts, simulator, policy, named, n_obs=5, gamma=0.9, horizon=6)
    for row, state in enumerate((0, 1, 3)):
        for action in range(3):
            here, act, before, wanted = state, action, action, np.zeros(3)
            for t in range(6):
                reached = mdp.successors[here, act, 0]
                wanted += 0.9**t * np.array([mdp.features[here, act, 1], reached == 2, act != before])
                if mdp.terminal[reached]:
                    break
                here, before, act = reached, act, int(table[reached].argmax())
            np.testing.assert_allclose(found[row, action], wanted)


def test_places_are_where_the_recorded_steps_were():
    mdp = random_mdp(np.random.default_rng(3), outcomes=1)
    simulator = RewindableTable(mdp, 1, limits=[50], starts=[0])
    simulator.reset(0)
    recorded = rollout([EXPERT] * 4, episodes=[0, 0, 1, 1])
    recorded.executed[:] = [1, 0, 2, 1]
    visited = [simulator.states_along(episode_seed(5, 0, e), recorded.executed[2 * e :], at=[0, 1]) for e in (0, 1)]
    recorded.__dict__["obs"] = np.stack([obs for episode in visited for _, obs in episode])
    found = places(InterventionLog((recorded,)), [0, 3], simulator, 5)
    assert [place.state[0] for place in found] == [visited[0][0][0][0], visited[1][1][0][0]]
    assert [place.action_before for place in found] == [None, 2]
    recorded.obs[3] = 0.5
    with pytest.raises(WrongTask, match="episode 1, step 1: the simulator does not reproduce"):
        places(InterventionLog((recorded,)), [0, 3], simulator, 5)


def test_the_library_has_every_varying_coordinate_and_the_actions():
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(40, 3))
    obs[:, 1] = 7.0
    actions = rng.normal(size=(40, 2))
    moves = Moves(obs, actions, obs, np.roll(actions, 1, axis=0), obs[:, :1])
    found = library(moves, Box(2), names=("height", "same", "side"), own=[Candidate("mine", lambda m: m.obs[:, 0])])
    names = [each.name for each in found]
    assert names[:3] == ["mine", "height", "height squared"]
    assert names[-3:] == ["|height - side|", "size of the action", "change of action"]
    assert not any("same" in name for name in names)
    assert len(found) == 1 + 2 * 5 + 1 + 2
    of = dict(zip(names, values(found, moves).T, strict=True))
    np.testing.assert_allclose(of["|height - side|"], np.abs(obs[:, 0] - obs[:, 2]))
    (middle,) = [name for name in names if name.startswith("side > ") and of[name].mean() == 0.5]
    np.testing.assert_array_equal(of[middle], obs[:, 2] > np.median(obs[:, 2]))
    assert len(library(moves, Discrete(2))) == 2 * 5 + 1


# ------------------------------------------------------------------------------------------------------- the test


def a_simulation(rng, *, weight=0.0, repeats=1, n=20):
    """Choices among three actions with two known features and eight candidates, the first of which may be wished.

    theta is inferred by Newton's method. repeats: equal steps in each intervention.
    """
    slopes = rng.normal(size=(n, 3, 10))
    wished = np.array([1.0, -0.5, weight, *np.zeros(7)])
    logits = slopes @ wished
    chosen = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    slopes, chosen = np.repeat(slopes, repeats, axis=0), np.repeat(chosen, repeats)
    x, precision = np.zeros(2), np.ones(2)
    for _ in range(30):
        scores = slopes[..., :2] @ x
        log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        of_steps, information = choice_scores(log_probs, chosen, slopes)
        x = x + np.linalg.solve(information[:2, :2] + np.diag(precision), of_steps[:, :2].sum(axis=0) - precision * x)
    of_units = np.add.reduceat(of_steps, np.arange(0, n * repeats, repeats), axis=0)
    parts = of_units[:, :2], of_units[:, 2:], information[:2, :2], information[:2, 2:], information[2:, 2:]
    return score_test(Scores(*parts), precision, x)


@pytest.mark.parametrize("repeats", [1, 5])
def test_nothing_is_offered_where_nothing_is_missing(repeats):
    """Steps of an intervention may be as correlated as can be; at 5 %, 300 runs offer anything in 15 on average."""
    rng = np.random.default_rng(repeats)
    wrong = sum(bool(len(a_simulation(rng, repeats=repeats).offered(0.05))) for _ in range(300))
    assert wrong <= 24


def test_a_missing_feature_is_offered_first_and_its_double_is_not_offered_again():
    rng = np.random.default_rng(0)
    found = [a_simulation(rng, weight=1.5, n=40).offered(0.05) for _ in range(20)]
    assert sum(len(each) > 0 and each[0] == 0 for each in found) >= 18
    tests = a_simulation(np.random.default_rng(1), weight=2.0, n=40)
    assert tests.z[0] > 3
    assert tests.resemblance(0)[0] == pytest.approx(1.0)
    assert (np.abs(tests.resemblance(0)[1:]) < 0.6).all()


def test_what_theta_can_say_already_is_no_new_feature():
    rng = np.random.default_rng(0)
    of_x, noise = rng.normal(size=(30, 2)), 1e-3 * rng.normal(size=(30, 1))
    of_h = of_x @ np.array([[2.0], [1.0]]) + noise
    product = {"information_xx": of_x.T @ of_x, "information_xh": of_x.T @ of_h, "information_hh": of_h.T @ of_h}
    found = score_test(Scores(of_x, of_h, **product), np.full(2, 1e-6), np.zeros(2))
    assert found.z[0] == 0.0
    assert len(found.offered(0.05)) == 0


def test_holm():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
