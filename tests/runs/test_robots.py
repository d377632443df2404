"""Runs on another environment than the one that is learned in: by name, written down, resumed, in studies."""

import json
from io import StringIO

import pytest
from rich.console import Console

import breakable
from breakable import Breakable
from mereq.commands import robot_operator
from mereq.commands.align import align
from mereq.core.errors import RobotLost, UnknownName, WrongRobot, WrongValue
from mereq.presets.registry import TASKS
from mereq.runs.run import config_of, environment_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader
from mereq.studies.grid import Study, StudyFile
from mereq.supervision.robot_environment import RobotEnvironment

MINE = "breakable:Breakable"
QUICK = {
    "rollout_steps": 30,
    "training_steps": 100,
    "inference": {"max_updates": 2, "sample_length": 100, "tolerance": 0.0},
}


def spec(**words) -> RunSpec:
    named = {
        "task": "highway",
        "method": "mereq",
        "preset": "fast",
        "seed": 3,
        "n_rounds": 2,
        "rate_threshold": 0.0,
    }
    return RunSpec.named(**named | words)


def aligned(out, *, resume=False, **given) -> str:
    """What `mereq align` says."""
    console = Console(file=StringIO(), width=200)
    given = given if resume else {"n_rounds": 2, "changes": {"settings": QUICK}} | given
    try:
        align(out, resume=resume, overwrite=False, given=given, console=console)
    finally:
        said = console.file.getvalue()
        (out.parent / "said").write_text(said)
    return said


# ---------------------------------------------------------------------------------------------------------- by name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("robot", ["perturbed", MINE])
def test_a_robot_is_written_down_with_the_run(task, robot):
    whole = spec(task=task, robot=robot)
    assert RunSpec.from_config(json.loads(json.dumps(config_of(whole)))) == whole
    assert config_of(whole)["robot"] == robot
    assert isinstance(environment_of(whole), RobotEnvironment)


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize("task", TASKS)
def test_the_simulation_is_not_asked_to_repeat_a_robots_episodes(task, preset):
    """The numbers are those of the paper then, which compares in new episodes, and nothing else changes."""
    with_robot, without = spec(task=task, preset=preset, robot="perturbed"), spec(task=task, preset=preset)
    paper = TASKS[task].settings["paper"].inference
    inference = {"starts": "episodes", "kappa": paper.kappa}
    assert with_robot == without.changed({"robot": "perturbed"})
    assert with_robot.settings == without.changed({"settings": {"inference": inference}}).settings
    with pytest.raises(WrongValue, match="starts must be 'episodes' with a robot"):
        with_robot.changed({"settings": {"inference": {"starts": "segments"}}})


def test_runs_from_before_there_were_robots_can_be_resumed():
    assert "robot" not in config_of(spec())
    assert RunSpec.from_config(config_of(spec())).robot is None
    assert not isinstance(environment_of(spec()), RobotEnvironment)


def test_mistakes_are_sentences():
    breakable.number, breakable.half = 3, lambda task: 1
    breakable.broken = lambda task: 1 / 0
    for name, error, words in (
        ("kuka", UnknownName, "Known: perturbed, fanuc or fanuc:FILE.toml"),
        (":what", UnknownName, "perturbed"),
        ("no_such_package.arm:Arm", WrongRobot, "No module named 'no_such_package'"),
        ("breakable:Nothing", WrongRobot, "there is no Nothing in breakable"),
        ("breakable:number", WrongRobot, "is a int, and must be callable"),
        ("breakable:half", WrongRobot, "is a int that lacks __enter__, __exit__, hz, repeatable, reset, step, stop"),
        ("breakable:broken", WrongRobot, "cannot be made: ZeroDivisionError"),
    ):
        with pytest.raises(error, match=words):
            environment_of(spec(robot=name))
    with pytest.raises(WrongValue, match=r"3\.5"):
        spec().changed({"robot": 3.5})


def test_a_variant_of_a_study_may_be_a_robot():
    study = Study.of(
        StudyFile(
            title="",
            tasks=["highway"],
            methods=["mereq"],
            presets=["fast"],
            seeds=[1],
            rounds=1,
            variants={"simulated": {}, "perturbed": {"robot": "perturbed"}},
        )
    )
    assert [(run.spec.robot, run.spec.settings.inference.starts) for run in study.runs] == [
        (None, "segments"),
        ("perturbed", "episodes"),
    ]


# ------------------------------------------------------------------------------------------------------- whole runs


def test_align_on_the_perturbed_highway(tmp_path):
    said = aligned(tmp_path / "run", robot="perturbed")
    assert "Supervised on the robot perturbed" in said
    assert "starts = 'episodes', kappa = 0.1" in said
    with RunReader.open(tmp_path / "run") as store:
        perturbed, rounds = store.steps(0), len(store.rounds())
        assert store.starts()[-1].config["robot"] == "perturbed"
    assert rounds == 2
    environment = environment_of(spec())
    seen = environment.reset(seed=0)[0]
    assert perturbed[0].obs.shape == seen.shape


def test_a_lost_robot_ends_the_run_which_goes_on_in_a_new_episode(tmp_path, monkeypatch):
    """`mereq align`: what was recorded stays, and is not done again."""
    monkeypatch.setattr(robot_operator, "COUNTDOWN", 0.0)
    made = Breakable.__init__
    monkeypatch.setattr(
        Breakable, "__init__", lambda self, task: made(self, task) or self.breaks.update({7: RobotLost("cable")})
    )
    with pytest.raises(RobotLost, match="The robot does not answer: cable"):
        aligned(tmp_path / "run", robot=MINE)
    said = (tmp_path / "said").read_text().replace("\n", "")
    assert f"--robot breakable:Breakable --resume --out {tmp_path / 'run'}" in said
    assert Breakable.made.told == ["enter", "reset", *["step"] * 6, "stop", "exit"]
    with RunReader.open(tmp_path / "run") as store:
        before = store.steps(0)
    assert len(before) == 5
    monkeypatch.setattr(Breakable, "__init__", made)
    asked = []
    monkeypatch.setattr(robot_operator, "_await_enter", lambda: asked.append(list(Breakable.made.told)))
    aligned(tmp_path / "run", resume=True, robot=MINE)
    assert [told[-1] for told in asked] == ["stop"]  # before the second round
    with RunReader.open(tmp_path / "run") as store:
        steps, rounds = store.steps(0), store.rounds()
    assert len(rounds) == 2
    assert [(step.episode, step.step) for step in steps[:7]] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1)]
    assert Breakable.made.told.count("step") == 30 - 5 + 30
    assert Breakable.made.told.count("stop") == 2  # after each round
    assert Breakable.made.told[-1] == "exit"
