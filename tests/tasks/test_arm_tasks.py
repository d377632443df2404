"""Features at the edges of their ramps, rules at their thresholds, and results of good and of careless scripts."""

from dataclasses import fields, replace

import numpy as np
import pytest

from arm_scripts import ANYWHERE, grasp, play, push, wipe
from mereq.core.supervisor import Controller
from mereq.supervision.rules import RuleEngine
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.world import ArmWorld

pytestmark = pytest.mark.paper(
    "App. A.1.2 bottle pushing, features",
    "App. A.1.3 erasing, features",
    "App. A.1.4 pillow grasping, features",
    "App. A.1.2-A.1.4, Eqs. (A.4)-(A.9) rewards",
)

POLICY, EXPERT = Controller.POLICY, Controller.EXPERT


def measured_at_start(module):
    return module.measure(ArmWorld(module.SETUP).reset([module.begin(np.random.default_rng(0))]), None)


def with_values(measured, **values):
    """The measurements with some of them replaced, each by one number or vector."""
    kinds = {field.name: getattr(measured, field.name).dtype for field in fields(measured)}
    return replace(measured, **{name: np.array([value], kinds[name]) for name, value in values.items()})


def feature(module, name, **values):
    measured = with_values(measured_at_start(module), **values)
    return float(module.features(measured)[0, module.FEATURE_NAMES.index(name)])


def test_the_papers_rewards():
    """Eqs. (A.4) to (A.9), with the features in the order in which they are named there."""
    weights = {
        bottle_pushing: {"tip2bottle": (-1, -1), "bottle2goal": (-1, -1), "table_distance": (0, -0.8)},
        erasing: {"tip_hor_move": (1, 1), "tip_ver_dist": (-1, -1), "tip_force": (0, 2)},
        pillow_grasping: {"tip2pillow": (-0.5, -0.5), "pillow_height": (2, 2), "tip2center": (0, -0.8)},
    }
    for module, by_name in weights.items():
        by_name = {**by_name, "control_effort": (-0.2, -0.2)}
        expected = np.array([by_name[name] for name in module.FEATURE_NAMES])
        np.testing.assert_array_equal(module.TASK.theta_prior, expected[:, 0])
        np.testing.assert_array_equal(module.TASK.theta_expert, expected[:, 1])


EDGES = [
    (bottle_pushing, "tip2bottle", "tip_to_bottle", 0.0, 0.30),
    (bottle_pushing, "bottle2goal", "bottle_to_goal", 0.0, 0.30),
    (bottle_pushing, "table_distance", "tip_height", 0.0, 0.10),
    (erasing, "tip_ver_dist", "distance", 0.0, 0.04),
    (erasing, "tip_force", "force", 0.0, 4.0),
    (pillow_grasping, "tip2pillow", "surface_approach", 0.005, -0.005),
    (pillow_grasping, "tip2center", "center_approach", 0.005, -0.005),
    (pillow_grasping, "pillow_height", "pillow_height", 0.0, 0.05),
]


@pytest.mark.parametrize(("module", "name", "measure", "zero", "one"), EDGES)
def test_a_ramp_is_0_at_one_edge_1_at_the_other_and_straight_between(module, name, measure, zero, one):
    for share in (0.0, 0.25, 0.5, 1.0):
        value = zero + share * (one - zero)
        assert feature(module, name, **{measure: value}) == pytest.approx(share, abs=1e-12)
    assert feature(module, name, **{measure: zero - (one - zero)}) == 0.0
    assert feature(module, name, **{measure: one + (one - zero)}) == 1.0


@pytest.mark.parametrize("module", [bottle_pushing, erasing, pillow_grasping])
def test_control_effort_is_the_second_difference_of_the_tool_position(module):
    def effort(moved, before):
        return feature(module, "control_effort", tip_moved=moved, tip_moved_before=before)

    assert effort([0.01, 0.0, 0.0], [0.01, 0.0, 0.0]) == 0.0
    assert effort([0.0, 0.003, 0.0], [0.0, 0.0, 0.0]) == pytest.approx(0.6)
    assert effort([0.0, 0.003, 0.004], [0.0, 0.0, 0.0]) == pytest.approx(1.0)
    assert effort([0.01, 0.0, 0.0], [-0.01, 0.0, 0.0]) == 1.0


def test_horizontal_movement_is_a_ramp_to_six_millimetres():
    for moved, value in (([0.0, 0.0, 0.01], 0.0), ([0.003, 0.0, 0.01], 0.5), ([0.0, -0.006, 0.0], 1.0)):
        assert feature(erasing, "tip_hor_move", tip_moved=moved) == pytest.approx(value)


