"""Further instances of the kinds K1 to K5 (docs/border.md): each is taken as it was meant, or refused in a sentence."""

from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from ids import words
from mereq.core.actions import Box, Discrete
from mereq.core.distribution import Categorical
from mereq.core.errors import MereqError, NonFiniteFeatures, OwnCodeFailed, WrongAction, WrongPolicyOutput, WrongTask
from mereq.core.own_policy import protected
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.core.supervisor import Decision
from mereq.interventions.rollout import SupervisedStep
from mereq.supervision.rules import Rule, RuleEngine, Trigger
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import MeasurementExpert, divergence_rule
from strangers import ACTIONS, FINE, Answers, Stranger, one_step, task_of
from toys import NeverTakesOver, always

PRIOR = LogitsPolicy(lambda obs: np.zeros((len(obs), 3)), 3)
STILL = GaussianPolicy(lambda obs: (np.zeros((len(obs), 2)), np.full((len(obs), 2), -1.0)), 2)


def answers(*answer: Any):
    """A stranger that answers each step like this."""
    return lambda: Stranger(lambda action: answer)


def supervised(make, supervisor, policy=PRIOR, n_steps=1) -> list[SupervisedStep]:
    task = task_of(make)
    stepped = supervise(task.make(), always(policy), supervisor, n_steps, episode_seed=lambda k: k, task=task)
    return list(stepped)


# K2: what an environment returns

ODD_STEPS = {
    "4 values": ((FINE, 0.0, False, {}), "returned a tuple of 4 from step"),
    "6 values": ((FINE, 0.0, False, False, {}, 1), "returned a tuple of 6 from step"),
    "info None": ((FINE, 0.0, False, False, None), r"returned None as the info of step\(\)"),
    "info a list": ((FINE, 0.0, False, False, []), "returned one list as the info"),
    "terminated 'no'": ((FINE, 0.0, "no", False, {}), "returned terminated = 'no'"),
    "truncated None": ((FINE, 0.0, False, None, {}), "returned truncated = None"),
    "terminated 0.5": ((FINE, 0.0, 0.5, False, {}), "returned terminated = 0.5"),
    "three terminated": ((FINE, 0.0, np.zeros(3, bool), False, {}), "returned terminated = array"),
    "observation None": ((None, 0.0, False, False, {}), "is None, which is not of its observation space"),
    "a longer observation": ((np.zeros(3), 0.0, False, False, {}), r"an array of shape \(3,\)"),
    "infinite": ((np.array([0, np.inf]), 0.0, False, False, {}), "Coordinate 1 of an observation .* is inf"),
    "words": ((np.array(["a", "b"]), 0.0, False, False, {}), "not of its observation space"),
}


@pytest.mark.parametrize("odd", ODD_STEPS)
def test_what_a_step_returns(odd):
    answer, words = ODD_STEPS[odd]
    with pytest.raises(WrongTask, match=words):
        one_step(answers(*answer))


@pytest.mark.parametrize("terminated", [np.bool_(True), 1, np.int64(1), np.array(True)], ids=words)
def test_other_ways_to_say_yes(terminated):
    (_, _, found, _, _), _ = one_step(answers(FINE, None, terminated, False, {}))
    assert found is True


@pytest.mark.parametrize("reward", [None, float("nan"), "much", np.zeros(2)], ids=words)
def test_a_reward_is_not_used(reward):
    (step,) = supervised(answers(FINE, reward, False, False, {}), NeverTakesOver())
    np.testing.assert_array_equal(step.next_obs, FINE)


@pytest.mark.parametrize("answer", [FINE, (FINE,), (FINE, {}, 1), None, (FINE, None)], ids=words)
def test_what_a_reset_returns(answer):
    env = task_of(Stranger).make()
    env.unwrapped.reset = lambda **options: answer
    with pytest.raises(WrongTask, match=r"reset\(\)"):
        env.reset(seed=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint8, bool])
