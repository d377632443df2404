"""Model cards of the arm: their statements about scripted and about shipped policies."""

from dataclasses import replace

import numpy as np
import pytest

from arm_scripts import Scripted, grasp, push, wipe
from mereq.evaluation.arm_metrics import bottle_card, erasing_card, pillow_card
from mereq.evaluation.rollouts import SEED, evaluate
from mereq.presets.registry import definition_of
from mereq.store.policies import describe_shipped, load_shipped
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.simulator import ArmSimulator


def card_of(script):
    simulator = ArmSimulator(bottle_pushing.TASK, 4)
    return bottle_card(evaluate(Scripted(simulator, script), simulator, seed=0))


def and_then_on(script):
    """The script until the bottle has stood at the goal for a second, and then on, as if the goal were 6 cm farther."""

    def act(m):
        there.append(m.arrived >= bottle_pushing.LONG_ENOUGH)
        return script(replace(m, goal=m.goal + np.outer(np.any(there, axis=0), [0.06, 0.0])))

    there = []
    return act


def test_a_bottle_that_is_brought_to_the_goal_and_left_there():
    card = card_of(push(0.02))
    assert (card["arrival_rate"], card["success_rate"], card["topple_rate"]) == (1.0, 1.0, 0.0)
    assert 1.0 < card["push_height_cm"]["0.5"] < 3.5


def test_a_bottle_that_is_pushed_on_has_been_at_the_goal_and_is_not_any_more():
    card = card_of(and_then_on(push(0.02)))
    assert (card["arrival_rate"], card["success_rate"]) == (1.0, 0.0)


def test_a_bottle_either_arrives_or_topples():
    """Pushed at 16 cm, most topple."""
    card = card_of(push(0.16))
    assert card["topple_rate"] > 0.5
    assert card["arrival_rate"] == 1.0 - card["topple_rate"]


def test_a_board_that_is_pressed_hard_and_one_that_is_hardly_touched():
    simulator = ArmSimulator(erasing.TASK, 4)
    hard, light = (erasing_card(evaluate(Scripted(simulator, wipe(d)), simulator, seed=0)) for d in (0.015, 0.003))
    assert hard["erased_fraction"] > 0.6
    assert hard["enough_force_share"] > 0.9
    assert hard["normal_force_N"]["0.5"] > erasing.ENOUGH > light["normal_force_N"]["0.95"] > 0.0
    assert (light["erased_fraction"], light["enough_force_share"]) == (0.0, 0.0)
    assert sum(hard["normal_force_N_histogram"].values()) == 4 * 100


@pytest.mark.parametrize(("off", "lifted"), [(0.0, 1.0), (0.05, 1.0), (0.112, 0.0)])
def test_where_a_pillow_is_grasped(off, lifted):
    simulator = ArmSimulator(pillow_grasping.TASK, 4)
    card = pillow_card(evaluate(Scripted(simulator, grasp(off)), simulator, seed=0))
    assert (card["lift_rate"], card["closed_rate"]) == (lifted, 1.0)
    assert abs(card["grasp_offset_cm"]["0.5"] - 100.0 * off) < 1.0


def pushed_and_toppled(prior, expert) -> bool:
    """The prior topples some bottles, as its card says of 100 episodes, and the expert none."""
    assert 0.02 < prior["topple_rate"] < 0.2
    assert prior["arrival_rate"] > 0.75
    assert (expert["topple_rate"], expert["arrival_rate"]) == (0.0, 1.0)
    return prior["push_height_cm"]["0.05"] > 8.0 and expert["push_height_cm"]["0.75"] < 3.0


def pressed(prior, expert) -> bool:
    return prior["normal_force_N"]["0.95"] < 0.5 and expert["normal_force_N"]["0.25"] > erasing.ENOUGH


def grasped(prior, expert) -> bool:
    return prior["grasp_offset_cm"]["0.25"] > 4.5 and expert["grasp_offset_cm"]["0.75"] < 4.0


SHIPPED = {  # number of episodes, and what tells the prior from the expert
    "bottle-pushing": (24, pushed_and_toppled),
    "erasing": (8, pressed),
    "pillow-grasping": (8, grasped),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_policies_do_what_their_card_says(name):
    """Some episodes of each: they differ as prior and expert should, and as the card in the JSON file says."""
    preset, (n_episodes, differ) = definition_of(name), SHIPPED[name]
    cards = {}
    for role in ("prior", "expert"):
        evaluation = evaluate(load_shipped(preset.task, role), preset.task.simulate(n_episodes), seed=SEED)
        cards[role] = preset.metrics(evaluation)
        theta = preset.theta_prior if role == "prior" else preset.theta_expert
        told = describe_shipped(name, role)["evaluation"]["return_mean"]
        assert abs(evaluation.returns(theta).mean() - told) < 0.25 * abs(told)
    assert differ(cards["prior"], cards["expert"])


def test_the_shipped_cards_tell_priors_from_experts():
    """100 episodes of each, in the JSON files: both do the task, the prior in the way that its expert would not."""
    cards = {
        (name, role): describe_shipped(name, role)["evaluation"] for name in SHIPPED for role in ("prior", "expert")
    }
    bottle, eraser, pillow = ({role: cards[name, role] for role in ("prior", "expert")} for name in SHIPPED)
    assert 0.05 <= bottle["prior"]["topple_rate"] <= 0.15
    assert bottle["prior"]["arrival_rate"] > 0.8
    assert eraser["prior"]["erased_fraction"] < 0.05 < 0.4 < eraser["expert"]["erased_fraction"]
    assert pillow["prior"]["lift_rate"] > 0.8
    assert pillow["expert"]["lift_rate"] > 0.95
