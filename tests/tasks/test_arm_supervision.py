"""Appendices A.1.2 to A.1.4: when the arm's experts take over and hand back, in whole supervised rollouts.

The rules are applied once more, by hand, in centimetres, from positions and forces, as the paper words them and
docs/deviations.md#ends-when-settled and docs/deviations.md#gripper-open change them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from arm_scripts import Script, Scripted, grasp, push, wipe
from mereq.core.distribution import SquashedGaussian
from mereq.core.seeding import episode_seed
from mereq.core.supervisor import Decision, DecisionContext
from mereq.interventions.rollout import Rollout
from mereq.supervision.supervise import supervise
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS, ArmTask, at_full_length
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import task_of
from toys import EXPERT, POLICY, always

pytestmark = pytest.mark.paper(
    "App. A.1.2-A.1.4 an expert who judges measurements",
    "App. A.1.2 bottle pushing, intervention rule",
    "App. A.1.3 erasing, intervention rule",
    "App. A.1.4 pillow grasping, intervention rule",
)

EPISODES = 4

Seen = list[Any]  # measurements of an episode's steps so far
Condition = Callable[[Seen, int], bool]  # whether it holds at step t


def cm(before: Seen, t: int, position: Callable) -> float:
    """By how much a length has grown in the last step [cm]."""
    return 100 * (position(before[t]) - position(before[t - 1])) if t else 0.0


# ------------------------------------------------------------------------------------------------------- A.1.2


def far(seen: Seen, t: int) -> bool:
    return 100 * np.linalg.norm(seen[t].bottle - [*seen[t].goal, 0.15]) > 3


def low(seen: Seen, t: int) -> bool:
    return 100 * seen[t].tip[2] < 3


def rests(seen: Seen, t: int) -> bool:
    return t == 0 or 100 * np.linalg.norm(seen[t].bottle - seen[t - 1].bottle) < 0.1


# ------------------------------------------------------------------------------------------------------- A.1.4


def from_center(m) -> float:
    return np.linalg.norm((m.tip - m.pillow)[:2])


def least(m) -> float:
    height = 100 * abs(m.tip[2] - m.pillow[2])
    return 0.4 if height > 5 else 0.2 if height > 3 else -0.5


def strays(seen: Seen, t: int) -> bool:
    return not seen[t].closed and -cm(seen, t, from_center) < least(seen[t])


def homes_in(seen: Seen, t: int) -> bool:
    return not seen[t].closed and -cm(seen, t, from_center) > least(seen[t])


def rise(seen: Seen, t: int) -> float:
    return cm(seen, t, lambda m: max(m.pillow[2], 0.035))


def hovers(seen: Seen, t: int) -> bool:
    return (rise(seen, t) if seen[t].closed else -cm(seen, t, lambda m: m.tip[2] - m.pillow[2])) < 0.15


def lifts(seen: Seen, t: int) -> bool:
    return seen[t].closed and rise(seen, t) > 0.15


class Worded(NamedTuple):
    """A rule in words: each condition with the steps in a row that it needs."""

    engage: list[tuple[Condition, int]]
    hand_back: list[tuple[Condition, int]]
    exactly: int | None = None  # steps of every intervention


class Supervised(NamedTuple):
    task: ArmTask
    worded: Worded
    careful: Callable[[], Script]  # the expert
    careless: Callable[[], Script]  # the policy


CASES = {
    "bottle-pushing": Supervised(
        bottle_pushing.TASK,
        Worded(
            [
                (lambda seen, t: t > 20 and far(seen, t) and not low(seen, t), 5),
                (lambda seen, t: t > 40 and far(seen, t) and rests(seen, t), 5),
            ],
            [
                (lambda seen, t: low(seen, t) and not rests(seen, t), 3),
                (lambda seen, t: not far(seen, t), 3),
            ],
        ),
        lambda: push(0.02),
        lambda: push(0.17),
    ),
    "erasing": Supervised(
        erasing.TASK,
        Worded([(lambda seen, t: seen[t].force < 2, 5)], [], exactly=5),
        lambda: wipe(0.015),
        lambda: wipe(0.003),
    ),
    "pillow-grasping": Supervised(
        pillow_grasping.TASK,
        Worded([(strays, 5), (hovers, 10)], [(homes_in, 3), (lifts, 3)]),
        lambda: grasp(0.0),
        lambda: grasp(0.07),
    ),
}


def by_hand(rule: Worded, seen: Seen) -> str:
    """Controller of each step of an episode: p or E. A change at step t lets every count begin at t + 1."""
    who, changed = "", -1
    for t in range(len(seen)):

        def held(conditions, t=t, changed=changed) -> bool:
            return any(
                t - n >= changed and all(condition(seen, k) for k in range(t - n + 1, t + 1))
                for condition, n in conditions
            )

        by_expert = who.endswith("E")
        over = by_expert and (t - changed == rule.exactly or held(rule.hand_back))
        if over or (not by_expert and held(rule.engage)):
            by_expert, changed = not by_expert, t
        who += "E" if by_expert else "p"
    return who


class Recorder:
    """An expert, and what it answered."""

    def __init__(self, policy):
        self._policy, self.modes = policy, []

    def distribution(self, obs) -> SquashedGaussian:
        answer = self._policy.distribution(obs)
        self.modes.append(answer.mode()[0])
        return answer


class Witness:
    """Notes what a supervisor sees, episode by episode."""

    def __init__(self, supervisor):
        self._supervisor, self.episodes = supervisor, []

    def begin_episode(self, seed: int) -> None:
        self._supervisor.begin_episode(seed)
        self.episodes.append([])

    def decide(self, context: DecisionContext) -> Decision:
        self.episodes[-1].append(context.info["measurements"])
        decision = self._supervisor.decide(context)
        assert decision.controller is EXPERT or decision.action is context.proposed
        return decision


ENDINGS = [
    *[pytest.param((name, True), id=f"{name}, ending when settled") for name in CASES],
    *[pytest.param((name, False), id=f"{name}, of 100 steps") for name in ("bottle-pushing", "pillow-grasping")],
]


@pytest.fixture(scope="module", params=ENDINGS)
def supervised(request):
    """A careless policy and a careful expert: the case, the rollout, what was seen, and the expert's modes."""
    name, settling = request.param
    case = CASES[name]
    env = ArmEnv(case.task, ends=case.task.over if settling else at_full_length)
    expert = Recorder(Scripted(env, case.careful()))
    witness = Witness(MeasurementExpert(expert, case.task.rule))
    rollout = Rollout.of(
        supervise(
            env,
            always(Scripted(env, case.careless())),
            witness,
            EPISODES * N_STEPS,
            episode_seed=lambda k: episode_seed(1, 0, k),
            task=task_of(case.task),
        )
    )
    return case, rollout, witness.episodes, np.array(expert.modes)


