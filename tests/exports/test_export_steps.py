"""What comes back out of an exported dataset are the recorded steps, bit for bit, with what was taken back marked."""

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control import CartPoleEnv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exported import READERS, as_steps, columns, recorded, same, steps_of, stored, task_of
from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotExport
from mereq.exports import export, lerobot_dataset, read_runs
from mereq.gymnasium_ids import HIGHWAY_ID
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.store.run_writer import RunWriter
from mereq.tasks.corridor import TASK
from mereq.tasks.gymnasium_task import specification
from recorded_runs import ROUNDS

ACTIONS = st.sampled_from([Discrete(4), Box(1), Box(3)])


@pytest.mark.parametrize("format", READERS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), actions=ACTIONS, seed=st.integers(0, 2**32 - 1))
def test_every_step_comes_back(tmp_path_factory, format, lengths, actions, seed):
    folder = tmp_path_factory.mktemp("export")
    run = recorded(folder / "run", steps_of(lengths, actions, seed, cut=seed % 2 == 0))
    export(read_runs([run], task=task_of(actions)), format, folder / "out")
    found, expected = READERS[format](folder / "out", actions), stored(run)
    steps = as_steps(found)
    assert len(steps) == len(expected) == sum(lengths)
    assert all(same(a, b) for a, b in zip(steps, expected, strict=True))
    rollout = Rollout.of(expected)
    assert found["retracted"].tolist() == (rollout.by_expert & ~demonstrated(rollout)).tolist()
    assert (found["run"] == 0).all()
    assert (found["round"] == 0).all()


@pytest.mark.parametrize("format", READERS)
def test_a_whole_run_and_some_of_its_rounds(tmp_path, calm, format):
    everything = read_runs([calm], task=TASK)
    assert everything.n_rounds == ROUNDS
    for rounds in [(), (2, 0)]:
        out = tmp_path / f"out{len(rounds)}"
        export(read_runs([calm], rounds=rounds, task=TASK), format, out)
        found, wanted = READERS[format](out, TASK.actions), rounds or tuple(range(ROUNDS))
        expected = stored(calm, *wanted)
        assert len(expected) == 40 * len(wanted)
        assert all(same(a, b) for a, b in zip(as_steps(found), expected, strict=True))
        assert found["round"].tolist() == [index for index in wanted for _ in range(40)]
    origin = json.loads((out / "provenance.json").read_text())
    assert origin["runs"][0]["config"]["method"] == "mereq"
    assert [row["round"] for row in origin["runs"][0]["finished_rounds"]] == list(range(ROUNDS))
    assert len(origin["runs"][0]["finished_rounds"][0]["theta"]) == len(TASK.feature_names)
    assert origin["runs"][0]["starts"][0]["packages"]["numpy"] == np.__version__
    assert str(calm.parent) not in json.dumps(origin)


@pytest.mark.parametrize("format", READERS)
def test_several_runs_one_of_which_goes_on(tmp_path, format):
    actions = Discrete(4)
    runs = [recorded(tmp_path / str(i), steps_of([3, 2], actions, i)) for i in range(2)]
    with RunWriter.resume(runs[1], {"task": "toy", "method": "mereq", "n_rounds": 1}) as store:  # is writing
        export(read_runs(runs, task=task_of(actions)), format, tmp_path / "before")
        store.add_step(steps_of([3, 3], actions, 1)[-1])
        export(read_runs(runs, task=task_of(actions)), format, tmp_path / "after")
    before, after = (READERS[format](tmp_path / name, actions) for name in ("before", "after"))
    assert before["run"].tolist() == [0] * 5 + [1] * 5
    assert after["run"].tolist() == [0] * 5 + [1] * 6
    assert all(map(same, as_steps(after), stored(runs[0]) + stored(runs[1])))
    assert as_steps(after)[-1].step == 2


def test_a_retracted_intervention_is_kept_and_marked(tmp_path):
    steps = [step._replace(controller=1 <= i < 3, retracts=i == 4) for i, step in enumerate(steps_of([6], Box(2), 0))]
    run = recorded(tmp_path / "run", steps)
    for format, read in READERS.items():
        export(read_runs([run], task=task_of(Box(2))), format, tmp_path / format)
        found = read(tmp_path / format, Box(2))
        assert found["is_intervention"].tolist() == [False, True, True, False, False, False]
        assert found["retracted"].tolist() == [False, True, True, False, False, False]


def test_columns_say_what_they_are(tmp_path):
    run = recorded(tmp_path / "run", steps_of([2], Box(2), 0))
    export(read_runs([run], task=task_of(Box(2))), "csv", tmp_path / "out")
    header = (tmp_path / "out/steps.csv").read_text().splitlines()[0].split(",")
    assert header == [part for column in columns(tmp_path / "out") for part in column["parts"]]
    assert {"observation_0", "action_1", "proposed_action_1", "features_near", "is_intervention"} <= set(header)
    assert all(column["about"] in (tmp_path / "out/README.txt").read_text() for column in columns(tmp_path / "out"))


