"""Policy families in the corridor: members against exact solutions, evidence against the members themselves."""

import itertools
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from corridor_runs import ALPHA, GAMMA, LEFT, LENGTH, PRIOR, SETTINGS, all_observations, expert, task_of
from exact import corridor_mdp
from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback, WithinIntervention, is_over
from mereq.alignment.missing_features import missing_features
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING, PosteriorImprover
from mereq.alignment.replay import replayed
from mereq.alignment.schedule import PolicyVersion, Resume, Sequential
from mereq.alignment.two_part_alignment import MEREQ_BAYES_CSIL, MEREQ_BAYES_IQ
from mereq.alignment.wishes_alignment import MEREQ_BAYES_WISHES
from mereq.commands.posterior import posterior_lines
from mereq.commands.show import run_report
from mereq.core.actions import Discrete
from mereq.core.errors import CorruptCheckpoint, IncompleteTask, WrongTask, WrongValue
from mereq.core.reward import LinearReward
from mereq.core.supervisor import Controller
from mereq.exports import export, read_runs
from mereq.exports.reading import read_dataset
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl import family_evidence as family_evidence_module
from mereq.irl.belief import Belief
from mereq.irl.candidates import Candidate
from mereq.irl.family_evidence import ROWS, CategoricalEvidence, ContinuousEvidence, StepFeatures, family_evidence
from mereq.irl.fit import cross_validated_fit
from mereq.irl.influence import contradictions
from mereq.maxent_rl.family import ConditionedReplay, ThetaRegion, with_theta
from mereq.maxent_rl.family_training import FamilySettings, FamilyTraining
from mereq.maxent_rl.networks import apply_mlp
from mereq.maxent_rl.replay import Transitions
from mereq.maxent_rl.training import TrainingSettings
from mereq.maxent_rl.two_stream import (
    Conditioning,
    apply_two_stream,
    apply_two_stream_numpy,
    init_network,
    network_to_numpy,
    theta_direction,
)
from mereq.store.families import load_family, save_family
from mereq.store.recording import record
from mereq.store.run_writer import RunWriter
from mereq.supervision.synthesized import DivergenceExpert
from mereq.tasks.corridor import FORWARD, SWITCH, THETA_EXPERT, THETA_PRIOR
from toys import TabularSimulator, table_policy

TRAINING = TrainingSettings(
    n_steps=12_000,
    checkpoint_interval=6_000,
    learner=replace(SETTINGS.learner, hidden=(32,), learning_rate=5e-3, decay_updates=3000),
    schedule=replace(SETTINGS.schedule, updates_per_step=0.25, epsilon_end=0.5),
    replay_capacity=12_000,
    alive_bonus=0.0,
)
FAMILY = FamilySettings(training=TRAINING, limit=(1.5,), zero=1 / 3, rank=8)
WISH = (THETA_EXPERT - THETA_PRIOR).astype(np.float32)


def prepared(settings=FAMILY):
    training = FamilyTraining(task_of(), PRIOR, settings, seed=0)
    for _ in training.run_phases():
        pass
    return training.family


@pytest.fixture(scope="module")
def family():
    return prepared()


def test_the_member_at_zero_is_the_prior_itself(family):
    member, obs = family.member(np.zeros_like(WISH), PRIOR), all_observations()
    np.testing.assert_allclose(member.distribution(obs).log_probs, PRIOR.distribution(obs).log_probs, atol=1e-6)


@pytest.mark.parametrize("share", [-0.5, 0.5, 1.0])
def test_members_are_the_optimal_policies_of_prior_plus_theta(family, share):
    """Residual soft Q-learning on top of the exact prior gives the soft optimum of the sum of both rewards."""
    mdp, theta = corridor_mdp(LENGTH), share * WISH
    q = mdp.soft_q(mdp.features @ (THETA_PRIOR + theta), temperature=ALPHA, gamma=GAMMA)
    exact = np.exp(q / ALPHA) / np.exp(q / ALPHA).sum(axis=1, keepdims=True)
    found = np.exp(family.member(theta, PRIOR).distribution(all_observations()).log_probs)
    visited = np.abs(found - exact).reshape(2, LENGTH, 3)[:, :9]  # few get much further within an episode
    assert visited.max() < 0.15
    assert visited.mean() < 0.02


