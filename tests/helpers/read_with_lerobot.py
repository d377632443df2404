"""LeRobot's own library reads, splits and merges exported datasets, acts with exported policies, and drives a robot.

    make lerobot, or python tests/helpers/read_with_lerobot.py FOLDER

FOLDER is what tests/helpers/lerobot_files.py has written. Needs LeRobot (Python 3.12) and the plug-ins of plugins/.
"""

import csv
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import lerobot
import numpy as np
import torch
from lerobot.configs import PreTrainedConfig
from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets, split_dataset
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.robots.config import RobotConfig
from lerobot.robots.robot import Robot as LeRobotsRobot
from lerobot.teleoperators.config import TeleoperatorConfig
from lerobot.teleoperators.utils import TeleopEvents, make_teleoperator_from_config
from lerobot.utils.import_utils import register_third_party_plugins

from mereq.robots.lerobot import Joint, LeRobotBody

Columns = dict[str, np.ndarray]
NAMES = {
    "observation": "observation.state",
    "next_observation": "next.observation.state",
    "terminated": "next.done",
    "truncated": "next.truncated",
    "episode": "episode_of_round",
    "step": "frame_index",
}


def expected(folder: Path) -> Columns:
    """The steps of a CSV export, under LeRobot's names."""
    with (folder / "steps.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    found = {}
    for column in json.loads((folder / "columns.json").read_text()):
        kind = np.dtype(column["dtype"])
        number = int if kind.kind in "biu" else float
        values = np.array([[number(row[part]) for part in column["parts"]] for row in rows])
        found[NAMES.get(column["name"], column["name"])] = values.astype(kind)
    return found


def read(dataset: LeRobotDataset) -> Columns:
    """Every frame as LeRobot's `__getitem__` gives it."""
    frames = [dataset[number] for number in range(len(dataset))]
    return {name: np.array([np.asarray(frame[name]).reshape(-1) for frame in frames]) for name in dataset.meta.features}


def compare(found: Columns, wanted: Columns, steps: np.ndarray | slice = slice(None)) -> None:
    """Every exported column, bit for bit; LeRobot's tensors have 32 bits."""
    for name, values in wanted.items():
        want = values[steps]
        got = found[name].reshape(want.shape)
        np.testing.assert_array_equal(got.astype(want.dtype), want.astype(got.dtype).astype(want.dtype), err_msg=name)


def try_datasets(folder: Path, work: Path) -> None:
    """Read each dataset whole, in part and in batches; split, merge, and delete episodes."""
    opened, known = {}, {}
    for place in sorted((folder / "lerobot").iterdir()):
        name = place.name
        opened[name] = LeRobotDataset(f"mereq/{name}", root=place)
        known[name] = expected(folder / "csv" / name)
        found = read(opened[name])
        compare(found, known[name])
        taken = known[name]["is_intervention"].astype(bool)
        assert 0 < taken.sum() < len(taken)
        assert known[name]["retracted"].any() or not known[name]["retracts"].any()
        in_batches = torch.utils.data.DataLoader(opened[name], batch_size=8)
        assert sum(int(batch["is_intervention"].sum()) for batch in in_batches) == taken.sum()
        info = json.loads((place / "meta/info.json").read_text())
        if "task_time" in info["features"]:
            steps = found["frame_index"].reshape(-1)
            np.testing.assert_allclose(found["task_time"].reshape(-1), steps * 5.0)
        print(f"{name}: {len(taken)} frames, {int(taken.sum())} by the expert, fps {opened[name].fps}, read back equal")

    one, want = opened["one"], known["one"]
    episodes = np.asarray(read(one)["episode_index"]).reshape(-1)
    selected = LeRobotDataset(
        "mereq/one", root=folder / "lerobot/one", episodes=[1, 2], delta_timestamps={"action": [0.0, 0.1]}
    )
    first = selected[0]["action"].numpy()
    np.testing.assert_array_equal(first[0], want["action"][episodes == 1][0])
    np.testing.assert_array_equal(first[1], want["action"][episodes == 1][1])
    parts = split_dataset(one, {"train": [0, 2], "val": [1, 3]}, output_dir=work / "split")
    for name, kept in (("train", (0, 2)), ("val", (1, 3))):
        steps = np.isin(episodes, kept)
        compare(_without_places(read(parts[name])), _without_places(want), steps)
    merged = merge_datasets([one, opened["two"]], "mereq/merged", output_dir=work / "merged")
    both = {name: np.concatenate([want[name], known["two"][name]]) for name in want}
    compare(read(merged), both)
    fewer = delete_episodes(one, [0], output_dir=work / "fewer", repo_id="mereq/fewer")
    compare(_without_places(read(fewer)), _without_places(want), episodes != 0)
    lengths = ", ".join(str(len(part)) for part in (*parts.values(), merged, fewer))
    print(f"split in two, merged, one episode deleted: {lengths} frames, equal")


def _without_places(columns: Columns) -> Columns:
    """Without LeRobot's own counts, which change."""
    return {name: values for name, values in columns.items() if name not in ("index", "episode_index", "timestamp")}


@dataclass
class TwoMotorsConfig(RobotConfig):
    """Configuration of `TwoMotors`."""


class TwoMotors(LeRobotsRobot):
    """Two motors that are where they are told, as a subclass of LeRobot's abstract class."""

    config_class, name = TwoMotorsConfig, "two_motors"

    def __init__(self, config: TwoMotorsConfig):
        super().__init__(config)
        self._connected, self.at, self.told = False, {"a.pos": 0.0, "b.pos": 0.0}, 0

    @property
    def observation_features(self) -> dict:
        return {"a.pos": float, "b.pos": float}

    action_features = observation_features
    is_connected = property(lambda self: self._connected)
    is_calibrated = True

    def connect(self, calibrate: bool = True) -> None:
        assert not calibrate
        self._connected = True

    def calibrate(self) -> None: ...

    def configure(self) -> None: ...

    def get_observation(self) -> dict:
        return dict(self.at)

    def send_action(self, action: dict) -> dict:
        assert set(action) == set(self.action_features)
        self.at, self.told = dict(action), self.told + 1
        return action

    def disconnect(self) -> None:
        self._connected = False


def try_robot(work: Path) -> None:
    """Step a subclass of LeRobot's own abstract `Robot` through mereq's adapter."""

    def both(seen):
        return np.array([seen["a.pos"], seen["b.pos"]], np.float32)

    theirs = TwoMotors(TwoMotorsConfig(calibration_dir=work / "calibration"))
    joints = [Joint("a.pos", 1.0, -5.0, 5.0, 2.0), Joint("b.pos", 1.0, -5.0, 5.0, 0.0)]
    robot = LeRobotBody(
        theirs, joints, hz=50.0, observe=both, features=lambda _, seen: both(seen), over=lambda steps, _: steps == 20
    )
    with robot:
        obs, _ = robot.reset()
        np.testing.assert_allclose(obs, [2.0, 0.0], atol=2.0)
        for _ in range(20):
            obs, *_, over, _ = robot.step([0.5, -1.0])
        robot.stop()
    np.testing.assert_array_equal(obs, [5.0, -5.0])
    assert over
    assert not theirs.is_connected
    print(f"a robot of LeRobot's: {theirs.told} actions sent, at {obs.tolist()}, disconnected")


def try_policies(folder: Path, work: Path) -> None:
    """Convert each exported policy, load it as LeRobot's commands do, and compare its actions at 1000 observations."""
    from lerobot_policy_mereq.__main__ import convert

    for name in ("finite", "box"):
        convert(folder / "policies" / name, work / name)
        config = PreTrainedConfig.from_pretrained(work / name)
        policy = get_policy_class(config.type).from_pretrained(work / name, config=config)
        before, after = make_pre_post_processors(config, pretrained_path=str(work / name))
        known = np.load(folder / "policies" / f"{name}.npz")
        policy.reset()
        actions = after(policy.select_action(before({"observation.state": torch.from_numpy(known["obs"])}))).numpy()
        single = after(policy.select_action(before({"observation.state": torch.from_numpy(known["obs"][0])}))).numpy()
        np.testing.assert_array_equal(single, actions[:1])
        difference = np.abs(actions - known["actions"]).max()
        assert difference < 1e-4, difference
        print(f"policy {name}: {len(actions)} actions, largest difference {difference:.1e}")


def try_teleoperator() -> None:
    """Steer by the page's own messages, show a picture, fall silent, and leave."""
    from websockets.sync.client import connect

    config = TeleoperatorConfig.get_choice_class("mereq_page")(axes=["x", "y"], scale=0.5)
    page = make_teleoperator_from_config(config)
    nothing = {"x": 0.0, "y": 0.0}
    with page:
        host = page.address.removeprefix("http://").partition("/")[0]
        token = page.address.partition("token=")[2]
        assert page.get_action() == nothing
        with connect(f"ws://{host}/wheel?token={token}", origin=f"http://{host}", proxy=None) as link:
            hello, view = json.loads(link.recv()), json.loads(link.recv())
            assert [key["action"] for key in hello["keys"]] == [[1, 0], [-1, 0], [0, 1], [0, -1]]
            assert view["paused"]
            frame = 0

            def hold(action: list[int] | None, *, engaged: bool) -> dict[str, float]:
                held = {"frame": frame, "sent": time.time(), "mode": "toggle", "engaged": engaged, "action": action}
                link.send(json.dumps({"kind": "input", **held}))
                time.sleep(0.1)
                return page.get_action()

            assert hold(None, engaged=False) == nothing
            link.send(json.dumps({"kind": "command", "name": "go", "value": None}))
            assert hold([1, 0], engaged=False) == nothing  # the person has not taken over
            assert not page.get_teleop_events()[TeleopEvents.IS_INTERVENTION]
            assert hold([1, -1], engaged=True) == {"x": 0.5, "y": -0.5}
            assert page.get_teleop_events()[TeleopEvents.IS_INTERVENTION]
            page.send_feedback({"picture": np.zeros((20, 30, 3), np.uint8)})
            while not (view := json.loads(link.recv()))["picture"]:
                pass
            frame = view["frame"]
            assert hold([1, -1], engaged=True) == {"x": 0.5, "y": -0.5}
            time.sleep(1.5)  # nothing is heard from the page
            assert page.get_action() == nothing
            assert not page.get_teleop_events()[TeleopEvents.IS_INTERVENTION]
        assert page.get_action() == nothing
    assert not page.is_connected
    print("teleoperator mereq_page: steered, shown, silent, left")


def main() -> None:
    """Try everything."""
    folder = Path(sys.argv[1])
    print(f"lerobot {lerobot.__version__}, torch {torch.__version__}")
    register_third_party_plugins()
    with tempfile.TemporaryDirectory() as temporary:
        try_datasets(folder, Path(temporary))
        try_policies(folder, Path(temporary))
        try_robot(Path(temporary))
    try_teleoperator()


if __name__ == "__main__":
    main()