def test_observations_of_other_types(dtype):
    """All become float32, which is recorded, though the environment's own type changes in between."""
    space = spaces.MultiBinary(2) if dtype is bool else spaces.Box(0, 1, (2,), dtype)
    first = np.ones(2, dtype)
    (step,) = supervised(lambda: Stranger(first=first, obs_space=space), NeverTakesOver())
    assert (step.obs.dtype, step.obs.tolist()) == (np.float32, [1.0, 1.0])


NESTED = spaces.Dict(
    {"speed": spaces.Box(-1, 1, (2,)), "gear": spaces.Discrete(3), "arms": spaces.Tuple([spaces.Box(0, 1, (1, 2))])}
)


def nested(speed):
    return {"speed": np.array(speed, np.float32), "gear": np.int64(1), "arms": (np.zeros((1, 2), np.float32),)}


def test_a_nested_observation_is_flattened_and_its_parts_have_names():
    def make(speed=0.5):
        return Stranger(first=nested([0, 0.5]), obs_space=NESTED, answer=lambda a: (nested([0, speed]), 0, 0, 0, {}))

    (obs, *_), _ = one_step(make)
    assert obs.shape == (7,)
    with pytest.raises(WrongTask, match=r"\(speed\[1\]\) of an observation of the task strange is nan"):
        one_step(lambda: make(np.nan))


def test_a_part_that_is_missing():
    with pytest.raises(WrongTask, match="not of its observation space Dict"):
        one_step(lambda: Stranger(first=nested([0, 0]), obs_space=NESTED, answer=lambda a: ({}, 0, 0, 0, {})))


@pytest.mark.parametrize("number", [-1, 4, 1.5, None])
def test_a_cell_that_does_not_exist(number):
    """One-hot vectors of -1 would be those of the last cell."""
    with pytest.raises(WrongTask, match=r"not of its observation space Discrete\(4\)"):
        one_step(
            lambda: Stranger(first=np.int64(0), obs_space=spaces.Discrete(4), answer=lambda a: (number, 0, 0, 0, {}))
        )


@pytest.mark.parametrize(
    ("features", "error", "words"),
    [
        (lambda *step: [np.nan], NonFiniteFeatures, "Feature 'a' is NaN"),
        (lambda *step: [1.0, 2.0], WrongTask, r"shape \(2,\).*names a"),
        (lambda *step: None, WrongTask, "of the task strange"),
        (lambda *step: "fast", WrongTask, "features of the task strange are 'fast'"),
        (lambda *step: [1 / 0], OwnCodeFailed, r"ZeroDivisionError.*test_instances.py, line"),
        (lambda obs, *step: obs.sort(), OwnCodeFailed, "must not be changed: change a copy"),
    ],
)
def test_features(features, error, words):
    with pytest.raises(error, match=words):
        one_step(Stranger, features=features)


# K2: spaces

ODD_SPACES = {
    "MultiBinary": (spaces.MultiBinary(3), "number the combinations"),
    "MultiDiscrete": (spaces.MultiDiscrete([2, 3]), "divide with divmod"),
    "Tuple": (spaces.Tuple([spaces.Discrete(2)]), "ActionWrapper"),
    "Dict": (spaces.Dict({"a": spaces.Discrete(2)}), "ActionWrapper"),
    "Text": (spaces.Text(3), "ActionWrapper"),
    "unbounded Box": (spaces.Box(-np.inf, np.inf, (2,)), "declare a flat Box with limits"),
    "picture of actions": (spaces.Box(0, 1, (2, 2)), "declare a flat Box"),
    "None": (None, "whose action_space is None"),
}


@pytest.mark.parametrize("odd", ODD_SPACES)
def test_actions_without_a_learner(odd):
    space, words = ODD_SPACES[odd]
    with pytest.raises(WrongTask, match=words):
        task_of(lambda: Stranger(action_space=space))


@pytest.mark.parametrize(
    "space",
    [spaces.Text(5), spaces.Sequence(spaces.Discrete(2)), spaces.Graph(spaces.Box(0, 1, (1,)), None)],
    ids=words,
)
def test_observations_that_are_not_numbers(space):
    with pytest.raises(WrongTask, match="part words of its observation is"):
        task_of(lambda: Stranger(obs_space=spaces.Dict({"image": spaces.Box(0, 1, (2,)), "words": space})))


