"""What a model card of the arm says, of scripts that do what they are told."""

from dataclasses import replace

import numpy as np
from arm_scripts import Scripted, push

from mereq.experiments.arm_views import bottle_card
from mereq.experiments.evaluation import evaluate
from mereq.tasks.arm import bottle_pushing
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
