"""The `paper` preset is the paper's tables, number for number; `fast` differs only where it says so."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from mereq.core.errors import UnknownName
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.sac import SACSettings
from mereq.presets.fast import fast
from mereq.presets.registry import TASKS, definition_of
from mereq.runs.run import config_of
from mereq.runs.spec import RunSpec
from mereq.store.policies import describe_shipped
from mereq.tasks import corridor
from toys import LINE

pytestmark = pytest.mark.paper("section 6, the three tasks for a person", "Tables 6 to 9")


def test_training_is_table_6():
    training = TASKS["highway"].training["paper"]
    assert training.n_steps == 500_000
    assert training.replay_capacity == 15_000
    assert training.learner.hidden == (256, 256)
    assert (training.learner.learning_rate, training.learner.gamma, training.learner.target_period) == (1e-4, 0.8, 50)
    assert training.learner.prior_temperature == 0.0
    practice = training.schedule
    assert (practice.batch_size, practice.learning_starts, practice.updates_per_step) == (32, 200, 1.0)
    assert (practice.epsilon_start, practice.epsilon_end, practice.exploration_fraction) == (1.0, 0.05, 0.7)


def test_paper_preset_is_table_7():
    paper = TASKS["highway"].settings["paper"]
    assert paper.inference.max_updates * paper.training_steps == 40_000  # n_timesteps
    assert paper.training_steps == 1000  # env_update_freq
    assert (paper.inference.sample_length, paper.inference.tolerance, paper.inference.step_size) == (1000, 0.03, 0.2)
    assert (paper.replay_capacity, paper.schedule.learning_starts, paper.schedule.batch_size) == (2000, 2000, 32)
    assert (paper.learner.learning_rate, paper.learner.gamma, paper.learner.hidden) == (1e-4, 0.8, (256, 256))
    assert paper.learner.temperature == paper.learner.prior_temperature == 1.0


ARM = ("bottle-pushing", "erasing", "pillow-grasping")


@pytest.mark.parametrize("task", ARM)
def test_training_on_the_arm_is_table_8(task):
    training = TASKS[task].training["paper"]
    assert (training.n_steps, training.replay_capacity) == (50_000, 1_000_000)
    learner = training.learner
    assert (learner.hidden, learner.learning_rate, learner.gamma, learner.tau) == ((400, 300), 5e-3, 0.9, 0.01)
    assert learner.prior_temperature == 0.0
    assert learner.temperature_learning_rate == learner.learning_rate  # ent_coef "auto"
    practice = training.schedule
    assert (practice.batch_size, practice.learning_starts, practice.updates_per_step) == (512, 5000, 1.0)


@pytest.mark.parametrize(
    ("task", "tolerance", "length"), [(ARM[0], 0.2, 1000), (ARM[1], 0.1, 2000), (ARM[2], 0.1, 2000)]
)
def test_paper_preset_on_the_arm_is_table_9(task, tolerance, length):
    paper = TASKS[task].settings["paper"]
    assert paper.inference.max_updates * paper.training_steps == 20_000  # n_timesteps
    assert paper.training_steps == 1000  # env_update_freq
    assert (paper.inference.tolerance, paper.inference.sample_length, paper.inference.step_size) == (
        tolerance,
        length,
        0.2,
    )
    assert (paper.replay_capacity, paper.schedule.learning_starts, paper.schedule.batch_size) == (1_000_000, 5000, 512)
    learner = paper.learner
    assert (learner.learning_rate, learner.gamma, learner.tau, learner.hidden) == (5e-3, 0.9, 0.01, (400, 300))
    assert learner.prior_temperature == 0.035  # ent_coef_prior
    assert learner.temperature_learning_rate == learner.learning_rate  # ent_coef "auto"


@pytest.mark.parametrize("task", ["highway", *ARM])
def test_fast_has_the_protocol_of_paper(task):
    fast, paper = (TASKS[task].settings[name] for name in ("fast", "paper"))
    assert fast.rollout_steps == paper.rollout_steps
    assert fast.learner.gamma == paper.learner.gamma
    assert fast.inference.step_size == paper.inference.step_size


def test_fast_estimates_as_long_and_as_strictly_as_paper_on_the_highway():
    fast, paper = (TASKS["highway"].settings[name].inference for name in ("fast", "paper"))
    assert (fast.tolerance, fast.sample_length) == (paper.tolerance, paper.sample_length)


@pytest.mark.parametrize(("task", "learner"), [(corridor.TASK, DQNSettings), (LINE, SACSettings)])
def test_fast_for_a_task_of_your_own(task, learner):
    """The actions choose the learner, and the prior's temperature is held."""
    settings = fast(task, gamma=0.97, rollout_steps=123, temperature=0.2)
    assert isinstance(settings.learner, learner)
    assert (settings.learner.gamma, settings.rollout_steps) == (0.97, 123)
    assert settings.learner.temperature == settings.learner.prior_temperature == 0.2
    assert getattr(settings.learner, "temperature_learning_rate", 0.0) == 0.0