def test_a_member_is_the_two_stream_network_at_its_theta(family):
    obs = all_observations()
    member = family.member(WISH, PRIOR)
    both = apply_two_stream_numpy(family.network, with_theta(np.broadcast_to(WISH, (len(obs), len(WISH))), obs))
    np.testing.assert_allclose(member.values(obs), both, rtol=1e-4, atol=1e-5)


def test_groups_of_states_share_theta_in_updates():
    """Forward pass and gradients of updates: the formula of `two_stream`, written out for every state."""
    rng, (n_groups, n_states, n_weights, n_obs, rank) = np.random.default_rng(0), (3, 5, 2, 4, 3)
    network = init_network(
        jax.random.key(0), (n_obs, 6, 3), zero_head=False, conditioning=Conditioning(n_weights, rank)
    )
    theta, obs = rng.normal(size=(n_groups, 1, n_weights)), rng.normal(size=(n_groups, n_states, n_obs))
    inputs = np.concatenate([np.broadcast_to(theta, (n_groups, n_states, n_weights)), obs], axis=2, dtype=np.float32)

    def written_out(network, inputs):
        theta, x = inputs[..., :n_weights], inputs[..., n_weights:]
        phi = apply_mlp(network.states, x).reshape(n_groups, n_states, 3, n_weights, rank)
        g = jnp.concatenate([jnp.ones((*theta.shape[:-1], 1)), apply_mlp(network.thetas, theta)], axis=-1)
        return jnp.einsum("gsf,gsofk,gsk->gso", theta, phi, g) / np.sqrt(rank)

    expected = jax.jit(written_out)(network, inputs)

    def slope(f):
        return jax.jit(jax.grad(lambda network: jnp.sin(f(network, inputs)).sum()))(network)

    np.testing.assert_allclose(jax.jit(apply_two_stream)(network, inputs), expected, atol=1e-5)
    rows = apply_two_stream_numpy(network_to_numpy(network), inputs.reshape(-1, n_weights + n_obs))
    np.testing.assert_allclose(rows.reshape(n_groups, n_states, 3), expected, atol=1e-5)
    ours, theirs = slope(apply_two_stream), slope(written_out)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4), ours, theirs)