def old_gym(*, action=False, env=False):
    """Stands for the old package: the same names, other classes."""
    space = type("Discrete", (), {"__module__": "gym.spaces.discrete", "__repr__": lambda self: "Discrete(3)"})
    base = type("Env", (), {"__module__": "gym.core"}) if env else Stranger
    made = type("Old", (base,), {"__module__": "mine"})()
    made.action_space, made.observation_space = space() if action else ACTIONS, spaces.Box(-1, 1, (2,))
    return made


@pytest.mark.parametrize("part", ["action", "env"])
def test_the_old_gym(part):
    with pytest.raises(WrongTask, match="comes from gym, which Gymnasium has replaced"):
        task_of(lambda: old_gym(**{part: True}))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: None, "returned a NoneType whose action_space is None"),
        (lambda: gym.make_vec("CartPole-v1", 2), "which is many environments"),
        (lambda: 1 / 0, "could not make its first environment: ZeroDivisionError"),
    ],
)
def test_what_make_is(make, words):
    with pytest.raises(MereqError, match=words):
        task_of(make)


# K2: actions, as they are handed over and as they are recorded


@pytest.mark.parametrize(
    ("space", "action", "executed"),
    [
        (spaces.Discrete(3), 2, np.int64(2)),
        (spaces.Discrete(3, start=1), 0, np.int64(1)),
        (spaces.Discrete(3, start=-1), np.int32(0), np.int64(-1)),
        (spaces.Box(0, 10, (2,), np.int32), np.array([1.0, -0.52]), np.array([10, 2], np.int32)),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([1.0, -1.0]), np.array([255, 0], np.uint8)),
        (spaces.Box(-2, 2, (2,), np.float64), np.array([0.5, 2.0]), np.array([1.0, 2.0])),
        (spaces.Box(-2, 2, (2,), np.float16), np.array([0.5, 1.0]), np.array([1.0, 2.0], np.float16)),
    ],
    ids=words,
)
def test_actions_have_the_type_of_their_space(space, action, executed):
    _, (given,) = one_step(lambda: Stranger(action_space=space), action)
    np.testing.assert_array_equal(given, executed)
    assert given.dtype == executed.dtype
    assert space.contains(given)


@pytest.mark.parametrize("answer", [2, 2.0, np.float32(2), np.int8(2), np.array(2), np.uint64(2)], ids=words)
def test_discrete_answers_that_are_taken(answer):
    (step,) = supervised(Stranger, Answers(answer))
    assert (step.executed, type(step.executed)) == (2, np.int64)


@pytest.mark.parametrize(
    "answer", [3, -1, 1.5, "1", None, np.nan, [1], np.array([1]), [0, 1, 0], np.inf, object()], ids=words
)
def test_discrete_answers_that_do_not_exist(answer):
    with pytest.raises(WrongAction, match=r"The supervisor answered with the action .* one whole number from 0 to 2"):
        supervised(Stranger, Answers(answer))


def box():
    return Stranger(action_space=spaces.Box(-2, 2, (2,)))


@pytest.mark.parametrize("answer", [[0, 1], (0.0, 1.0), np.array([0, 1]), np.array([0, 1 + 1e-7]), np.float16([0, 1])])
def test_continuous_answers_that_are_taken(answer):
    (step,) = supervised(box, Answers(answer), STILL)
    assert (step.executed.dtype, step.executed.tolist()) == (np.float32, [0.0, 1.0])


@pytest.mark.parametrize(
    "answer", [[0, 1.5], [np.nan, 0], [0], 0.5, [[0, 0]], ["0", "1"], None, [True, False], [np.inf, 0]], ids=words
)
def test_continuous_answers_that_do_not_exist(answer):
    with pytest.raises(WrongAction, match=r"The supervisor answered with the action .*, which does not exist"):
        supervised(box, Answers(answer), STILL)


@pytest.mark.parametrize("answer", [None, 1, (1, 2), Decision("expert", 1), Decision(2, 1)], ids=words)
def test_what_is_no_decision(answer):
    with pytest.raises(WrongTask, match="must answer with Decision"):
        supervised(Stranger, Answers(answer, controller=None))


