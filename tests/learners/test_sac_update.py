"""One call of `SAC.update`: the prior's columns, the target critics, compilation, and its state as a value."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from compiling import assert_compiles_once
from exact_sac import log_density
from mereq.core.actions import Box
from mereq.core.errors import CorruptCheckpoint, WrongValue
from mereq.core.policy import GaussianPolicy
from mereq.maxent_rl.networks import Layer, apply_mlp_numpy
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings, value
from mereq.maxent_rl.squashed_gaussian import LOG_STD

SETTINGS = SACSettings(
    hidden=(8,),
    learning_rate=1e-2,
    temperature_learning_rate=1e-2,
    gamma=0.9,
    tau=0.1,
    temperature=0.5,
    prior_temperature=0.5,
)
PLAIN = replace(SETTINGS, prior_temperature=0.0)
OBS_SIZE, N_ACTIONS, BATCH = 4, 2, 16
LEARNER = SAC(OBS_SIZE, N_ACTIONS, SETTINGS)


def batches(seed: int, n_updates: int = 3, **columns) -> Batch:
    rng = np.random.default_rng(seed)
    shape = (n_updates, BATCH)

    def normal(*size):
        return rng.normal(size=(*shape, *size)).astype(np.float32)

    batch = Batch(
        obs=normal(OBS_SIZE),
        action=np.tanh(normal(N_ACTIONS)),
        reward=normal(),
        next_obs=normal(OBS_SIZE),
        terminated=(rng.random(shape) < 0.2).astype(np.float32),
        prior=normal(2 * N_ACTIONS),
        next_prior=normal(2 * N_ACTIONS),
    )
    return batch._replace(**columns)


def same(one, other) -> bool:
    """Bit-equal states."""
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# ------------------------------------------------------------------------------------------------- without a prior


def without_prior(batch: Batch) -> Batch:
    """What a replay has where there is no prior."""
    return batch._replace(prior=np.zeros_like(batch.prior), next_prior=np.zeros_like(batch.next_prior))


@pytest.mark.parametrize("column", ["prior", "next_prior"])
def test_a_prior_makes_a_difference(column):
    """At both ends of a transition: its parameters move the update."""
    start, batch = LEARNER.init(0, zero_head=False), batches(0)
    other = batch._replace(**{column: np.zeros_like(batch.prior)})
    assert not same(LEARNER.update(start, batch)[0], LEARNER.update(start, other)[0])


def test_without_a_prior_nothing_is_asked_of_it():
    """prior_temperature = 0: the policy has none, whatever it is given."""
    plain = SAC(OBS_SIZE, N_ACTIONS, PLAIN)
    assert not plain.has_prior
    assert plain.policy(plain.init(0, zero_head=False), GaussianPolicy(lambda obs: (obs, obs), N_ACTIONS)).prior is None


@pytest.mark.parametrize("seed", range(3))
def test_prior_alpha_zero_is_the_plain_learner_bit_for_bit(seed):
    """Whatever parameters are in the batch: the same updates as with zeros."""
    plain, batch = SAC(OBS_SIZE, N_ACTIONS, PLAIN), batches(seed)
    start = plain.init(seed, zero_head=False)
    with_them, without = plain.update(start, batch), plain.update(start, without_prior(batch))
    assert same(with_them[0], without[0])
    assert with_them[1] == without[1]


# ------------------------------------------------------------------------------------------------ target critics


def test_the_target_critics_follow_by_tau():
    """After one update: a tenth of the way from where they were to where the critics are now."""
    before = LEARNER.init(0, zero_head=False)
    after, _ = LEARNER.update(before, batches(0, 1))
    for old, new, target in zip(
        *(jax.tree.leaves(x) for x in (before.target_critics, after.critics, after.target_critics)), strict=True
    ):
        np.testing.assert_allclose(target, 0.9 * np.asarray(old) + 0.1 * np.asarray(new), rtol=1e-5, atol=1e-7)
        assert not np.array_equal(target, old)


def test_tau_one_copies_the_critics():
    learner = SAC(OBS_SIZE, N_ACTIONS, replace(SETTINGS, tau=1.0))
    state, _ = learner.update(learner.init(0, zero_head=False), batches(0))
    for target, critic in zip(jax.tree.leaves(state.target_critics), jax.tree.leaves(state.critics), strict=True):
        np.testing.assert_allclose(target, critic, rtol=1e-6, atol=1e-8)


# ---------------------------------------------------------------------------------------------------- temperature


@pytest.mark.parametrize(("log_std", "rises"), [(-4.0, True), (0.0, False)])
def test_the_temperature_seeks_an_entropy_of_minus_one_per_coordinate(log_std, rises):
    """A policy that is too sure has an entropy far below it, and the temperature rises; a wide one's falls."""
    prior = np.concatenate([np.zeros((3, BATCH, N_ACTIONS)), np.full((3, BATCH, N_ACTIONS), log_std)], axis=-1)
    state, metrics = LEARNER.update(LEARNER.init(0, zero_head=True), batches(0, prior=prior.astype(np.float32)))
    assert LEARNER.target_entropy == -2.0
    assert (metrics.entropy < -2.0) == rises
    assert (np.exp(state.log_temperature) > SETTINGS.temperature) == rises


