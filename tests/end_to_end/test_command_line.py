"""The command line on the real highway: a run, its pictures, going on, and a user's mistakes."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mereq.commands import align as command
from mereq.commands import show, train
from mereq.core.errors import CannotLoad
from mereq.evaluation.rollouts import EPISODES
from mereq.presets.registry import TASKS
from mereq.runs.policies import policy_of
from mereq.runs.recorded import load_method_policy
from mereq.runs.spec import RunSpec
from mereq.store.policies import describe_shipped, load_policy, load_shipped, save_policy
from mereq.store.run_store import RunReader
from mereq.studies.comparing import differences

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run on the highway, made by the real command in a process of its own."""
    out = tmp_path_factory.mktemp("runs") / "short"
    words = ["align", "highway", "--seed", "3", "--rounds", "2", "--out", str(out)]
    command = [sys.executable, "-c", "from mereq.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return out, done


def test_a_run_reports_each_round_and_where_it_is(finished):
    out, done = finished
    rounds = re.findall(r"^ +([01]) +0\.\d{3} +\d+ ", done.stderr, re.MULTILINE)
    assert rounds == ["0", "1"]
    assert f"mereq show {out}" in done.stderr
    assert done.stdout == ""


def test_the_run_learns_what_the_expert_wants(finished, mereq):
    """After one update the expert intervenes less, and right_lane has the largest weight."""
    status, out, _ = mereq("show", finished[0], "--json")
    report = json.loads(out)
    first, second = report["rounds"]
    assert status == 0
    assert second["intervention_rate"] < first["intervention_rate"]
    assert np.argmax(second["theta"]) == report["feature_names"].index("right_lane")
    assert second["expert_samples"] > first["expert_samples"] > 0
    assert first["seconds_waited"] > 0
    assert {"0.15", "0.10", "0.05"} == report["samples_to_threshold"].keys()
    assert report["provenance"]["packages"]["jax"]


def test_show_draws_the_run_and_films_the_road(finished, mereq):
    status, out, _ = mereq("show", finished[0])
    figures = finished[0] / "figures"
    assert status == 0
    assert "intervention" in out
    with Image.open(figures / "run.png") as picture, Image.open(figures / "before_after.gif") as clip:
        assert picture.size[0] > 1000
        assert clip.n_frames > 50


def test_show_in_a_small_installation_shows_the_table(finished, mereq, monkeypatch):
    """Without Matplotlib there are no figures; the numbers do not need them."""
    for loaded in [name for name in sys.modules if name.startswith("mereq.reports.figures")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, _ = mereq("show", finished[0])
    assert status == 0
    assert "expert samples until" in out
    assert "No figures: This needs the package matplotlib" in out
    status, out, told = mereq("show", finished[0], "--task", "highway")  # named for the figures
    assert (status, "expert samples until" in out) == (2, True)
    assert "mereq[figures]" in told


def test_show_without_a_package_of_the_task_shows_the_table(finished, mereq, monkeypatch):
    def without_mujoco(name):
        raise CannotLoad("Cannot load the task.") from ModuleNotFoundError("No module", name="mujoco")

    monkeypatch.setattr(show, "definition_of", without_mujoco)
    status, out, _ = mereq("show", finished[0])
    assert status == 0
    assert "No figures: This needs the package mujoco" in out


def test_the_policy_is_exported_and_a_prior_again(finished, mereq, tmp_path):
    """Both formats, after a round that is named; the graph then acts as the prior of another run."""
    for words in (("onnx",), ("safetensors", "--after-round", 0)):
        status, _, told = mereq("export-policy", finished[0], "--out", tmp_path / words[0], "--format", *words)
        assert status == 0
        assert re.search(r"at 1000 of its observations: largest difference [0-9.]+e-0[6-9]|0\.0e\+00", told)
    assert json.loads((tmp_path / "safetensors" / "config.json").read_text())["rounds"] == 1
    spec = RunSpec.named(task="highway", prior=str(tmp_path / "onnx" / "model.onnx"))
    obs = np.random.default_rng(0).random((50, 25)).astype(np.float32)
    with RunReader.open(finished[0]) as reader:
        _, _, policy = load_method_policy(reader, 1)
    found = policy_of(spec, "prior").distribution(obs).parameters
    np.testing.assert_allclose(found, policy.distribution(obs).parameters, atol=1e-5)
    status, _, told = mereq(
        "export-policy", finished[0], "--out", tmp_path / "x", "--format", "onnx", "--after-round", 7
    )
    assert status == 2
    assert "no round called '7'. Known: 0, 1" in told


def test_every_supervised_step_is_in_the_database(finished):
    with sqlite3.connect(finished[0] / "run.sqlite") as database:
        ((steps,),) = database.execute("SELECT count(*) FROM steps")
    assert steps == 2 * TASKS["highway"].settings["fast"].rollout_steps


def test_a_run_is_not_written_over(finished, mereq):
    status, _, told = mereq("align", "highway", "--out", finished[0])
    assert status == 2
    assert "already contains a run" in told


def test_going_on_with_other_settings_is_refused_by_name(finished, mereq):
    status, _, told = mereq("align", "--resume", "--seed", "4", "--out", finished[0])
    assert status == 2
    assert "seed was 3, now 4" in told


def test_a_finished_run_has_nothing_left_to_do(finished, mereq):
    status, _, told = mereq("align", "--resume", "--out", finished[0])
    assert status == 0
    assert "mereq show" in told


def test_a_signal_to_stop_says_how_to_go_on_and_going_on_is_exact(finished, mereq, tmp_path, monkeypatch):
    """On the real task: stopped in the second round, resumed in the same words, and equal to the run never stopped."""

    def stopping(spec, writer, whole=command.run, **given):
        yield from islice(whole(spec, writer, **given), 2500)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(command, "run", stopping)
        words = ["align", "highway", "--seed", "3", "--rounds", "2", "--out", tmp_path / "run"]
        status, _, told = mereq(*words)
    assert status == 130
    assert f"mereq align --resume --out {tmp_path / 'run'}" in told
    assert mereq("align", "--resume", "--out", tmp_path / "run")[0] == 0
    with RunReader.open(finished[0]) as left, RunReader.open(tmp_path / "run") as right:
        assert differences(left, right) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["align", "motorway"], "no task called 'motorway'. Known: bottle-pushing, bottle-pushing-human, erasing,"),
        (
            ["align", "highway", "--method", "magic"],
            "no method called 'magic'. Known: aim, csil, hg-dagger-ft, iwr-ft,",
        ),
        (["align", "highway", "--preset", "slow"], "no preset called 'slow'. Known: fast, paper"),
        (["align", "highway", "--seed", "-1"], "seed must be at least 0, and at most 9223372036854775807; it is -1"),
        (["train", "motorway", "prior"], "no task called 'motorway'"),
        (["show", "nowhere"], "nowhere"),
        (["align", "highway", "--prior", "nowhere/prior"], "there is no such file"),
    ],
)
def test_a_mistake_is_a_sentence_and_status_2(mereq, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, told = mereq(*words)
    assert status == 2
    assert sentence in " ".join(told.split())
    assert out == ""
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_a_damaged_prior_is_named(mereq, tmp_path):
    shipped = ROOT / "src/mereq/checkpoints/highway"
    for suffix in ("json", "safetensors"):
        content = (shipped / f"prior.{suffix}").read_bytes()
        (tmp_path / f"mine.{suffix}").write_bytes(content[: len(content) // 2] if suffix == "safetensors" else content)
    status, _, told = mereq("align", "highway", "--prior", tmp_path / "mine", "--out", tmp_path / "run")
    assert status == 2
    assert "mine.safetensors" in " ".join(told.split())
    assert not (tmp_path / "run").exists()


def test_overwrite_deletes_runs_and_nothing_else(mereq, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    status, _, told = mereq("align", "highway", "--overwrite", "--out", tmp_path)
    assert status == 2
    assert "is not empty: it contains 'thesis.tex'" in " ".join(told.split())
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_training_can_be_interrupted_and_goes_on_exactly(mereq, tmp_path, monkeypatch):
    """Three legs, and one leg, Ctrl-C, and two legs more: the same policy, bit for bit."""
    highway = TASKS["highway"]
    monkeypatch.setitem(
        TASKS,
        "highway",
        replace(highway, training={"paper": replace(highway.training["paper"], checkpoint_interval=500)}),
    )
    monkeypatch.setattr(train, "EPISODES", 5)
    words = ["train", "highway", "prior", "--steps", "1500", "--out"]
    assert mereq(*words, tmp_path / "whole")[0] == 0

    def save_and_stop(*args, **kwargs):
        save_policy(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train, "save_policy", save_and_stop)
        status, _, told = mereq(*words, tmp_path / "cut")
    assert status == 130
    assert "Stopped after 500 steps" in told
    assert "--resume" in told
    assert mereq(*words, tmp_path / "cut")[0] == 2  # exists already
    assert mereq(*words, tmp_path / "cut", "--resume", "--seed", "5")[0] == 2  # another training
    assert mereq(*words, tmp_path / "cut", "--resume")[0] == 0
    assert (tmp_path / "cut.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_training_happens_where_the_preset_says_and_is_judged_in_the_task(mereq, tmp_path, monkeypatch):
    """As the bottle's, which starts from anywhere on the way; the task itself is asked for the evaluation only."""
    highway, asked = TASKS["highway"], []

    def simulated(where):
        return replace(highway.task, simulate=lambda n: asked.append((where, n)) or highway.task.simulate(n))

    training = {"paper": replace(highway.training["paper"], checkpoint_interval=500)}
    preset = replace(highway, training=training, task=simulated("task"), trained_in=simulated("elsewhere"))
    monkeypatch.setitem(TASKS, "highway", preset)
    assert mereq("train", "highway", "prior", "--steps", "500", "--out", tmp_path / "prior")[0] == 0
    assert sorted(asked) == [("elsewhere", training["paper"].schedule.n_envs), ("task", EPISODES)]


def test_training_goes_on_from_a_trained_policy(mereq, tmp_path, monkeypatch):
    """Without a single update it is the policy that it started from; what it started from is in the card."""
    monkeypatch.setattr(train, "EPISODES", 2)
    words = ["train", "bottle-pushing", "prior", "--steps", "500", "--out"]
    assert mereq(*words, tmp_path / "again", "--start", "shipped")[0] == 0
    task = TASKS["bottle-pushing"].task
    shipped, again = load_shipped(task, "prior"), load_policy(tmp_path / "again", task)
    np.testing.assert_array_equal(again.actor[0].weight, shipped.actor[0].weight)
    card = json.loads((tmp_path / "again.json").read_text())
    assert card["start"]["sha256"] == describe_shipped("bottle-pushing", "prior")["sha256"]
    status, _, told = mereq("train", "bottle-pushing", "prior", "--preset", "paper", "--start", "shipped", "--out", "x")
    assert status == 2
    assert "[128, 128] units; the learner's settings require [400, 300]" in told


def test_tasks_and_doctor(mereq):
    assert "right_lane" in mereq("tasks")[1]
    status, out, _ = mereq("doctor")
    assert status == 0
    assert "jax" in out


def test_the_readme_api_works():
    """The ten lines of the README, as they stand there."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert sum(bool(line) for line in code.splitlines()) <= 10
    rounds = []
    exec(code.replace("n_rounds=6", "n_rounds=1"), {"print": lambda *words: rounds.append(words)})
    assert len(rounds) == 1
    assert 0 < rounds[0][1] < 1


def test_the_example_aligns_a_prior_of_ones_own(monkeypatch):
    """A stock Gymnasium environment, a plain callable as the prior, a hand-written supervisor."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    import cliff_walking

    rounds = cliff_walking.run(4)
    assert rounds[-1].intervention_rate < 0.5 * rounds[0].intervention_rate
    assert np.argmax(rounds[0].theta) == cliff_walking.FEATURES.index("far_from_cliff")


def test_the_example_with_continuous_actions(monkeypatch):
    """The force is the only thing that changes: the car still gets to the top."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    import mountain_car

    usual = mountain_car.MOUNTAIN_CAR.settings["fast"]
    learner = replace(usual.learner, hidden=(32, 32))
    small = replace(usual, learner=learner, schedule=replace(usual.schedule, batch_size=32))
    monkeypatch.setitem(mountain_car.MOUNTAIN_CAR.settings, "fast", small)
    first, second = mountain_car.run(2)
    assert second.intervention_rate < 0.2 * first.intervention_rate
    assert np.argmin(first.theta) == mountain_car.FEATURES.index("effort")
    assert second.rollout.terminated.sum() >= 2
