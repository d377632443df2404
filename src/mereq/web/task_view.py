"""View of a run's environment."""

from mereq.core.simulator import Environment
from mereq.core.view import TaskView
from mereq.presets.definition import TaskDefinition
from mereq.tasks.rendered_view import RenderedView


def task_view_of(environment: Environment, definition: TaskDefinition) -> TaskView:
    """The definition's own view of an environment, or the pictures that the environment renders.

    Raises:
        IncompleteTask: the environment has neither.
    """
    own = definition.view(environment) if definition.view else None
    assert definition.controls is not None
    return own or RenderedView(environment, definition.controls, definition.hz)