# ------------------------------------------------------------------------------------------------------ many updates


def test_a_call_of_many_updates_is_as_many_calls():
    """Parameters and optimisers to rounding, random numbers exactly; what is reported is the mean."""
    batch, state, reports = batches(0, 5), LEARNER.init(0, zero_head=False), []
    at_once, metrics = LEARNER.update(state, batch)
    for n in range(5):
        state, report = LEARNER.update(state, Batch(*(column[n : n + 1] for column in batch)))
        reports.append(report)
    for name, array in at_once.arrays().items():
        np.testing.assert_allclose(array, state.arrays()[name], rtol=1e-3, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(at_once.key, state.key)
    np.testing.assert_allclose(metrics, np.mean(reports, axis=0), rtol=1e-4)
    assert metrics._fields == ("loss", "actor_loss", "temperature", "entropy")


def test_every_update_has_random_numbers_of_its_own():
    """The same batch at the same parameters with the next key: another target, another update."""
    start, batch = LEARNER.init(0, zero_head=False), batches(0, 1)
    once, _ = LEARNER.update(start, batch)
    assert not np.array_equal(once.key, start.key)
    again, _ = LEARNER.update(start._replace(key=once.key), batch)
    assert not np.array_equal(again.actor[0].weight, once.actor[0].weight)
    assert not np.array_equal(again.critics[0][0].weight, once.critics[0][0].weight)


def test_an_absurd_reward_leaves_the_parameters_finite():
    """One of 1e12 among many, and actions at their very limit."""
    batch = batches(0, action=np.ones((3, BATCH, N_ACTIONS), np.float32))
    batch.reward[0, 0] = 1e12
    state, metrics = LEARNER.update(LEARNER.init(0, zero_head=True), batch)
    assert all(np.isfinite(array).all() for array in state.arrays().values())
    assert np.isfinite(metrics.actor_loss)


# ------------------------------------------------------------------------------------------------------ compilation


TRACES = []


class CountingSAC(SAC):
    """Takes note whenever its target is traced for compilation (which `jit` and `scan` may do more than once each)."""

    def _target(self, *arguments):
        TRACES.append(1)
        return super()._target(*arguments)


def test_update_compiles_once():
    learner, equal = (CountingSAC(OBS_SIZE, N_ACTIONS, settings) for settings in (SETTINGS, replace(SETTINGS)))
    assert_compiles_once(learner, equal, learner.init(0, zero_head=True), batches, TRACES)


# -------------------------------------------------------------------------------------------------- state is a value


def test_same_seed_same_parameters():
    results = [
        LEARNER.update(LEARNER.init(seed, zero_head=False), batches(data))[0] for seed, data in [(1, 1), (1, 1), (2, 1)]
    ]
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_the_networks_of_a_fresh_state_are_three_different_ones():
    """Two equal critics would stay equal, and the smaller of them would be no better than either."""
    state = LEARNER.init(0, zero_head=False)
    first, second = (critic[0].weight for critic in state.critics)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[:OBS_SIZE], state.actor[0].weight)