# K1: what is handed over, and what is handed out


def test_what_everybody_writes_over():
    """An environment, a policy and a supervisor that keep and change all that they are given, and what they gave."""
    kept: list[Any] = []

    class Buffer(Stranger):
        def __init__(self):
            super().__init__(action_space=spaces.Box(-2, 2, (2,)))
            self.place = np.zeros(2, np.float32)

        def step(self, action):
            self.place += 1
            self.told = {"measurements": self.place}
            kept.append(action)
            return self.place, 0.0, False, False, self.told

    class Spoiler(NeverTakesOver):
        mine = np.full(2, 0.25)

        def decide(self, context):
            context.obs[:], context.proposed[:] = 7.0, 0.5
            context.info.clear()
            for action in kept:
                action[:] = 9.0
            return Decision(1, self.mine)

    def in_place(obs):
        obs -= 100
        return np.zeros((1, 2)), np.zeros((1, 2))

    steps = []
    task = task_of(Buffer)
    policy = GaussianPolicy(in_place, 2)
    for step in supervise(task.make(), always(policy), Spoiler(), 3, episode_seed=lambda k: k, task=task):
        Spoiler.mine[:] = 0.25
        steps.append(step)
    Spoiler.mine[:] = 0.75
    assert [step.obs[0] for step in steps] == [0, 1, 2]
    assert [step.next_obs[0] for step in steps] == [1, 2, 3]
    assert all((step.proposed == 0).all() and (step.executed == 0.25).all() for step in steps)


def test_a_nested_observation_is_kept_as_it_was():
    place = nested([0, 0])

    def step(action):
        place["speed"] += 0.5
        return place, 0.0, False, False, {}

    (*_, info), _ = one_step(
        lambda: Stranger(step, first=place, obs_space=NESTED),
        features=lambda obs, action, next_obs, info: next_obs["speed"][:1] - obs["speed"][:1],
    )
    assert info["features"] == [0.5]


def test_a_prior_class_of_ones_own_gets_copies_and_gives_copies():
    class Own:
        buffer = np.log(np.full((2, 3), 1 / 3))

        def distribution(self, obs):
            obs += 1
            return Categorical(self.buffer)

    obs = np.zeros((2, 2), np.float32)
    answer = protected(Own(), Discrete(3)).distribution(obs)
    Own.buffer[:] = 0
    assert not obs.any()
    np.testing.assert_allclose(np.exp(answer.parameters).sum(axis=1), 1)


# K2: priors


