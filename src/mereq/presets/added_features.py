"""Tasks with added features: `highway + presence of car 2` is the task highway with one more feature. docs/limits.md.

What `mereq features` offers becomes a feature of a task in this way, and is treated as one that its author declared.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mereq.alignment.added_features import EnvironmentWithFeatures, with_features
from mereq.alignment.settings import AlignSettings
from mereq.core.simulator import Environment
from mereq.irl.candidates import candidate_named, values
from mereq.presets.definition import TaskDefinition


def with_added_features(definition: TaskDefinition, name: str, added: Sequence[str]) -> TaskDefinition:
    """The definition with candidate features added to those of its task. It has no prepared policy family.

    Args:
        definition: of the task.
        name: of the task with the added features.
        added: names of candidates, as `mereq features` offers them.

    Raises:
        UnknownName: there is no candidate of this name, or the task already has such a feature.
    """
    task = definition.task
    names, own = definition.observation_names, definition.candidates
    found = [candidate_named(each, task.state_size, task.actions, names=names, own=own) for each in added]
    nothing = np.zeros(len(found))
    limits = definition.family_settings
    if limits is not None and len(limits.limit) > 1:
        limits = replace(limits, limit=(*limits.limit, *[max(limits.limit)] * len(found)))
    return replace(
        definition,
        task=with_features(task, [each.name for each in found], lambda moves: values(found, moves)),
        name=name,
        family=None,
        family_settings=limits,
        settings={preset: _weighing(numbers, tuple(added)) for preset, numbers in definition.settings.items()},
        theta_prior=None if definition.theta_prior is None else np.append(definition.theta_prior, nothing),
        theta_expert=None if definition.theta_expert is None else np.append(definition.theta_expert, nothing),
        trained_in=definition.trained_in or task,
        view=definition.view and _of_inner(definition.view),
        perturbed=None,
    )


def _weighing(settings: AlignSettings, added: tuple[str, ...]) -> AlignSettings:
    """Settings in which the added features are weighed, too."""
    weighed = settings.inference.features
    return (
        settings
        if weighed is None
        else replace(settings, inference=replace(settings.inference, features=(*weighed, *added)))
    )


def _of_inner(view: Callable[[Environment], Any]) -> Callable[[Environment], Any]:
    return lambda environment: view(
        environment.inner if isinstance(environment, EnvironmentWithFeatures) else environment
    )