def test_update_leaves_the_state_it_was_given():
    start = LEARNER.init(0, zero_head=False)
    before = {name: array.copy() for name, array in start.arrays().items()}
    LEARNER.update(start, batches(0))
    assert all(np.array_equal(before[name], array) for name, array in start.arrays().items())


def test_a_state_survives_its_arrays():
    """arrays() and from_arrays(): continued training is bit-equal, optimisers, temperature and key included."""
    state, _ = LEARNER.update(LEARNER.init(0, zero_head=False), batches(0))
    arrays = {name: array.copy() for name, array in state.arrays().items()}
    assert (arrays[".key"].dtype, arrays[".key"].shape) == (np.uint32, (2,))
    restored = LEARNER.init(9, zero_head=False).from_arrays(arrays)
    assert same(restored, state)
    assert same(LEARNER.update(restored, batches(1))[0], LEARNER.update(state, batches(1))[0])


@pytest.mark.parametrize(
    "part", ["actor_optimizer", "critics_optimizer", "temperature_optimizer", "log_temperature", "key"]
)
def test_every_part_of_the_state_matters(part):
    """Without it the continued training differs: the test above can fail for each."""
    fresh = LEARNER.init(7, zero_head=False)
    state, _ = LEARNER.update(LEARNER.init(0, zero_head=False), batches(0))
    forgetful = state._replace(**{part: getattr(fresh, part)})
    assert not same(LEARNER.update(forgetful, batches(1))[0], LEARNER.update(state, batches(1))[0])


def test_arrays_that_do_not_fit_are_refused():
    """Each array missing, of another shape, or of another type: named, with what was found."""
    state = LEARNER.init(0, zero_head=False)
    for name, array in state.arrays().items():
        others = {n: a for n, a in state.arrays().items() if n != name}
        for wrong, found in [
            ({}, "missing"),
            ({name: np.zeros((*array.shape, 2), array.dtype)}, str((*array.shape, 2))),
            ({name: array.astype(np.float64)}, "float64"),
        ]:
            with pytest.raises(CorruptCheckpoint) as raised:
                state.from_arrays(others | wrong)
            assert f"array {name} should be" in str(raised.value)
            assert found in str(raised.value)


# ------------------------------------------------------------------------------------------------------ acting


def test_the_numpy_policy_is_the_one_that_learns():
    """What `ActorPolicy` makes of parameters is what updates draw from, log-stds clipped on either side included."""
    state, batch = LEARNER.init(0, zero_head=False), batches(0, 1)
    (*hidden, head), obs, given = jax.tree.map(np.asarray, state.actor), batch.obs[0], batch.prior[0].clip(-2, 1.9)
    steep = np.array([1.0, 1.0, 60.0, 60.0], np.float32)  # in the log-stds
    actor = (*hidden, Layer(head.weight * steep, head.bias * steep))
    unclipped = (given + apply_mlp_numpy(actor, obs))[:, N_ACTIONS:]
    low, high = LOG_STD
    assert (unclipped < low).any()
    assert (unclipped > high).any()
    distribution = ActorPolicy(actor, None, None).given_prior(obs, Box(N_ACTIONS).distribution(given))
    np.testing.assert_array_equal(distribution.log_std, unclipped.clip(low, high))
    key = jax.random.key(3)
    action, _, _ = LEARNER._act(actor, obs, given, key)
    u = distribution.mean + np.exp(distribution.log_std) * np.asarray(jax.random.normal(key, action.shape))
    np.testing.assert_allclose(action, np.tanh(u), atol=1e-5)


