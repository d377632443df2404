"""Datasets read back as supervised steps: of other origins, in both formats; what is told where one does not fit."""

import csv
import json
import warnings

import numpy as np
import pytest
from gymnasium import spaces
from rich.console import Console

from mereq.commands.align import align_from
from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotLoad, WrongValue
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Controller
from mereq.core.task import Task
from mereq.exports.reading import read_dataset


def nowhere(*_):
    raise AssertionError("reading needs no environment")


TASK = Task("walk", ("left", "fast"), 2, Discrete(3), nowhere, nowhere)
ARM = Task("reach", ("left", "fast"), 2, Box(2), nowhere, nowhere)
PRIOR = LogitsPolicy(lambda obs: np.tile([0.0, 0.0, 1.0], (len(obs), 1)), 3)  # always the last action
ROWS = {
    "episode": [0, 0, 0, 1],
    "observation_0": [0.0, 0.5, 1.0, 0.0],
    "observation_1": [7.0, 7.0, 7.0, 8.0],
    "action": [1, 0, 0, 1],
    "intervention": ["False", "True", "true", "0"],
}


def written(folder, rows):
    file = folder / "mine.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        lines = csv.writer(opened)
        lines.writerow(rows)
        lines.writerows(zip(*rows.values(), strict=True))
    return file


def test_few_columns_are_enough(tmp_path):
    """Without proposals, those of the policy are what it did, and those in an intervention are the prior's."""
    (steps,) = read_dataset(written(tmp_path, ROWS), TASK, PRIOR)
    assert [(step.episode, step.step) for step in steps] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [step.controller for step in steps] == [Controller.POLICY, *[Controller.EXPERT] * 2, Controller.POLICY]
    assert [int(step.proposed) for step in steps] == [1, 2, 2, 1]
    assert [step.truncated for step in steps] == [False, False, True, True]
    np.testing.assert_array_equal(steps[0].next_obs, [0.5, 7.0])
    np.testing.assert_array_equal(steps[2].next_obs, [1.0, 7.0])  # the episode's last observation is not known
    assert np.isnan(steps[0].features).all()
    assert steps[0].obs.dtype == np.float32


def test_rows_may_be_in_any_order_and_rounds_and_features_are_read(tmp_path):
    more = {"round": [1, 0, 0, 1], "step": [1, 1, 0, 0], "left": [0.1, 0.2, 0.3, 0.4], "fast": [1, 1, 1, 0]}
    one = dict(ROWS, episode=[0, 0, 0, 0], **more)
    first, second = read_dataset(written(tmp_path, one), TASK, PRIOR)
    assert [step.features.tolist() for step in (*first, *second)] == [[0.3, 1], [0.2, 1], [0.4, 0], [0.1, 1]]
    assert [step.step for step in (*first, *second)] == [0, 1, 0, 1]


def test_a_feature_that_was_not_recorded_is_not_a_number(tmp_path):
    """Such as one that was added to the task after the run."""
    (steps,) = read_dataset(written(tmp_path, ROWS | {"left": [1, 2, 3, 4]}), TASK, PRIOR)
    np.testing.assert_array_equal(steps[0].features, [1, np.nan])


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("is_intervention", ["no", "yes"], "is_intervention must have numbers"),
        ("observation.state", [[0.0, 1.0], [0.5]], "must have numbers, or vectors of one length"),
        ("observation.state", None, "no column for observation"),
        (None, None, "cannot be read"),
    ],
)
def test_what_is_wrong_in_a_lerobot_dataset_is_told(tmp_path, column, values, told):
    import pyarrow
    from pyarrow import parquet

    columns = {"observation.state": [[0.0, 1.0]] * 2, "action": [[0.0, 1.0]] * 2, "is_intervention": [0, 1]}
    columns |= {"episode_index": [0, 0]} | ({} if column is None else {column: values})
    for folder in ("meta", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "meta" / "info.json").write_text("{}")
    file = tmp_path / "data" / "file-000.parquet"
    parquet.write_table(pyarrow.table({name: rows for name, rows in columns.items() if rows is not None}), file)
    if column is None:
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CannotLoad, match=told):
        read_dataset(tmp_path, ARM, PRIOR)


def test_lerobot_datasets_of_others_are_read(tmp_path):
    import pyarrow
    from pyarrow import parquet

    columns = {
        "observation.state": [[0.0, 1.0], [0.5, 1.0]],
        "action": [[0.1, -1.0], [0.0, 1.0]],
        "complementary_info.is_intervention": [[False], [True]],
        "episode_index": [0, 0],
        "frame_index": [0, 1],
    }
    (tmp_path / "meta").mkdir()
    (tmp_path / "data" / "chunk-000").mkdir(parents=True)
    info = {"features": {name: {} for name in columns} | {"observation.images.top": {}}}
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    parquet.write_table(pyarrow.table(columns), tmp_path / "data" / "chunk-000" / "file-000.parquet")

    class Still:
        def distribution(self, obs):
            return self

        def mode(self):
            return np.zeros((2, 2), np.float32)

    (steps,) = read_dataset(tmp_path, ARM, Still())
    np.testing.assert_array_equal([step.executed for step in steps], np.array([[0.1, -1.0], [0.0, 1.0]], np.float32))
    np.testing.assert_array_equal(steps[1].proposed, [0.0, 0.0])
    assert [int(step.controller) for step in steps] == [0, 1]


