"""Continuous policies: what is read from a checkpoint is what was written, or a sentence."""

import itertools
import re

import numpy as np
import pytest

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.errors import CorruptCheckpoint
from mereq.core.policy import GaussianPolicy
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, Layer
from mereq.maxent_rl.sac import ActorPolicy
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.policies import describe, load_policy, save_policy

OBS = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
PRIOR = GaussianPolicy(lambda obs: (obs[:, :2], obs[:, 2:] - 2), 2)


def network(*sizes: int, seed: int = 0) -> MLP:
    rng = np.random.default_rng(seed)
    return tuple(
        Layer(rng.normal(size=(m, n)).astype(np.float32), rng.normal(size=n).astype(np.float32))
        for m, n in itertools.pairwise(sizes)
    )


ACTOR, CRITICS = network(4, 8, 4), (network(6, 8, 1, seed=1), network(6, 8, 1, seed=2))


def task(actions: Actions | None = None) -> Task:
    return Task("toy", ("f",), 4, actions or Box(2), lambda: None, lambda n: None)


def same_network(one: MLP, other: MLP) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for layers in zip(one, other, strict=True)
        for a, b in zip(*layers, strict=True)
    )


@pytest.fixture(params=[None, CRITICS], ids=["without critics", "with critics"])
def critics(request):
    return request.param


@pytest.fixture
def saved(tmp_path, critics):
    save_policy(tmp_path / "prior", ActorPolicy(ACTOR, critics, None), about={"task": "toy"})
    return tmp_path / "prior"


def test_a_policy_comes_back(saved, critics):
    """Bit for bit: its networks, and so its distribution and where fine-tuning starts."""
    policy = load_policy(saved, task())
    assert isinstance(policy, ActorPolicy)
    assert same_network(policy.actor, ACTOR)
    assert policy.prior is None
    if critics is None:
        assert policy.critics is None
    else:
        assert all(same_network(found, written) for found, written in zip(policy.critics, critics, strict=True))
    original = ActorPolicy(ACTOR, critics, None)
    np.testing.assert_array_equal(policy.distribution(OBS).parameters, original.distribution(OBS).parameters)
    about = describe(saved)
    assert (about["task"], about["obs_size"], about["action_size"], about["residual"]) == ("toy", 4, 2, False)


def test_a_residual_policy_needs_its_prior(tmp_path, critics):
    """Only what was learned is written; with the prior it is the same policy again."""
    policy = ActorPolicy(ACTOR, critics, PRIOR)
    save_policy(tmp_path / "policy", policy, about={})
    again = load_policy(tmp_path / "policy", task(), PRIOR)
    np.testing.assert_array_equal(again.distribution(OBS).parameters, policy.distribution(OBS).parameters)
    with pytest.raises(
        CorruptCheckpoint, match=r"a residual policy, which needs the prior that it was trained with\. Rest"
    ):
        load_policy(tmp_path / "policy", task())


def test_a_plain_policy_leaves_a_prior_alone(saved):
    """One that is at hand does not enter."""
    assert load_policy(saved, task(), PRIOR).prior is None


# ------------------------------------------------------------------------------------------------------- damage


def damaged(path, change, about=None) -> str:
    """What is said of the checkpoint after a change of its arrays, whose checksums are right again."""
    checkpoint = load_arrays(path, kind="policy")
    arrays = {name: array.copy() for name, array in checkpoint.arrays.items()}
    change(arrays)
    save_arrays(path, arrays, kind="policy", about={"action_size": 2, "residual": False} if about is None else about)
    with pytest.raises(
        CorruptCheckpoint, match=r"^Cannot use the checkpoint .*prior\.safetensors: .*\. Restore it"
    ) as raised:
        load_policy(path, task())
    return str(raised.value)


def nothing(arrays) -> None: ...


def put(name, array):
    return lambda arrays: arrays.update({name: np.asarray(array, np.float32)})


@pytest.mark.parametrize("name", ["actor.0.weight", "actor.0.bias", "actor.1.weight", "actor.1.bias"])
def test_an_actor_with_an_array_missing(saved, name):
    assert "are not the layers of a network" in damaged(saved, lambda arrays: arrays.pop(name))


