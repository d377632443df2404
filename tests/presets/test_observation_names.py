"""Names of the observations' numbers, where a task has them: one for each, and no two alike."""

import pytest

from mereq.presets.known_tasks import known_task


@pytest.mark.parametrize("name", ["highway", "bottle-pushing"])
def test_every_number_has_a_name(name):
    definition = known_task(name)
    assert definition is not None
    assert len(set(definition.observation_names)) == len(definition.observation_names) == definition.task.state_size