@pytest.mark.parametrize("actions", [Discrete(4), Box(2)])
@pytest.mark.parametrize("format", READERS)
def test_a_task_whose_code_is_not_here(tmp_path, format, actions):
    """The dataset is the one of the task, as far as the runs recorded what it is."""
    task = "/home/somebody/my_task.py:TOY"
    steps = [step._replace(executed=np.int64(3)) if actions.shape == () else step for step in steps_of([4], actions, 0)]
    run = recorded(tmp_path / "run", steps, task=task, feature_names=["near", "smooth"])
    recording = read_runs([run])
    assert recording.task.feature_names == task_of(actions).feature_names
    assert recording.task.actions == actions
    export(recording, format, tmp_path / "out")
    found = READERS[format](tmp_path / "out", actions)
    assert all(map(same, as_steps(found), stored(run)))
    texts = [file.read_text() for file in (tmp_path / "out").rglob("*") if file.suffix in (".txt", ".json")]
    assert all("somebody" not in text for text in texts)
    assert any(text.startswith("my_task.py:TOY") for text in texts)


def test_features_without_names_are_numbered(tmp_path):
    run = recorded(tmp_path / "run", steps_of([2], Box(2), 0))
    assert read_runs([run]).task.feature_names == ("0", "1")


def test_a_full_file_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(lerobot_dataset, "FILE_MEGABYTES", 0)
    monkeypatch.setattr(lerobot_dataset, "FILES_PER_CHUNK", 2)
    actions = Box(2)
    run = recorded(tmp_path / "run", steps_of([2, 3, 1, 2, 4], actions, 0))
    export(read_runs([run], task=task_of(actions)), "lerobot", tmp_path / "out")
    found = READERS["lerobot"](tmp_path / "out", actions)
    assert all(map(same, as_steps(found), stored(run)))
    paths = [path.relative_to(tmp_path / "out/data").as_posix() for path in (tmp_path / "out/data").glob("*/*")]
    assert sorted(paths) == [f"chunk-00{i // 2}/file-00{i % 2}.parquet" for i in range(5)]


@pytest.mark.parametrize(("hz", "fps"), [(0.2, 1), (2.5, 2), (10.0, 10)])
def test_a_pace_that_is_no_whole_number_has_its_true_times_beside_it(tmp_path, hz, fps):
    run = recorded(tmp_path / "run", steps_of([4, 2], Box(2), 0))
    export(read_runs([run], task=task_of(Box(2)), hz=hz), "lerobot", tmp_path / "out")
    found = READERS["lerobot"](tmp_path / "out", Box(2))  # compares timestamps with fps
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["fps"] == fps
    times = found.get("task_time", found["timestamp"])
    np.testing.assert_allclose(times, np.array([0, 1, 2, 3, 0, 1]) / hz, rtol=1e-6)
    assert ("task_time" in found) == (fps != hz)


@pytest.mark.parametrize("hz", [0.0, -1.0, float("nan"), float("inf")])
def test_no_pace_at_all_is_a_sentence(tmp_path, hz):
    run = recorded(tmp_path / "run", steps_of([2], Box(2), 0))
    with pytest.raises(CannotExport, match="must be a positive number"):
        export(read_runs([run], task=task_of(Box(2)), hz=hz), "lerobot", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_minari_makes_the_environment_of_a_run_again(tmp_path):
    """Only the record of a user's run is at hand; for ours, the name is enough."""
    import minari

    made = gym.make("CartPole-v1", max_episode_steps=77)
    spec = specification(made)
    for name, config, length in (("own.py:POLE", {"env_spec": spec}, 77), ("highway", {}, None)):
        run = recorded(tmp_path / name, steps_of([3], Discrete(2), 0), task=name, **config)
        export(read_runs([run]), "minari", tmp_path / f"{name}-out")
        env = minari.MinariDataset(tmp_path / f"{name}-out/data").recover_environment()
        assert (env.spec.id, env.spec.max_episode_steps) == ("CartPole-v1" if length else HIGHWAY_ID, length)
    run = recorded(tmp_path / "run", steps_of([3], Discrete(2), 0))
    export(read_runs([run]), "minari", tmp_path / "out")
    assert minari.MinariDataset(tmp_path / "out/data").env_spec is None


def test_an_environment_that_cannot_be_made_from_a_text_has_no_specification():
    class Own(gym.Wrapper):
        """Tells nothing about its arguments."""

    assert specification(Own(gym.make("CartPole-v1"))) is None
    assert specification(gym.wrappers.TimeLimit(gym.make("CartPole-v1"), 9)) is not None
    assert specification(CartPoleEnv()) is None
