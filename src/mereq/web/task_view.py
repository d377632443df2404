"""View of a run's environment."""

from mereq.core.border import own_code
from mereq.core.simulator import Environment
from mereq.core.view import TaskView
from mereq.presets.definition import TaskDefinition
from mereq.tasks.rendered_view import RenderedView


def task_view_of(environment: Environment, definition: TaskDefinition) -> TaskView:
    """The definition's own view of an environment, or the pictures that the environment renders.

    Raises:
        IncompleteTask: the environment has neither.
        OwnCodeFailed: the function that makes the view raised an exception.
    """
    with own_code(f"The view of the task {definition.name} could not be made"):
        own = definition.view(environment) if definition.view else None
    assert definition.controls is not None
    return own or RenderedView(environment, definition.controls, definition.hz)
