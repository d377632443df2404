"""Definition of Highway-Sim."""

from functools import partial

from mereq.evaluation.highway_clips import film_highway
from mereq.evaluation.highway_metrics import highway_card
from mereq.maxent_rl.training import TrainingSettings
from mereq.presets.definition import Preparation, TaskDefinition
from mereq.presets.highway_settings import DQN, FAST, PAPER, TRAINING
from mereq.presets.perturbed import perturbed_highway
from mereq.store.families import load_shipped_family
from mereq.store.policies import load_shipped
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks import highway
from mereq.tasks.highway import engine
from mereq.tasks.highway.view import HighwayView, view_of_highway

HIGHWAY = TaskDefinition(
    task=highway.TASK,
    summary="drive on a three-lane highway; the expert wants to keep to the right lane",
    supervisor=lambda expert, upper, lower: DivergenceExpert(expert, divergence_rule(upper=upper, lower=lower)),
    supervision={"upper": 1.62, "lower": 1.52},
    prior=partial(load_shipped, highway.TASK, "prior"),
    expert=partial(load_shipped, highway.TASK, "expert"),
    family=partial(load_shipped_family, highway.TASK),
    settings={"paper": PAPER, "fast": FAST},
    hz=1.0,
    controls=HighwayView.controls,
    view=view_of_highway,
    theta_prior=highway.THETA_PRIOR,
    theta_expert=highway.THETA_EXPERT,
    training={
        "paper": TrainingSettings(
            n_steps=500_000,
            checkpoint_interval=10_000,
            learner=DQN,
            schedule=TRAINING,
            replay_capacity=15_000,
            alive_bonus=1.0,
        )
    },
    observation_names=tuple(
        f"{whose} {what}"
        for whose in ("own", "car 1's", "car 2's", "car 3's", "car 4's")
        for what in ("presence", "x", "y (to the right)", "speed along", "speed to the right")
    ),
    metrics=highway_card,
    clip=film_highway,
    perturbed=perturbed_highway,
    preparation=Preparation(
        what="compiling the highway engine (once on this machine, about half a minute)",
        is_done=engine.is_compiled,
        do=engine.warm_up,
    ),
)