@pytest.mark.parametrize(("log_std", "limit"), [(-50.0, -20.0), (50.0, 2.0)])
def test_the_learners_log_stds_are_clipped_as_the_policys(log_std, limit):
    """Far beyond a limit, log pihat is that of the limit: of u = noise * std around zero."""
    actor = (Layer(np.zeros((OBS_SIZE, 4), np.float32), np.array([0, 0, log_std, log_std], np.float32)),)
    key, obs = jax.random.key(4), np.zeros((BATCH, OBS_SIZE), np.float32)
    _, log_pihat, _ = LEARNER._act(actor, obs, np.zeros((BATCH, 4), np.float32), key)
    u = np.exp(limit) * np.asarray(jax.random.normal(key, (BATCH, N_ACTIONS)), float)
    np.testing.assert_allclose(
        log_pihat, log_density(u, np.zeros_like(u), np.full_like(u, limit)), rtol=1e-4, atol=1e-3
    )


def test_the_critics_of_a_policy_are_the_learners():
    """Where fine-tuning starts from."""
    state, _ = LEARNER.update(LEARNER.init(0, zero_head=False), batches(0))
    policy = LEARNER.policy(state, GaussianPolicy(lambda obs: (obs[:, :2], obs[:, 2:]), N_ACTIONS))
    obs, action = batches(1).obs[0], batches(1).action[0]
    assert policy.critics is not None
    for critic, learned in zip(policy.critics, state.critics, strict=True):
        values = apply_mlp_numpy(critic, np.concatenate([obs, action], axis=1))[:, 0]
        np.testing.assert_allclose(values, value(learned, obs, action), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "numbers",
    [{"gamma": 1.0}, {"tau": 0.0}, {"tau": 1.1}, {"temperature": 0.0}, {"prior_temperature": -0.1}, {"gamma": -0.1}],
)
def test_impossible_settings(numbers):
    with pytest.raises(WrongValue, match=f"{next(iter(numbers))} must be"):
        replace(SETTINGS, **numbers)


@pytest.mark.parametrize(
    "numbers",
    [{"learning_rate": 0.0}, {"learning_rate": np.nan}, {"temperature_learning_rate": -1e-3}, {"decay_updates": -1}],
)
def test_impossible_learning_rates(numbers):
    """A temperature that is not learned is allowed (0); a network that is not, is none."""
    with pytest.raises(WrongValue, match=f"{next(iter(numbers))} must be"):
        replace(SETTINGS, **numbers)
    assert replace(SETTINGS, temperature_learning_rate=0.0).temperature_learning_rate == 0.0


# --------------------------------------------------------------------------------------------- a rate that falls


def test_a_learning_rate_falls_linearly_to_a_twentieth_and_stays_there():
    """Each update is its number's share of one with the held rate: 1, then down to 0.05 after 4 updates.

    Adam's step is proportional to its rate, so one learner whose rate is held gives what all of them should be. The
    actor's step is nearly so: its gradient is that at the critics after their step.
    """
    falling, held = SAC(OBS_SIZE, N_ACTIONS, replace(SETTINGS, decay_updates=4)), LEARNER
    state, like = falling.init(0, zero_head=False), held.init(0, zero_head=False)
    for number, share in enumerate((1.0, 0.7625, 0.525, 0.2875, 0.05, 0.05)):
        begun = state._replace(  # the same moments, without the number of updates
            actor_optimizer=(state.actor_optimizer[0], like.actor_optimizer[1]),
            critics_optimizer=(state.critics_optimizer[0], like.critics_optimizer[1]),
        )
        whole, _ = held.update(begun, batches(number, 1))
        after, _ = falling.update(state, batches(number, 1))
        for name, of_step, atol in (("actor", share, 1e-4), ("critics", share, 1e-6), ("log_temperature", 1.0, 1e-4)):
            parts = (jax.tree.leaves(getattr(which, name)) for which in (state, whole, after))
            for before, at_held_rate, ours in zip(*parts, strict=True):
                wanted = before + of_step * (np.asarray(at_held_rate) - before)
                np.testing.assert_allclose(ours, wanted, atol=atol)  # of steps of 1e-2
        state = after
