"""Eq. (8) when supervised episodes end as soon as they are settled, and training episodes have full length."""

from dataclasses import replace

import numpy as np
import pytest

from mereq.alignment.inverse_rl import MEREQ
from mereq.core.seeding import episode_seed
from mereq.core.supervisor import Decision
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.presets.registry import definition_of
from mereq.store.policies import load_shipped
from mereq.supervision.supervise import supervise
from toys import EXPERT, always

pytestmark = pytest.mark.paper("the same, for episodes that end when nothing is left to watch")

N_STEPS = 1000


class InControl:
    """A supervisor who takes over in the first step and does what the policy would."""

    def begin_episode(self, seed) -> None: ...

    def decide(self, context) -> Decision:
        return Decision(EXPERT, context.proposed)


@pytest.mark.parametrize("name", ["bottle-pushing", "erasing", "pillow-grasping"])
def test_a_policy_against_itself_has_no_gradient(name):
    """With rollouts from new episodes; rollouts of 100 steps, as in training, would ask for .3 and .7 of change."""
    preset = definition_of(name)
    task, expert, paper = preset.task, load_shipped(preset.task, "expert"), preset.settings["paper"]
    steps = supervise(
        task.make(),
        always(expert),
        InControl(),
        N_STEPS,
        episode_seed=lambda k: episode_seed(0, 0, k),
        task=task,
    )
    at_once = replace(paper.inference, sample_length=N_STEPS, tolerance=np.inf)
    improver = MEREQ.start(task, expert, replace(paper, inference=at_once), seed=1)
    progress = next(iter(improver.improve(InterventionLog((Rollout.of(steps),)), 0)))
    assert progress.gradient_norm < 0.1