@pytest.mark.parametrize("task", ARM)
def test_fast_takes_the_shipped_prior_at_the_temperature_it_was_trained_with(task):
    """Eq. (2) adds alpha log pi, which is Q* for the alpha alone that pi is the Boltzmann policy of."""
    learner = TASKS[task].settings["fast"].learner
    trained_with = describe_shipped(task, "prior")["curve"][-1]["temperature"]
    assert learner.temperature == learner.prior_temperature == pytest.approx(trained_with, rel=0.1)


@pytest.mark.parametrize("which", ["prior", "expert"])
@pytest.mark.parametrize("task", ARM)
def test_the_shipped_policies_are_what_fast_trains(task, which):
    """`mereq train TASK WHICH`, and nothing else: neither another policy to go on from nor other numbers.

    A falling learning rate is younger than some cards.
    """
    card = describe_shipped(task, which)
    assert card.get("start") is None
    assert card["seed"] == 0
    settings = card["settings"] | {"learner": {"decay_updates": 0} | card["settings"]["learner"]}
    assert settings == json.loads(json.dumps(asdict(TASKS[task].training["fast"])))


@pytest.mark.parametrize("task", ARM)
def test_a_learning_rate_that_falls_does_so_over_the_whole_training(task):
    training = TASKS[task].training["fast"]
    assert training.learner.decay_updates in (0, training.n_steps * training.schedule.updates_per_step)


def test_a_bottle_is_trained_with_in_episodes_of_half_the_length():
    """More of them begin, then: exploring starts are what they are for. An evaluated policy has 100 steps."""
    preset = TASKS["bottle-pushing"]
    for task, length in ((preset.trained_in, 50), (preset.task, 100)):
        simulator = task.simulate(2)
        simulator.reset(0)
        ended = [simulator.step(np.zeros((2, 3))).truncated.all() for _ in range(length)]
        assert ended == [False] * (length - 1) + [True]


def test_unknown_task_names_the_known_ones():
    with pytest.raises(
        UnknownName, match=r"no task called 'motorway'. Known: bottle-pushing, bottle-pushing-human, erasing,"
    ):
        definition_of("motorway")


HUMAN_TASKS = ["highway-human", "bottle-pushing-human", "pillow-grasping-human", "erasing-human"]


def test_a_persons_tasks_are_the_simulated_ones_with_a_person():
    """Tables 6 to 9: the -Human columns have the numbers of the -Sim columns, but for the pillow's."""
    assert [name for name in TASKS if TASKS[name].for_a_person] == HUMAN_TASKS
    for name in HUMAN_TASKS:
        human = TASKS[name]
        simulated = TASKS[name.removesuffix("-human")]
        assert human.task is simulated.task
        assert human.rate_threshold == 0.05
        assert human.settings["fast"].rollout_steps == (50 * 40 if name == "highway-human" else 10 * 100)
        if name != "pillow-grasping-human":
            assert human.settings == simulated.settings


def test_table_9_of_the_human_pillow():
    human, simulated = (TASKS[name].settings for name in ("pillow-grasping-human", "pillow-grasping"))
    assert (human["paper"].inference.tolerance, human["paper"].inference.sample_length) == (0.4, 1000)
    assert human["fast"].inference.tolerance == 0.4
    assert replace(human["fast"], inference=simulated["fast"].inference) == simulated["fast"]


@pytest.mark.parametrize("name", HUMAN_TASKS)
def test_a_persons_task_has_the_shipped_policies_of_the_simulated_one(name):
    words = {"method": "mereq", "preset": "fast", "seed": 0, "n_rounds": 1, "rate_threshold": 0.05}
    human = config_of(RunSpec.named(task=name, **words))
    simulated = config_of(RunSpec.named(task=name.removesuffix("-human"), **words))
    assert human["prior_sha256"] == simulated["prior_sha256"]
    assert human["expert_sha256"] == simulated["expert_sha256"]  # who stands in for the person in `mereq align`