def controllers(rollout: Rollout) -> list[str]:
    """Controllers of each episode: p or E."""
    letters = np.where(rollout.by_expert, "E", "p")
    return ["".join(letters[rollout.episode == k]) for k in range(rollout.episode[-1] + 1)]


def test_control_changes_when_the_paper_says_so(supervised):
    case, rollout, episodes, _ = supervised
    assert controllers(rollout) == [by_hand(case.worded, seen) for seen in episodes]


def test_control_changes_in_these_rollouts(supervised):
    """Experts take over and hand back; after an episode that ends in the expert's hands the policy begins the next.

    (Erasing repeats itself every 10 steps, so that its 100th is always the policy's; and so is the lift of a pillow.)
    """
    case, rollout, *_ = supervised
    one_after_the_other = controllers(rollout)
    assert any("pE" in episode for episode in one_after_the_other)
    assert any("Ep" in episode for episode in one_after_the_other)
    assert case.task is not bottle_pushing.TASK or any(episode.endswith("E") for episode in one_after_the_other[:-1])
    assert all(episode.startswith("pppp") for episode in one_after_the_other)


def test_the_expert_acts_as_it_does_without_exploring(supervised):
    """Its modes are executed, at its steps only; at the others what the policy proposed."""
    _, rollout, _, modes = supervised
    np.testing.assert_array_equal(rollout.executed[rollout.by_expert], modes)
    np.testing.assert_array_equal(rollout.executed[~rollout.by_expert], rollout.proposed[~rollout.by_expert])
    assert not np.array_equal(rollout.executed[rollout.by_expert], rollout.proposed[rollout.by_expert])


def test_a_new_episode_begins_with_the_policy_and_with_counts_at_zero():
    """Erasing: five light steps in a row, and five more are needed after a new beginning, whenever that comes."""
    env = ArmEnv(erasing.TASK, ends=erasing.TASK.over)
    obs, info = env.reset(seed=0)  # the eraser is above the board: no force
    supervisor = MeasurementExpert(Scripted(env, wipe(0.015)), erasing.RULE)
    for steps in (4, 5, 7):
        supervisor.begin_episode(0)
        decisions = [supervisor.decide(DecisionContext(t, obs, np.zeros(3, np.float32), info)) for t in range(steps)]
        assert [d.controller for d in decisions] == ([POLICY] * 4 + [EXPERT] * 3)[:steps]
