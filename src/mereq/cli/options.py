"""Options of several commands, and the console for progress."""

import os
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional, arg

from mereq.commands.output import PlainConsole

PLATFORM_GIVEN = "JAX_PLATFORMS" in os.environ
app = tyro.extras.SubcommandApp()
console = PlainConsole(stderr=True, soft_wrap=True)  # progress and words; results that a program may read go to stdout

# None: the option was not given, and the command takes the default that is shown.
TaskName = Annotated[str | None, Positional, arg(metavar="TASK", help_behavior_hint="(default: highway)")]
MethodName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: mereq)")]
PresetName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: fast)")]
Seed = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 0)")]
Rounds = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 10)")]
PriorKind = Annotated[str | None, arg(metavar="KIND", help_behavior_hint="(default: recognised)")]
PolicyName = Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: the task's own)")]
FamilyName = Annotated[str | None, arg(metavar="FILE", help_behavior_hint="(default: the task's own)")]
LearningName = Annotated[
    Literal["sequential", "concurrent", "handback", "within", "preparing"] | None,
    arg(metavar="WHEN", help_behavior_hint="(default: sequential; mereq-bayes: handback, or preparing)"),
]
Track = Annotated[
    Literal["tensorboard", "wandb", "trackio"] | None, arg(metavar="WHERE", help_behavior_hint="(default: nowhere)")
]
RobotName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the simulation)")]
Steps = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: the preset's)")]
Hz = Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: 2 on the highway, 10 for the arm)")]
Host = Annotated[str, arg(metavar="ADDRESS")]
Port = Annotated[int, arg(metavar="N", help_behavior_hint="(default: any free one)")]