UNSEEN = [
    (bottle_pushing, {"force": [3.0, 4.0, 5.0], "axis": [0.6, 0.0, 0.8]}),
    (erasing, {"force": 3.0}),
    (pillow_grasping, {"force": [3.0, 4.0, 5.0], "cushions": 0.004, "fingers": 0.02}),
]


@pytest.mark.parametrize(("module", "values"), UNSEEN)
def test_what_the_papers_rig_cannot_measure_is_not_observed(module, values):
    measured = measured_at_start(module)
    np.testing.assert_array_equal(module.observe(with_values(measured, **values)), module.observe(measured))


def test_the_erasers_observed_force_is_its_springs():
    """180 N/m times a centimetre, in units of 2 N."""
    measured = measured_at_start(erasing)
    change = erasing.observe(with_values(measured, spring=0.01)) - erasing.observe(measured)
    np.testing.assert_allclose(change[0, -1], 0.9, rtol=1e-6)
    assert not change[0, :-1].any()


def controllers(module, history):
    """Controller of each step, for a history of measurements given as dictionaries."""
    start, engine = measured_at_start(module), RuleEngine(module.RULE)
    return [engine.judge(with_values(start, **values).single(0)) for values in history]


def test_bottle_expert_takes_over_after_5_high_steps_beyond_the_20th():
    def steps(first, **values):
        high = {"bottle_to_goal": 0.1, "tip_height": 0.031, "bottle_travel": 0.01} | values
        return [{"step": first + i, **high} for i in range(6)]

    assert controllers(bottle_pushing, steps(16)) == [POLICY] * 6  # 21 is the first that counts
    assert controllers(bottle_pushing, steps(21)) == [POLICY] * 4 + [EXPERT] * 2
    assert controllers(bottle_pushing, steps(21, tip_height=0.03)) == [POLICY] * 6
    assert controllers(bottle_pushing, steps(21, bottle_to_goal=0.03)) == [POLICY] * 6


def test_bottle_expert_takes_over_when_the_bottle_rests_beyond_the_40th_step():
    def steps(first, **values):
        low = {"bottle_to_goal": 0.1, "tip_height": 0.02, "bottle_travel": 0.0009} | values
        return [{"step": first + i, **low} for i in range(6)]

    assert controllers(bottle_pushing, steps(36)) == [POLICY] * 6
    assert controllers(bottle_pushing, steps(41)) == [POLICY] * 4 + [EXPERT] * 2
    assert controllers(bottle_pushing, steps(41, bottle_travel=0.0011)) == [POLICY] * 6


def test_bottle_expert_hands_back_after_3_steps_of_pushing_low_or_at_the_goal():
    high = {"step": 50, "bottle_to_goal": 0.1, "tip_height": 0.05, "bottle_travel": 0.01}
    for good in ({"tip_height": 0.029, "bottle_travel": 0.0011}, {"bottle_to_goal": 0.03}):
        assert controllers(bottle_pushing, [high] * 5 + [high | good] * 3)[-3:] == [EXPERT, EXPERT, POLICY]
    for bad in ({"tip_height": 0.031, "bottle_travel": 0.01}, {"tip_height": 0.02, "bottle_travel": 0.0009}):
        assert controllers(bottle_pushing, [high] * 5 + [high | bad] * 5)[-5:] == [EXPERT] * 5


def test_erasing_expert_takes_over_below_2_newtons_and_keeps_control_for_5_steps():
    light, firm = {"force": 1.99}, {"force": 2.0}
    assert controllers(erasing, [light] * 4 + [firm] * 4) == [POLICY] * 8
    assert controllers(erasing, [light] * 5 + [firm] * 6) == [POLICY] * 4 + [EXPERT] * 5 + [POLICY] * 2
    assert controllers(erasing, [light] * 15) == [POLICY] * 4 + [EXPERT] * 5 + [POLICY] * 5 + [EXPERT]


@pytest.mark.parametrize(("height", "least"), [(0.051, 0.004), (0.031, 0.002), (0.029, -0.005)])
def test_pillow_expert_wants_an_approach_that_depends_on_the_height(height, least):
    def step(approach):
        return {"to_center_height": height, "center_approach": approach, "surface_approach": 0.005}

    slow, fast = step(least - 1e-4), step(least + 1e-4)
    assert controllers(pillow_grasping, [slow] * 4 + [fast] + [slow] * 4) == [POLICY] * 9
    history = [slow] * 5 + [fast] * 3
    assert controllers(pillow_grasping, history) == [POLICY] * 4 + [EXPERT] * 3 + [POLICY]


def test_pillow_expert_takes_over_after_10_steps_of_hovering():
    hovering = {"to_center_height": 0.02, "center_approach": 0.0, "surface_approach": 0.0014, "closed": False}
    assert controllers(pillow_grasping, [hovering] * 10) == [POLICY] * 9 + [EXPERT]
    assert controllers(pillow_grasping, [hovering | {"surface_approach": 0.0015}] * 12) == [POLICY] * 12


