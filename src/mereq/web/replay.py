"""Replay of an intervention: its episode is executed again in a second environment, and its pictures are kept.

The simulation is exact, so the pictures are those that the person saw. Nothing is recorded for it beyond the steps.
"""

from collections.abc import Sequence

import numpy as np

from mereq.core.simulator import Environment
from mereq.core.supervisor import Controller
from mereq.core.view import TaskView
from mereq.interventions.rollout import SupervisedStep
from mereq.web.views import Replay

LEAD = 1.5  # s of the policy's steps before the intervention, at the task's own pace
LONGEST = 100  # steps of an intervention that are shown


class CannotReplay(Exception):
    """An intervention that cannot be shown again. The text of the exception is the reason."""


def stretch_of(episode: Sequence[SupervisedStep], first: int, *, lead: int) -> range:
    """Steps of a recorded episode that show the intervention beginning at `first`: some before it, to its end.

    Raises:
        CannotReplay: no intervention begins there.
    """
    by_expert = [step.controller is Controller.EXPERT for step in episode]
    if not (first < len(episode) and by_expert[first]) or (first > 0 and by_expert[first - 1]):
        raise CannotReplay("No intervention begins there.")
    stop = by_expert.index(False, first) if False in by_expert[first:] else len(episode)
    return range(max(0, first - lead), min(stop, first + LONGEST))


def replay(
    environment: Environment, view: TaskView, episode: Sequence[SupervisedStep], first: int, *, seed: int
) -> Replay:
    """Pictures of the intervention that begins at a step.

    Args:
        environment: in which the episode is executed again.
        view: of the environment.
        episode: its recorded steps.
        first: the intervention's first step.
        seed: of the episode.

    Raises:
        CannotReplay: no intervention begins there, or the environment does not repeat the episode.
    """
    shown = stretch_of(episode, first, lead=round(LEAD * view.pace))
    obs, _ = environment.reset(seed=seed)
    pictures, yours, a_step = [], list[bool](), 1
    for number, step in enumerate(episode[: shown.stop]):
        if not np.array_equal(obs, step.obs):
            raise CannotReplay("The environment does not repeat this episode.")
        if number == shown.start:
            pictures.append(view.still())
            yours.append(step.controller is Controller.EXPERT)
        obs, *_ = environment.step(step.executed)
        if number in shown:
            film = view.film()
            pictures += film
            yours += [step.controller is Controller.EXPERT] * len(film)
            a_step = len(film)
    return {"kind": "replay", "pictures": pictures, "yours": yours, "seconds": 1.0 / (view.pace * a_step)}