def of_minari(folder, monkeypatch, mark: str):
    """A dataset of one episode, in Minari's own words: observations are a dictionary, actions go to 2."""
    import minari
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
    seen = spaces.Dict({"left": spaces.Box(-9, 9, (1,), np.float32), "right": spaces.Discrete(2)})
    acting = spaces.Box(-2.0, 2.0, (2,), np.float32)
    infos = {mark: np.array([False, False, True, False]), "proposed_action": np.full((4, 2), [2.0, 0.0], np.float32)}
    observations = {"left": np.arange(4, dtype=np.float32)[:, None], "right": np.arange(4) % 2}
    actions = np.array([[0.0, 2.0], [1.0, 2.0], [-2.0, 2.0]], np.float32)
    ends = [False] * 3, [False, False, True]
    episode = EpisodeBuffer(None, None, None, observations, actions, [0.0] * 3, *ends, infos)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what a dataset may have besides
        minari.create_dataset_from_buffers("mine/marked-v0", [episode], observation_space=seen, action_space=acting)
    return folder / "mine" / "marked-v0"


def test_datasets_of_minaris_own_library_are_read(tmp_path, monkeypatch):
    task = Task("marked", ("left", "fast"), 3, Box(2), nowhere, nowhere)
    (steps,) = read_dataset(of_minari(tmp_path, monkeypatch, "intervention"), task, PRIOR)
    assert [int(step.controller) for step in steps] == [0, 1, 0]
    np.testing.assert_array_equal([step.obs for step in steps], [[0, 1, 0], [1, 0, 1], [2, 1, 0]])  # flattened
    np.testing.assert_array_equal(steps[2].next_obs, [3, 0, 1])  # the last one is recorded, too
    np.testing.assert_array_equal([step.executed for step in steps], [[0, 1], [0.5, 1], [-1, 1]])  # of the limits
    np.testing.assert_array_equal(steps[0].proposed, [1, 0])
    assert [step.truncated for step in steps] == [False, False, True]


def test_a_minari_dataset_without_marks_is_refused_with_the_names_that_are_understood(tmp_path, monkeypatch):
    with pytest.raises(
        CannotLoad, match=r"no column for is_intervention\. .* is_intervention or intervention .*: mark"
    ):
        read_dataset(of_minari(tmp_path, monkeypatch, "mark"), ARM, PRIOR)


def test_a_damaged_minari_dataset_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "metadata.json").write_text("{}")
    with pytest.raises(CannotLoad, match="Minari cannot read"):
        read_dataset(tmp_path, ARM, PRIOR)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"intervention": None}, "no column for is_intervention. Understood are: is_intervention or intervention"),
        ({"observation_1": None}, "observation has 1 numbers in each row; walk has 2"),
        ({"action": [1, 0, 3, 1]}, "action must be a whole number from 0 to 2.*there is 3"),
        ({"action": [1, 0, 0.5, 1]}, "there is 0.5"),
        ({"observation_0": [0.0, "", 1.0, 0.0]}, r"observation in row 1 \(from 0\) is empty"),
        (
            {"intervention": ["no", "yes", "no", "no"]},
            r"is_intervention in row 0 \(from 0\) is empty or no finite number",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, change, told):
    rows = {name: values for name, values in (ROWS | change).items() if values is not None}
    with pytest.raises(CannotLoad, match=told):
        read_dataset(written(tmp_path, rows), TASK, PRIOR)


def test_actions_beyond_the_limits_are_refused(tmp_path):
    rows = {name: values for name, values in ROWS.items() if name != "action"}
    rows |= {"action_0": [0, 0, 0, 0], "action_1": [0, -3.5, 0, 0]}
    with pytest.raises(CannotLoad, match=r"must lie in \[-1, 1\].*there is -3.5"):
        read_dataset(written(tmp_path, rows), ARM, PRIOR)


def test_what_is_no_dataset_is_told(tmp_path):
    with pytest.raises(CannotLoad, match="no dataset that can be read"):
        read_dataset(tmp_path, TASK, PRIOR)
    (tmp_path / "steps.csv").write_text("a,b\n")
    with pytest.raises(CannotLoad, match="has no rows"):
        read_dataset(tmp_path, TASK, PRIOR)
    (tmp_path / "steps.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(CannotLoad, match=r"row 1 \(from 0\) has 1 entries; the header has 2"):
        read_dataset(tmp_path, TASK, PRIOR)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n_rounds": 3, "pace": 5.0}, "nothing is supervised: leave out --pace, --rounds"),
        ({"method": "mereq"}, "which needs the recorded steps alone; mereq was asked for"),
    ],
)
def test_what_asks_for_a_supervisor_or_another_method_is_refused(tmp_path, given, told):
    with pytest.raises(WrongValue, match=told):
        align_from(tmp_path, tmp_path / "run", overwrite=False, given=given, console=Console())
    assert not (tmp_path / "run").exists()