@pytest.mark.parametrize(("batch_size", "states"), [(128, 4), (66, 2), (35, 1), (5, 1)])
def test_batches_come_in_groups_that_share_theta(batch_size, states):
    """As few thetas as divide the batch and are 32 or more; each transition has the price of its group's theta."""
    region, n, rng = ThetaRegion(np.array([1.5, 0.5])), 20, np.random.default_rng(0)
    replay = ConditionedReplay(region, n, obs_size=5, actions=Discrete(3), n_features=2)
    obs, features = rng.normal(size=(n, 5)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32)
    prior = np.zeros((n, 3), np.float32)
    columns = Transitions(obs, np.zeros(n, int), obs, features, np.zeros(n, bool), prior, prior)
    replay.add(columns, LinearReward(np.zeros(2)))
    batch = replay.draw(rng, (4, batch_size), LinearReward(np.zeros(2)))
    assert batch.reward.shape == (4, batch_size // states, states)
    theta = batch.obs[..., :2]
    assert (theta == theta[..., :1, :]).all()
    np.testing.assert_array_equal(batch.next_obs, batch.obs)
    of_state = {tuple(o[2:]): f for o, f in zip(obs, features, strict=True)}
    found = np.array([of_state[tuple(o[2:])] for o in batch.obs.reshape(-1, 5)])
    np.testing.assert_allclose((found * theta.reshape(-1, 2)).sum(axis=1), batch.reward.ravel(), rtol=1e-5, atol=1e-6)
    assert len(np.unique(theta[0].reshape(-1, 2), axis=0)) > 1


def test_evidence_is_the_log_probability_of_the_members(family):
    obs, thetas = all_observations(), np.stack([0 * WISH, WISH, -0.3 * WISH])
    actions = np.arange(len(obs)) % 3
    habits = np.array([[0.0, 0.0, 0.0], [0.4, 0.0, -0.7], [0.0, -0.3, 0.2]])
    found = family_evidence(family, PRIOR, obs, actions).log_probs(thetas, np.ones(3), habits)
    for i, (theta, habit) in enumerate(zip(thetas, habits, strict=True)):
        log_probs = family.member(theta, PRIOR, habit=habit).distribution(obs).log_probs
        np.testing.assert_allclose(found[:, 0, i], log_probs[np.arange(len(obs)), actions], rtol=1e-3, atol=1e-4)
    plain, habitual = (family.member(WISH, PRIOR, habit=each).distribution(obs).log_probs for each in (0.0, habits[1]))
    np.testing.assert_allclose(habitual[:, 0] - habitual[:, 2], plain[:, 0] - plain[:, 2] + 1.1, atol=1e-4)


@pytest.mark.parametrize("block", [1, 40, 10_000])
def test_evidence_in_blocks_is_the_formula_written_out(monkeypatch, block):
    """Choices that are next to impossible included, and continuous actions with both kinds of modes."""
    rng, (n, n_actions, m, n_weights) = np.random.default_rng(0), (7, 3, 4, 2)
    monkeypatch.setattr(family_evidence_module, "BLOCK", block)
    network = network_to_numpy(
        init_network(jax.random.key(0), (5, 6, n_actions), zero_head=False, conditioning=Conditioning(n_weights, 3))
    )
    phi = rng.normal(size=(n, n_actions, 3 * n_weights)).astype(np.float32)
    prior, theta = rng.normal(size=(n, n_actions)), rng.normal(size=(m, n_weights))
    beta, habit = np.array([0.5, 1.0, 3.0, 400.0]), rng.normal(size=(m, n_actions))
    change = np.einsum("saj,mj->sam", phi, theta_direction(network, theta))
    chosen = rng.integers(0, n_actions, n)
    odds = beta / 0.5 * (change + 0.2 * prior[:, :, None]) + habit.T
    written_out = odds[np.arange(n), chosen] - np.logaddexp.reduce(odds, axis=1)
    found = CategoricalEvidence(network, phi, prior, chosen, 0.5, 0.2).log_probs(theta, beta, habit)
    assert written_out.min() < -200.0
    np.testing.assert_allclose(found[:, 0], written_out, rtol=1e-4, atol=1e-5)
    actions, nothing = rng.uniform(-1, 1, (n, n_actions)), np.zeros((m, 0))
    for squashed, mode in ((True, np.tanh), (False, lambda mean: np.clip(mean, -1.0, 1.0))):
        found = ContinuousEvidence(network, phi, prior, actions, squashed).log_probs(theta, beta, nothing)
        distance = np.abs(actions[:, :, None] - mode(change + prior[:, :, None]))
        np.testing.assert_allclose(found, np.log(beta / 2) - beta * distance, rtol=1e-4, atol=1e-4)


class CountingPrior:
    """The prior, which counts the observations that it is asked for."""

    asked = 0

    def distribution(self, obs):
        self.asked += len(obs)
        return PRIOR.distribution(obs)


def test_features_of_steps_are_computed_once_and_to_the_same_digit(family):
    """Whether a log grew step by step, or is read at once: a resumed run goes on exactly."""
    obs = all_observations()[np.random.default_rng(0).integers(0, 2 * LENGTH, 3 * ROWS + 5)]
    prior = CountingPrior()
    growing = StepFeatures(family, prior)
    for n in (1, ROWS - 1, ROWS, 2 * ROWS + 1, len(obs)):
        found, at_once = growing.of(obs[:n]), StepFeatures(family, PRIOR).of(obs[:n])
        for name in ("obs", "phi", "parameters"):
            np.testing.assert_array_equal(getattr(found, name), getattr(at_once, name))
    known = prior.asked
    growing.of(obs)
    assert prior.asked - known == ROWS  # the last block, which is not whole
    changed = obs.copy()
    changed[ROWS] += 1.0
    np.testing.assert_array_equal(growing.of(changed).phi, StepFeatures(family, PRIOR).of(changed).phi)


def test_an_interrupted_preparation_goes_on_exactly():
    short = replace(FAMILY, training=replace(TRAINING, n_steps=1200, checkpoint_interval=600))
    whole = prepared(short)
    first = FamilyTraining(task_of(), PRIOR, short, seed=0)
    next(first.run_phases())
    second = FamilyTraining(task_of(), PRIOR, short, seed=0)
    second.restore(first.state())
    for _ in second.run_phases():
        pass
    for left, right in zip(whole.network.states, second.family.network.states, strict=True):
        np.testing.assert_array_equal(left.weight, right.weight)


def test_a_family_is_stored_and_read(family, tmp_path):
    save_family(tmp_path / "family", family, about={"prior_sha256": "x"})
    loaded, about = load_family(tmp_path / "family", task_of())
    assert about["prior_sha256"] == "x"
    obs = all_observations()
    left, right = (each.member(WISH, PRIOR).distribution(obs).log_probs for each in (family, loaded))
    np.testing.assert_array_equal(left, right)
    with pytest.raises(CorruptCheckpoint, match="but the task corridor needs"):
        load_family(tmp_path / "family", replace(task_of(), obs_size=5))
    with pytest.raises(CorruptCheckpoint, match="does not fit the 1 features"):
        load_family(tmp_path / "family", replace(task_of(), feature_names=("one",)))


def test_limits_of_theta_must_fit_the_features():
    with pytest.raises(WrongValue, match="There are 7 limits of theta"):
        FamilyTraining(task_of(), PRIOR, replace(FAMILY, limit=(1.0,) * 7), seed=0)
    with pytest.raises(WrongValue, match="Give one finite number for each feature"):
        replace(FAMILY, limit=(0.0,))


# ------------------------------------------------------------------------------------------------------ the method


def bayes_events(family, resume=None, n_rounds=2, learning=AtHandback):
    method = replace(MEREQ_BAYES, family=family)
    how = {"seed": 1, "n_rounds": n_rounds, "rate_threshold": 0.0, "learning": learning, "resume": resume}
    return events(task_of(), PRIOR, expert(), method, SETTINGS, **how)


def test_the_policy_is_aligned_after_a_handful_of_interventions(family):
    """The wish is found, and the policy's last round has a tenth of the interventions of the prior's."""
    rounds = [event for event in bayes_events(family) if isinstance(event, Round)]
    assert rounds[-1].theta[LEFT] > 0.4
    assert rounds[-1].intervention_rate < 0.05
    assert rounds[-1].expert_steps < 60


def test_a_new_policy_acts_from_the_step_after_the_handback(family):
    steps, versions = [], []
    for event in bayes_events(family, n_rounds=1):
        if isinstance(event, SupervisedStep):
            steps.append(event)
        elif isinstance(event, PolicyVersion):
            versions.append((event.version, len(steps)))
            assert is_over(steps)
    assert versions
    for version, n in versions:
        assert [step.version for step in steps[n : n + 1]] in ([version], [])
    assert steps[0].version == 0


def test_an_intervention_for_the_other_side_contradicts_the_others(family):
    """Planted: from the left side, the supervisor leads the robot to the right side and stays there."""
    rollout = next(event for event in bayes_events(family, n_rounds=1) if isinstance(event, Round)).rollout
    cells, actions = [1, LENGTH + 1, LENGTH + 2, LENGTH + 3], [SWITCH, FORWARD, FORWARD, FORWARD]
    planted = Rollout.of(
        SupervisedStep(0, i, obs, FORWARD, action, Controller.EXPERT, obs, np.zeros(3), False, False)
        for i, (obs, action) in enumerate(zip(all_observations()[cells], actions, strict=True))
    )
    improver = PosteriorImprover(task_of(), PRIOR, family, SETTINGS.posterior, seed=0)
    log = InterventionLog((rollout, planted))
    posterior = improver.infer(log)
    likelihood = improver.likelihood(log)
    np.testing.assert_allclose(
        likelihood.without_passed().with_takeovers(posterior.draws),
        likelihood.with_takeovers(posterior.draws),
        rtol=1e-5,
    )
    found = contradictions(likelihood, posterior)
    assert found[-1] > 0.5 > found[:-1].max()
    list(improver.improve(log, 0))  # what each intervention does, without the stretches that passed
    assert improver.belief is not None
    told = improver.belief.interventions
    assert [each.contradiction for each in told] == pytest.approx(found, abs=1e-4)
    assert (told[-1].round, told[-1].place) == (1, "episode 0, steps 0 to 3")
    assert told[-1].without[LEFT] > improver.theta[LEFT]


def test_show_says_what_the_newest_posterior_says(family, tmp_path, caplog):
    """The newest policy counts, whether or not its round is finished."""
    newest = None
    with RunWriter.create(tmp_path / "run", {"n_rounds": 1}) as writer:
        assert run_report(tmp_path / "run")["posterior"] is None
        for event in record(bayes_events(family, n_rounds=1), writer):
            newest = event if isinstance(event, PolicyVersion) else newest
    assert newest is not None
    assert newest.belief is not None
    shown = run_report(tmp_path / "run")["posterior"]
    assert (shown["version"], shown["learned_from"]) == (newest.version, newest.learned_from)
    for said, found, mean in zip(shown["features"], newest.belief.weights, newest.theta, strict=True):
        assert said["mean"] == pytest.approx(mean)
        assert said["interval"] == [found.low, found.high]
        assert found.low <= mean <= found.high
    assert shown["features"][LEFT]["sign"] == newest.belief.weights[LEFT].sign
    lines = posterior_lines(shown)
    assert lines[1 + LEFT] == f"  {shown['features'][LEFT]['name']}: {newest.belief.weights[LEFT].words}"
    rationality, last, *rest = lines[1 + len(shown["features"]) + len(shown["confused"]) :]
    assert rationality.startswith("  rationality: ")
    told, effect = shown["interventions"], newest.belief.interventions[-1]
    assert last == f"the last intervention (round 0, {effect.place}) changed: {newest.belief.moved_by(effect)}"
    assert len(told) == len(newest.belief.interventions)
    assert [each["contradiction"] for each in told] == sorted((e["contradiction"] for e in told), reverse=True)
    assert len(rest) == sum(each["contradicts"] for each in told) + any(each["contradicts"] for each in told)
    (tmp_path / "run" / "checkpoints" / f"version-{newest.version:04d}.json").unlink()
    assert run_report(tmp_path / "run")["posterior"] is None  # all else is shown
    assert "cannot be read" in caplog.text


def supervised_prior(family):
    """A round in which nothing is learned, with an intervention in about half of its episodes."""
    rounds = bayes_events(family, n_rounds=1, learning=Sequential)
    return next(event for event in rounds if isinstance(event, Round)).rollout


def test_without_the_wishs_feature_the_fit_is_poor(family):
    """Cross-validated over interventions: with the left side theta explains most of them, without it hardly any."""
    rollout = supervised_prior(family)
    log, shares = InterventionLog((rollout,)), []
    for hidden in (False, True):
        limit = np.where(hidden & (np.arange(3) == LEFT), 1e-6, family.region.limit)
        without = replace(family, region=replace(family.region, limit=limit))
        improver = PosteriorImprover(task_of(), PRIOR, without, SETTINGS.posterior, seed=0)
        likelihood, rng = improver.likelihood(log), np.random.default_rng(0)
        obs = rollout.obs[likelihood.decisions.shown.steps]
        fit = cross_validated_fit(likelihood, improver.before, obs, lambda theta: np.zeros(0), rng=rng, draws=128)
        assert fit is not None
        shares.append(fit.share)
    assert shares[0] > 0.7
    assert shares[1] < 0.3


def test_the_wishs_feature_is_offered_where_it_is_missing(family):
    """By the user's own candidate, and beside it the left cell in which most interventions end."""
    log = InterventionLog((supervised_prior(family),))
    own = [Candidate("left", lambda moves: moves.features[:, LEFT])]
    offered = []
    for limit in (1e-6, 1.5):
        region = replace(family.region, limit=np.where(np.arange(3) == LEFT, limit, family.region.limit))
        without = replace(family, region=region)
        improver = PosteriorImprover(task_of(), PRIOR, without, SETTINGS.posterior, seed=0)
        how = {"run_seed": 1, "learner": SETTINGS.learner, "own": own}
        found = missing_features(task_of(), PRIOR, without, improver, log, **how)
        offered.append([found.candidates[h].name for h in found.offered])
        assert all(found.where[k].first >= 1 for h in found.offered for k in found.asking(h))
    assert "left" in offered[0]
    assert offered[1] == []


def test_missing_features_need_interventions_and_a_simulator_that_can_be_rewound(family):
    rollout = supervised_prior(family)
    forward = replace(task_of(), simulate=lambda n: TabularSimulator(corridor_mdp(LENGTH), n, limits=[12]))
    improver = PosteriorImprover(forward, PRIOR, family, SETTINGS.posterior, seed=0)
    how = {"run_seed": 1, "learner": SETTINGS.learner}
    with pytest.raises(WrongTask, match="cannot be rewound"):
        missing_features(forward, PRIOR, family, improver, InterventionLog((rollout,)), **how)
    few = InterventionLog((rollout.only(rollout.episode == rollout.episode[rollout.by_expert][0]),))
    found = missing_features(forward, PRIOR, family, improver, few, **how)
    assert found.test is None
    assert 0 < len(found.where) < 5


def test_an_exported_run_gives_its_own_theta_again(family, tmp_path):
    """`mereq align --from`: the same steps, read from CSV, and the same posterior, to the last digit."""
    with RunWriter.create(tmp_path / "run", {"task": "mine"}) as writer:
        done = [event for event in record(bayes_events(family, n_rounds=2), writer) if isinstance(event, Round)]
    export(read_runs([tmp_path / "run"], task=task_of()), "csv", tmp_path / "csv")
    read = read_dataset(tmp_path / "csv", task_of(), PRIOR)
    improver = replace(MEREQ_BAYES, family=family).start(task_of(), PRIOR, SETTINGS, seed=1)
    found = [event for event in replayed(read, improver) if isinstance(event, Round)]
    assert [each.expert_steps for each in found] == [each.expert_steps for each in done]
    np.testing.assert_array_equal([each.theta for each in found], [each.theta for each in done])


def test_a_changed_mind_is_followed_within_twenty_expert_samples(family):
    """The second supervisor wants the other side: the same steps with both sides of the corridor exchanged."""
    rollout = supervised_prior(family)
    exchanged = rollout.only(np.cumsum(rollout.by_expert) <= 20)
    exchanged = replace(exchanged, obs=np.roll(exchanged.obs, LENGTH, axis=1))
    log = InterventionLog((rollout, exchanged))
    start = replace(SETTINGS, posterior=replace(SETTINGS.posterior, draws=256))
    found = {
        method.name: replace(method, family=family).start(task_of(), PRIOR, start, seed=0).infer(log).mean[LEFT]
        for method in (MEREQ_BAYES, MEREQ_BAYES_FADING)
    }
    assert found["mereq-bayes"] > 0.5
    assert found["mereq-bayes-fading"] < -0.1


def wanting(left):
    """The corridor's rule with the optimal expert of another wish: a weight of the left side for each cell."""
    mdp = corridor_mdp(LENGTH)
    reward = mdp.features @ THETA_PRIOR + left[:, None] * mdp.features[:, :, LEFT]
    policy = table_policy(mdp.soft_q(reward, temperature=ALPHA, gamma=GAMMA), ALPHA)
    return DivergenceExpert(policy, expert()._engine.rule)


def last_round(family, method, supervisor, n_rounds):
    """The last round and the last policy version of a run."""
    how = {"seed": 1, "n_rounds": n_rounds, "rate_threshold": 0.0, "learning": AtHandback}
    settings = replace(SETTINGS, posterior=replace(SETTINGS.posterior, draws=192))
    seen = list(events(task_of(), PRIOR, supervisor, replace(method, family=family), settings, **how))
    rounds, versions = ([e for e in seen if isinstance(e, kind)] for kind in (Round, PolicyVersion))
    return rounds[-1], versions[-1]


def test_a_wish_that_no_theta_says_is_met_with_an_unnamed_part(family):
    """The left side in the first five cells and the right side after them: of both, theta has one weight."""
    wish = np.where(np.arange(2 * LENGTH) % LENGTH < 5, 2.0, -2.0)
    linear, _ = last_round(family, MEREQ_BAYES, wanting(wish), 1)
    for method in (MEREQ_BAYES_CSIL, MEREQ_BAYES_IQ):
        found, version = last_round(family, method, wanting(wish), 2)
        assert found.expert_steps < 0.5 * linear.expert_steps
        assert found.intervention_rate < 0.05
        assert version.belief is not None
        assert version.belief.unnamed is not None
        assert Belief.from_json(json.loads(json.dumps(version.belief.to_json()))) == version.belief
        improver = replace(method, family=family).start(task_of(), PRIOR, SETTINGS, seed=1)
        improver.restore(found.state())
        ours, recorded = (p.distribution(all_observations()).log_probs for p in (improver.policy, found.policy))
        np.testing.assert_array_equal(ours, recorded)


class Alternates:
    """Two supervisors who take turns, an episode each."""

    def __init__(self, *supervisors):
        self._supervisors = itertools.cycle(supervisors)

    def begin_episode(self, seed):
        self._now = next(self._supervisors)
        self._now.begin_episode(seed)

    def decide(self, context):
        return self._now.decide(context)


def test_two_wishes_that_alternate_are_told_apart(family, tmp_path):
    """Both signs are right, and so is which intervention shows which wish."""
    sides = [wanting(np.full(2 * LENGTH, side)) for side in (1.5, -1.5)]
    _, version = last_round(family, MEREQ_BAYES_WISHES, Alternates(*sides), 1)
    assert version.belief is not None
    other = version.belief.other
    assert other is not None
    assert other.probability > 0.9
    assert abs(version.theta[LEFT]) > 0.5
    assert np.sign(other.weights[LEFT].mean) == -np.sign(version.theta[LEFT])
    last = version.belief.interventions[-1].episode % 2
    shown = [each.episode % 2 != last for each in version.belief.interventions]
    assert list(other.shown_by) == np.flatnonzero(shown).tolist()
    assert Belief.from_json(json.loads(json.dumps(version.belief.to_json()))) == version.belief


def test_without_a_family_the_method_says_what_is_missing():
    with pytest.raises(IncompleteTask, match="needs a policy family of the task corridor"):
        MEREQ_BAYES.start(task_of(), PRIOR, SETTINGS, seed=0)


@pytest.mark.parametrize("cut", [0.1, 0.35, 0.5, 0.9])
def test_an_interrupted_run_goes_on_exactly(family, cut):
    whole = list(bayes_events(family))
    seen = whole[: int(cut * len(whole))]
    rounds = [event for event in seen if isinstance(event, Round)]
    steps = [event for event in seen if isinstance(event, SupervisedStep)]
    n = SETTINGS.rollout_steps
    parts = [tuple(steps[i : i + n]) for i in range(0, len(steps), n)]
    versions = [event for event in seen if isinstance(event, PolicyVersion)]
    resume = Resume(
        log=InterventionLog(tuple(Rollout.of(part) for part in parts[: len(rounds)])),
        state=rounds[-1].state() if rounds else None,
        recorded=tuple(parts[len(rounds) :]),
        published=tuple(versions[-1:]),
    )
    rest = [event for event in bayes_events(family, resume) if isinstance(event, SupervisedStep)]
    wanted = [event for event in whole if isinstance(event, SupervisedStep)][len(steps) :]
    assert [(s.version, s.executed, s.controller) for s in rest] == [
        (s.version, s.executed, s.controller) for s in wanted
    ]


@pytest.mark.parametrize(
    ("controllers", "ends", "over"),
    [("PE", "", False), ("PEP", "", True), ("PPP", "", False), ("PE", "end", True), ("EPP", "", False)],
)
def test_when_an_intervention_is_over(controllers, ends, over):
    obs = np.zeros(1, np.float32)
    who = {"P": Controller.POLICY, "E": Controller.EXPERT}
    last = len(controllers) - 1
    steps = [
        SupervisedStep(0, i, obs, 0, 0, who[c], obs, np.zeros(1), False, bool(ends) and i == last)
        for i, c in enumerate(controllers)
    ]
    assert is_over(steps) is over


class Counts:
    """An improver that remembers how many steps it learned from."""

    policy, theta = PRIOR, np.zeros(1)

    def __init__(self):
        self.learned_from = []

    def improve(self, log, iteration):
        self.learned_from.append(log.steps)
        yield from ()

    def state(self):
        return {}

    def restore(self, state): ...


def test_within_an_intervention_it_learns_after_every_fourth_step():
    improver, obs, steps = Counts(), np.zeros(1, np.float32), []
    schedule = WithinIntervention(improver, Resume())
    for i, controller in enumerate("PEEEEEEEEEPP"):
        who = Controller.EXPERT if controller == "E" else Controller.POLICY
        steps.append(SupervisedStep(0, i, obs, 0, 0, who, obs, np.zeros(1), False, False))
        list(schedule.after_step(InterventionLog(), steps))
    assert improver.learned_from == [5, 9, 11]
