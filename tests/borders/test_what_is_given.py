"""Tasks, definitions, policies, numbers and controls of another kind than they must be, as strangers give them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from ids import words as words_of
from mereq import METHODS, align, fast, load_policy, save_policy
from mereq.alignment.check import check_task, examined
from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotStore, CorruptCheckpoint, OwnCodeFailed, WrongPolicyOutput, WrongTask, WrongValue
from mereq.core.function_policies import ClippedGaussianPolicy, DeterministicPolicy, SampledPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.core.view import axis_controls, discrete_controls
from mereq.presets.definition import TaskDefinition
from mereq.supervision.rules import Trigger
from mereq.web.task_view import task_view_of
from shape_checks import paused
from strangers import Answers, Stranger, task_of

TASK = task_of(Stranger)
PRIOR = LogitsPolicy(lambda obs: np.zeros((len(obs), 3)), 3)


@pytest.fixture(autouse=True)
def as_for_a_user():
    with paused():
        yield


def start(**changed):
    given = {"task": TASK, "prior": PRIOR, "supervisor": Answers(1), "method": METHODS["mereq"], "seed": 0} | changed
    return list(align(**{"settings": fast(TASK), "n_rounds": 1, **given}))


class Failing(Answers):
    def __init__(self, method):
        super().__init__(1)
        setattr(self, method, self.fail)

    def fail(self, given):
        raise KeyError("joystick")


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        *(({"seed": seed}, WrongValue, "seed must be") for seed in (-1, 1.5, None, "1", True, float("nan"))),
        *(({"n_rounds": n}, WrongValue, "n_rounds must be") for n in (0, 1.5, "2", None)),
        *(({"rate_threshold": share}, WrongValue, "rate_threshold must be") for share in (2, None, "0")),
        *(({"method": method}, WrongValue, "must be one of mereq.METHODS") for method in ("mereq", None)),
        *(({"supervisor": odd}, WrongTask, "supervisor is") for odd in (None, Answers, lambda context: None)),
        ({"supervisor": Failing("begin_episode")}, OwnCodeFailed, r"begin_episode\(\): KeyError: 'joystick' \(test_"),
        ({"supervisor": Failing("decide")}, OwnCodeFailed, r"decide\(\): KeyError: 'joystick' \(test_"),
        *(({"task": odd}, WrongTask, "must be a mereq.Task") for odd in (None, Stranger())),
    ],
    ids=words_of,
)
def test_arguments_of_a_run(changed, error, words):
    with pytest.raises(error, match=words):
        start(**changed)


@pytest.mark.parametrize("number", [{"gamma": "0.9"}, {"temperature": None}, {"rollout_steps": 2.5}], ids=words_of)
def test_settings_of_other_types(number):
    with pytest.raises(WrongValue, match=next(iter(number))):
        fast(TASK, **number)


@pytest.mark.parametrize(
    ("names", "name", "words"),
    [
        (("a", "a"), "mine", "must differ"),
        (("a", ""), "mine", "must be a text"),
        (("a", 3), "mine", "must be a text"),
        (("a", "b"), " ", "needs a name"),
        (("a", "b"), None, "needs a name"),
    ],
)
def test_names(names, name, words):
    from mereq import task_from_gymnasium

    with pytest.raises(WrongTask, match=words):
        task_from_gymnasium(name, Stranger, lambda *step: np.zeros(2), names)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"action_space": spaces.Box(np.float32([-1, 1]), np.float32([1, 1]))}, "upper limit in number 1"),
        ({"action_space": spaces.Box(-1, 1, (0,))}, "no number"),
        ({"obs_space": spaces.Box(-1, 1, (0,))}, "no number"),
    ],
)
def test_spaces_without_a_choice_or_a_number(odd, words):
    with pytest.raises(WrongTask, match=words):
        task_of(lambda: Stranger(**odd))


@pytest.mark.parametrize(
    ("first", "words"),
    [(np.ma.array([1.0, 2.0], mask=[0, 1]), "masked"), (np.array([1j, 0]), "complex numbers")],
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_observations_that_would_lose_something(first, words):
    env = task_of(lambda: Stranger(first=first)).make()
    with pytest.raises(WrongTask, match=words):
        env.reset(seed=0)


def test_features_that_would_lose_something():
    env = task_of(Stranger, lambda *step: np.array([1j])).make()
    env.reset(seed=0)
    with pytest.raises(WrongTask, match="features of the task"):
        env.step(1)


PAIR = np.zeros((1, 1)), np.zeros((1, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogitsPolicy(lambda obs: obs, "3"),  # pyright: ignore[reportArgumentType]
        lambda: LogitsPolicy(lambda obs: obs, 0),
        lambda: GaussianPolicy(lambda obs: PAIR, 1.5),  # pyright: ignore[reportArgumentType]
        lambda: ClippedGaussianPolicy(lambda obs: PAIR, np.array([2.0]), np.array([-2.0])),
        lambda: ClippedGaussianPolicy(lambda obs: PAIR, np.array([-np.inf]), np.array([np.inf])),
        lambda: ClippedGaussianPolicy(lambda obs: PAIR, np.zeros(2), np.ones(1)),
        lambda: DeterministicPolicy(lambda obs: obs, Discrete(3), "0.1"),  # pyright: ignore[reportArgumentType]
        lambda: SampledPolicy(lambda obs, rng: obs, Discrete(3), 2.5),  # pyright: ignore[reportArgumentType]
        lambda: Trigger(3, 1),  # pyright: ignore[reportArgumentType]
        lambda: Trigger(bool, 0),
    ],
)
def test_numbers_of_policies_and_rules(make):
    with pytest.raises(WrongValue):
        make()


def test_limits_may_be_lists_or_numbers():
    for low, high in (([-2], [2]), (-2.0, 2.0)):
        policy = ClippedGaussianPolicy(lambda obs: PAIR, low, high)  # pyright: ignore[reportArgumentType]
        assert policy.distribution(np.zeros((1, 1))).mode() == 0


@pytest.mark.parametrize("answer", [np.full((20, 3), "0"), np.zeros((20, 3), complex)])
def test_logits_that_are_no_numbers(answer):
    with pytest.raises(WrongPolicyOutput, match="cannot become"):
        LogitsPolicy(lambda obs: answer, 3).distribution(np.zeros((20, 2)))


OTHER = Box(1, (-1.0,), (1.0,))


@pytest.mark.parametrize(
    "prior",
    [
        ClippedGaussianPolicy(lambda obs: (np.zeros((len(obs), 1)), np.zeros((len(obs), 1))), -np.ones(1), np.ones(1)),
        DeterministicPolicy(lambda obs: np.zeros((len(obs), 1)), OTHER),
        SampledPolicy(lambda obs, rng: np.zeros((len(obs), 1)), OTHER),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_a_prior_in_other_units_is_refused(prior):
    task = task_of(lambda: Stranger(action_space=spaces.Box(-2, 2, (1,))))
    with pytest.raises(WrongTask, match="would be stretched"):
        check_task(task, prior)


def test_a_prior_whose_answers_depend_on_each_other_is_warned_of():
    """As of a network with batch normalisation that was left in the state of its training."""
    task = task_of(lambda: Stranger(lambda action: (np.float32([action, 1]), 0.0, False, False, {})))
    prior = LogitsPolicy(lambda obs: (obs[:, :1] - obs[:, :1].mean()) * np.array([1.0, 0, -1]), 3)
    (words,) = (tried.words for tried in examined(task, prior, None, None) if "prior" in tried.what)
    assert "depends on the others" in words


@pytest.mark.parametrize(
    "part",
    [
        {"task": None},
        {"name": 3},
        {"supervisor": 3},
        {"prior": "prior.zip"},
        {"settings": fast(TASK)},
        {"settings": {"fast": {}}},
        {"hz": 0},
        {"hz": "5"},
        {"hz": float("nan")},
        {"rate_threshold": 2},
        {"theta_expert": np.zeros(4)},
        {"theta_prior": np.array([np.nan])},
        {"controls": "wasd"},
        {"controls": axis_controls(["x"])},
        {"controls": discrete_controls(["left", "right"])},
        {"controls": discrete_controls(list("abcde"))},
    ],
    ids=words_of,
)
def test_parts_of_a_definition(part):
    with pytest.raises(WrongTask):
        TaskDefinition(**({"task": TASK} | part))


@pytest.mark.parametrize("part", ["prior", "expert", "supervisor"])
def test_functions_of_a_definition_that_fail(part):
    definition = TaskDefinition(task=TASK, **{part: lambda: {}["weights.pt"]})
    with pytest.raises(OwnCodeFailed, match=rf"{part} of the task strange could not be .*weights.pt.* \(test_"):
        definition.make_supervisor() if part == "supervisor" else definition.policy(part)


def test_a_view_that_fails():
    definition = TaskDefinition(task=TASK, view=lambda env: {}["camera"])
    with pytest.raises(OwnCodeFailed, match=r"view of the task strange could not be made: KeyError: 'camera' \(test_"):
        task_view_of(TASK.make(), definition)


def test_a_class_of_policies_is_called():
    class Mine(SimpleNamespace):
        distribution = PRIOR.distribution

    assert isinstance(TaskDefinition(task=TASK, prior=Mine).policy("prior"), Mine)


@pytest.mark.parametrize("key", ["a", "ArrowRigth", "KeyP", ""])
def test_keys_that_do_not_exist(key):
    with pytest.raises(WrongTask, match="key"):
        axis_controls(["x"], keys=[("KeyA", key)])


def test_policies_without_weights(tmp_path):
    with pytest.raises(CannotStore, match="LogitsPolicy cannot be stored"):
        save_policy(f"{tmp_path}/policy", PRIOR, about={})
    with pytest.raises(CorruptCheckpoint, match="no such file"):
        load_policy(f"{tmp_path}/policy")
    assert list(Path(tmp_path).iterdir()) == []