def test_pillow_expert_wants_a_pillow_that_is_held_to_rise_and_asks_no_more_of_it():
    held = {"to_center_height": 0.06, "center_approach": -0.01, "surface_approach": 0.0, "closed": True}
    still, rising = held | {"pillow_rise": 0.0014}, held | {"pillow_rise": 0.0016}
    assert controllers(pillow_grasping, [rising] * 20) == [POLICY] * 20
    assert controllers(pillow_grasping, [still] * 10) == [POLICY] * 9 + [EXPERT]
    assert controllers(pillow_grasping, [still] * 10 + [rising] * 3) == [POLICY] * 9 + [EXPERT] * 3 + [POLICY]


def assert_good_is_only_better_to_the_expert(good, careless, *, at_least=0.25):
    """The prior's theta does not prefer the good script to the other; the expert's does, and so does the rule."""
    assert good.prior < careless.prior + 0.08 * abs(careless.prior)
    assert good.expert > careless.expert
    assert good.intervention_rate <= 0.06
    assert careless.intervention_rate > 5.0 * good.intervention_rate
    assert careless.intervention_rate > at_least


def test_pushing_low_and_pushing_anywhere():
    low, anywhere = play(bottle_pushing, push(0.02)), play(bottle_pushing, push(ANYWHERE))
    assert_good_is_only_better_to_the_expert(low, anywhere)
    assert low.expert - anywhere.expert > 30.0
    assert low.success > 0.9
    assert not low.last.toppled.any()
    frictions = np.array([bottle_pushing.begin(np.random.default_rng([0, i])).friction for i in range(len(ANYWHERE))])
    too_high = ANYWHERE - bottle_pushing.RADIUS / frictions  # [m]
    clear = np.abs(too_high) > 0.01
    assert clear.sum() > 15
    np.testing.assert_array_equal(anywhere.last.toppled[clear], too_high[clear] > 0.0)


def test_pressing_hard_and_pressing_lightly():
    hard, light = play(erasing, wipe(0.015), 8), play(erasing, wipe(0.003), 8)
    assert_good_is_only_better_to_the_expert(hard, light)
    assert hard.expert - light.expert > 50.0
    assert hard.success > 0.6
    assert light.success == 0.0


def test_force_grows_with_depth():
    forces = [4.0 * play(erasing, wipe(depth), 4).features[50:, :, 3].mean() for depth in (0.005, 0.010, 0.015, 0.020)]
    np.testing.assert_allclose(forces, [0.85, 1.7, 2.5, 3.2], rtol=0.1)


def test_grasping_the_centre_off_it_and_the_edge():
    centre, off, edge = (play(pillow_grasping, grasp(along), 6) for along in (0.0, 0.07, 0.112))
    assert_good_is_only_better_to_the_expert(centre, off, at_least=0.12)
    assert centre.success == 1.0
    assert edge.success < 0.3
    assert edge.prior < 0.5 * centre.prior


@pytest.mark.parametrize("across", [-0.05, -0.034, -0.017, -0.008, 0.008, 0.017, 0.034, 0.05])
def test_a_pillow_can_be_grasped_wherever_its_cushions_are(across):
    assert play(pillow_grasping, grasp(0.0, across), 3).success == 1.0


def test_a_lost_pillow_opens_the_gripper():
    last = play(pillow_grasping, grasp(0.112), 6)
    assert not last.last.closed[last.last.above_surface > pillow_grasping.LOST].any()


@pytest.mark.parametrize("seed", range(50))
def test_exploring_starts_are_starts_that_went_on_towards_the_goal(seed):
    """The bottle on its way to the same goal or beside it, the fingers behind it, both in the workspace."""
    begun = bottle_pushing.begin(np.random.default_rng(seed))
    explored = bottle_pushing.explore(np.random.default_rng(seed))
    np.testing.assert_array_equal(explored.goal, begun.goal)
    assert explored.friction == begun.friction
    ahead, aside = explored.joints[:2] - begun.joints[:2]
    share = ahead / (begun.goal - begun.joints[:2])[0]
    assert 0.0 <= share <= 1.0
    assert abs(aside - share * (begun.goal - begun.joints[:2])[1]) <= 0.06
    np.testing.assert_array_equal(explored.joints[2:], begun.joints[2:])
    assert 0.048 <= explored.joints[0] - explored.tool[0] <= 0.14
    assert abs(explored.joints[1] - explored.tool[1]) <= 0.04
    low, high = bottle_pushing.SETUP.workspace
    assert ((explored.tool >= low) & (explored.tool <= high)).all()