class Tensor:
    """Stands for a PyTorch tensor that needs a gradient."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


PRIORS = {
    "lists": (lambda obs: [[0, 1, 2.0]] * len(obs), None),
    "float16": (lambda obs: np.zeros((len(obs), 3), np.float16), None),
    "whole numbers": (lambda obs: np.zeros((len(obs), 3), int), None),
    "one NaN row": (lambda obs: np.where(np.arange(len(obs))[:, None] == 4, np.nan, np.zeros(3)), "observation 4 of 9"),
    "-inf": (lambda obs: np.tile([0, 0, -np.inf], (len(obs), 1)), "such as -1e3 instead of -inf"),
    "a column": (lambda obs: np.zeros((len(obs), 1)), r"array of shape \(9, 1\)"),
    "one row": (lambda obs: np.zeros(3), r"array of shape \(3,\)"),
    "actions": (lambda obs: np.zeros(len(obs), int), r"array of shape \(9,\)"),
    "ragged": (lambda obs: [[0], [0, 1]], "cannot become a NumPy array"),
    "a tensor": (lambda obs: Tensor(), r"tensor.detach\(\).cpu\(\).numpy\(\)"),
    "None": (lambda obs: None, "array of shape|cannot become"),
    "a failure": (lambda obs: obs.relu(), r"AttributeError.*test_instances.py.*torch.from_numpy"),
    "probabilities": (lambda obs: np.tile([0.2, 0.3, 0.5], (len(obs), 1)), "probabilities, where logits are wanted"),
    "one-hot": (lambda obs: np.tile([0, 0, 1.0], (len(obs), 1)), "probabilities, where logits"),
}


@pytest.mark.parametrize("odd", PRIORS)
def test_logits(odd):
    logits, words = PRIORS[odd]
    policy, obs = LogitsPolicy(logits, 3), np.zeros((9, 2), np.float32)
    if words is None:
        assert policy.distribution(obs).log_probs.shape == (9, 3)
    else:
        with pytest.raises((WrongPolicyOutput, OwnCodeFailed), match=words):
            policy.distribution(obs)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros((4, 9, 1)), "ndarray, and must return a pair"),
        (None, "NoneType, and must return a pair"),
        ((np.zeros((9, 2)), np.zeros(2)), r"log-std of shape \(2,\)"),
        ((np.zeros((9, 2)), np.full((9, 2), -np.inf)), "for observation 0 of 9"),
        ((Tensor(), np.zeros((9, 2))), "cannot become a NumPy array"),
    ],
    ids=words,
)
def test_means_and_log_stds(answer, words):
    with pytest.raises(WrongPolicyOutput, match=words):
        GaussianPolicy(lambda obs: answer, 2).distribution(np.zeros((9, 2), np.float32))


@pytest.mark.parametrize("found", [lambda obs: obs, None, ModuleType("policy"), 3], ids=words)
def test_what_is_no_policy(found):
    with pytest.raises(WrongPolicyOutput, match="must be a policy"):
        protected(found, Discrete(3))


@pytest.mark.parametrize(
    "answer",
    [None, 1, np.zeros((2, 3)), Categorical(np.zeros((3, 3))), Categorical(np.full((2, 3), np.nan))],
    ids=words,
)
def test_what_is_no_distribution(answer):
    class Own:
        def distribution(self, obs):
            return answer

    with pytest.raises(WrongPolicyOutput, match=r"Categorical|distribution"):
        protected(Own(), Discrete(3)).distribution(np.zeros((2, 2), np.float32))
    with pytest.raises(WrongPolicyOutput):
        protected(Own(), Box(2)).distribution(np.zeros((2, 2), np.float32))


# K2: thresholds, rules, measurements


@pytest.mark.parametrize(("upper", "lower"), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, -np.inf)])
def test_thresholds(upper, lower):
    with pytest.raises(MereqError, match="finite number"):
        divergence_rule(upper=upper, lower=lower)


@pytest.mark.parametrize("answer", [np.nan, None, "no", np.array([True, False]), 0.7], ids=words)
def test_conditions(answer):
    engine = RuleEngine(Rule(engage=(Trigger(lambda judged: answer, 1),), disengage=()))
    with pytest.raises(MereqError, match="must be True or False"):
        engine.judge(0.0)


@pytest.mark.parametrize(
    ("measured", "where"),
    [
        (np.nan, "measurements"),
        ({"force": np.inf}, r"measurements\['force'\]"),
        ((1, np.array([0, np.nan])), r"measurements\[1\]"),
        (np.array([np.nan]), "measurements"),
        ({"a": {"b": float("nan")}}, r"measurements\['a'\]\['b'\]"),
        ([0.0, -np.inf], r"measurements\[1\]"),
    ],
    ids=words,
)
def test_measurements_that_are_not_finite(measured, where):
    """NaN > 0.7 is false: the expert would never take over."""
    supervisor = MeasurementExpert(PRIOR, Rule(engage=(Trigger(lambda force: False, 1),), disengage=()))
    with pytest.raises(WrongTask, match=where):
        supervised(lambda: Stranger(info={"measurements": measured}), supervisor)


# Failures of their own


@pytest.mark.parametrize("method", ["reset", "step"])
def test_an_environment_that_fails(method):
    def fail(*given, **named):
        raise RuntimeError("the simulator was closed")

    def make():
        env = Stranger()
        setattr(env, method, fail)
        return env

    with pytest.raises(OwnCodeFailed, match=rf"failed in {method}\(\): RuntimeError: the simulator was closed .*line"):
        supervised(make, NeverTakesOver())