def test_an_actor_missing(saved):
    def without(arrays):
        for name in [name for name in arrays if name.startswith("actor.")]:
            del arrays[name]

    assert "(none) are not the layers of a network" in damaged(saved, without)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put("actor.0.weight", np.zeros((4, 9))), "do not fit together"),
        (put("actor.0.weight", np.zeros(4)), "do not fit together"),
        (put("actor.1.bias", np.zeros((4, 1))), "do not fit together"),
        (lambda arrays: arrays.update({"actor.1.weight": np.zeros((8, 4), np.int32)}), "NaN or infinite"),
        (lambda arrays: arrays["actor.1.bias"].__setitem__(0, np.nan), "NaN or infinite"),
        (lambda arrays: arrays["actor.0.weight"].__setitem__((0, 0), -np.inf), "NaN or infinite"),
        (put("0.weight", np.zeros((4, 4))), "its networks .* are not an actor"),
        (put("noise", np.zeros(3)), "its networks .* are not an actor"),
    ],
)
def test_an_actor_that_is_no_network(saved, change, problem):
    assert re.search(problem, damaged(saved, change))


def test_an_odd_head(saved):
    """Means and log-stds come in pairs."""

    def odd(arrays):
        arrays["actor.1.weight"], arrays["actor.1.bias"] = np.zeros((8, 3), np.float32), np.zeros(3, np.float32)

    assert "last layer has 3 outputs" in damaged(saved, odd)


@pytest.mark.parametrize(
    "about", [{"action_size": 2}, {"action_size": 2, "residual": "no"}, {"action_size": 2, "residual": 1}]
)
def test_whether_it_is_residual_must_be_said(saved, about):
    assert "its JSON file lacks the entry `residual`" in damaged(saved, nothing, about)


def with_critics(tmp_path):
    save_policy(tmp_path / "prior", ActorPolicy(ACTOR, CRITICS, None), about={})
    return tmp_path / "prior"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put("critic1.0.weight", np.zeros((7, 8))), "its critics do not fit its actor"),  # another obs
        (
            lambda a: a.update({"critic0.1.weight": np.zeros((8, 2), "f4"), "critic0.1.bias": np.zeros(2, "f4")}),
            "its critics",
        ),
        (lambda arrays: arrays.pop("critic1.1.bias"), "are not the layers of a network"),
        (lambda arrays: arrays["critic0.0.bias"].__setitem__(3, np.nan), "NaN or infinite"),
        (put("critic2.0.weight", np.zeros((6, 8))), "are not an actor, or an actor and two critics"),
    ],
)
def test_critics_that_do_not_fit(tmp_path, change, problem):
    assert problem in damaged(with_critics(tmp_path), change)


def test_one_critic_missing(tmp_path):
    def single(arrays):
        for name in [name for name in arrays if name.startswith("critic1.")]:
            del arrays[name]

    assert "actor, critic0 are not an actor, or an actor and two critics" in damaged(with_critics(tmp_path), single)


# -------------------------------------------------------------------------------------------------- another task


@pytest.mark.parametrize(("obs_size", "n_actions"), [(5, 2), (4, 3)])
def test_a_policy_for_another_task(tmp_path, obs_size, n_actions):
    policy = ActorPolicy(network(obs_size, 8, 2 * n_actions), None, None)
    save_policy(tmp_path / "prior", policy, about={})
    with pytest.raises(CorruptCheckpoint) as raised:
        load_policy(tmp_path / "prior", task())
    assert f"a policy for {obs_size} observations and {n_actions} continuous actions" in str(raised.value)
    assert "but the task toy has 4 and 2 continuous actions" in str(raised.value)


def test_policies_of_the_other_kind(saved, tmp_path):
    """A Q-function's for a task with continuous actions, and an actor for finitely many."""
    save_policy(tmp_path / "discrete", QPolicy(network(4, 8, 2), None, 1.0, 0.0), about={})
    with pytest.raises(
        CorruptCheckpoint, match="4 observations and 2 actions, but the task toy has 4 and 2 continuous"
    ):
        load_policy(tmp_path / "discrete", task())
    with pytest.raises(CorruptCheckpoint, match="2 continuous actions, but the task toy has 4 and 2 actions"):
        load_policy(saved, task(Discrete(2)))


@pytest.mark.parametrize("about", [{}, {"temperature": 1.0, "prior_temperature": 0.0}])
def test_an_actor_taken_for_a_q_function(saved, about):
    """Its kind was lost: its networks are no Q-function's layers."""
    assert "are not the layers of a network" in damaged(saved, nothing, about)


def test_a_policy_of_ones_own_is_not_stored(tmp_path):
    with pytest.raises(TypeError, match="A GaussianPolicy cannot be stored"):
        save_policy(tmp_path / "own", PRIOR, about={})
