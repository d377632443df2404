"""Behaviour of a study's policies: which policies are evaluated, what is stored, and `mereq report --behaviour`."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mereq.core.errors import IncompatibleRun
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import ActorPolicy
from mereq.presets.registry import TASKS
from mereq.reports import behaviour, behaviour_report, study_report
from mereq.reports import behaviour_tables as tables
from mereq.reports.behaviour import (
    EXPERT,
    EXPERT_AGAIN,
    PRIOR,
    EvaluatedPolicy,
    compare_with_expert,
    evaluate_policies,
    first_aligned,
    policies_to_evaluate,
)
from mereq.reports.results import StudyResults
from mereq.reports.study_report import write_report
from mereq.runs.recorded import RecordedConfig, load_supervised_policy
from mereq.runs.run import config_of
from mereq.runs.run import run as run_of
from mereq.runs.spec import RunSpec
from mereq.store.policies import load_shipped
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.study_store import EVALUATIONS, RUNS, StudyStore
from mereq.tasks.arm.bottle_pushing import OBS_SIZE

pytestmark = pytest.mark.paper("Tables 3 and 4, which policies, and their episodes")

HIGHWAY = TASKS["highway"]
FILES = ["behaviour.csv", "behaviour_summary.csv", "distributions.csv", "figure11_highway.png", "figure12_highway.png"]
FILES += ["figure2.png", "provenance.json", "report.md", "returns.csv", "rounds.csv", "runs.csv", "summary.csv"]
FILES += ["table1.csv", "thetas.png"]


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    """As if the code had no uncommitted changes: nothing is kept of code that has no name."""
    origin = behaviour.provenance() | {"git": {"commit": "0123456789abcdef", "dirty": False}}
    monkeypatch.setattr(behaviour, "provenance", lambda: origin)
    return origin


@pytest.fixture
def study(calm_study, tmp_path):
    """A finished study of two methods and two seeds, to be written into."""
    return shutil.copytree(calm_study, tmp_path / "study")


@pytest.fixture
def counted(monkeypatch):
    """The seeds of all evaluations that are really made."""
    made = []

    def counting(policy, simulator, *, seed):
        made.append(seed)
        return evaluate(policy, simulator, seed=seed)

    monkeypatch.setattr(behaviour, "evaluate", counting)
    return made


@pytest.fixture
def without_pictures(monkeypatch):
    """For tests that look at words only: drawing is what takes time."""
    for part, names in (
        (study_report, ("study_figure", "theta_figure")),
        (behaviour_report, ("feature_figure", "return_figure")),
    ):
        for name in names:
            monkeypatch.setattr(part, name, lambda *args, **kwargs: None)


def runs_of(study, rates=None):
    """The runs of a study, with other intervention rates if given."""
    with StudyStore.open(study) as store:
        runs = store.runs()
    if rates is None:
        return runs
    return [
        run._replace(rounds=[r._replace(intervention_rate=rate) for r, rate in zip(run.rounds, rates, strict=True)])
        for run in runs
    ]


def same_actions(policy, other):
    obs = np.random.default_rng(0).random((200, HIGHWAY.task.obs_size), np.float32)
    return np.allclose(policy.distribution(obs).parameters, other.distribution(obs).parameters, atol=1e-5)


# Which policies


@pytest.mark.parametrize(
    ("rates", "round"), [([0.3, 0.1, 0.0], 1), ([0.05], 0), ([0.3, 0.1001], None), ([0.3, 0.08, 0.4], 1)]
)
def test_the_first_round_at_or_below_a_tenth_counts(rates, round):
    assert first_aligned(rates) == round


def test_the_policy_of_a_round_is_the_one_that_was_supervised_in_it(calm_study):
    """It proposes what was recorded."""
    with RunReader.open(calm_study / RUNS / "highway-mereq-fast-small-3") as store:
        for index in range(3):
            steps = store.steps(index)
            policy = load_supervised_policy(store, index)
            proposed = policy.distribution(np.stack([step.obs for step in steps])).mode()
            np.testing.assert_array_equal(proposed, [step.proposed for step in steps])
        last = store.policy(2, load_shipped(HIGHWAY.task, "prior"))
        assert same_actions(load_supervised_policy(store, 3), last)


@pytest.mark.parametrize("method", ["mereq", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"])
def test_the_first_round_supervises_what_the_method_starts_from(tmp_path, method):
    spec = RunSpec.named(task="highway", method=method, preset="fast", seed=5, n_rounds=1, rate_threshold=1.0).changed(
        {"settings": {"rollout_steps": 60, "warm_start": {"steps": 500, "updates": 50}}}
    )
    with RunWriter.create(tmp_path / "run", config_of(spec)) as store:
        list(run_of(spec, store))
        steps, policy = store.steps(0), load_supervised_policy(store, 0)
    proposed = policy.distribution(np.stack([step.obs for step in steps])).mode()
    np.testing.assert_array_equal(proposed, [step.proposed for step in steps])


@pytest.mark.parametrize(
    ("rates", "round", "reached"),
    [([0.3, 0.1, 0.2], 1, True), ([0.1, 0.3, 0.3], 0, True), ([0.3, 0.2, 0.11], 3, False)],
)
def test_expert_and_prior_and_a_policy_of_each_run_are_evaluated(study, rates, round, reached):
    found = policies_to_evaluate(study, runs_of(study, rates))
    assert [s.name for s in found] == [EXPERT, EXPERT_AGAIN, PRIOR, *["MEReQ, small"] * 2, *["MEReQ-NP, small"] * 2]
    assert [s.run and s.run.seed for s in found[3:]] == [3, 4, 3, 4]
    assert {(s.round, s.reached) for s in found[3:]} == {(round, reached)}
    assert len({s.seed for s in found} - {found[1].seed}) == 1
    expert, prior = found[0].load(), found[2].load()
    assert same_actions(found[1].load(), expert)
    assert not same_actions(prior, expert)
    with RunReader.open(study / RUNS / found[3].run.name) as store:
        wanted = prior if round == 0 else store.policy(round - 1, prior)
    assert same_actions(found[3].load(), wanted)


def test_rates_of_single_episodes_and_of_robot_gated_methods_choose_no_policy(study):
    """They are low by chance, or because the robot did not ask: the last policy is evaluated."""
    run = runs_of(study, [0.0, 0.3, 0.3])[0]
    settings = run.config.fields["settings"] | {"rollout_episodes": 1}
    single = run._replace(config=RecordedConfig(run.config.fields | {"settings": settings}))
    for each in (single, run._replace(method="aim")):
        assert policies_to_evaluate(study, [each])[-1].round == 3


def test_tasks_without_code_are_left_out_and_named(study):
    runs = [run._replace(task="/home/somebody/my_task.py:LANDER") for run in runs_of(study)]
    assert policies_to_evaluate(study, runs) == []
    assert behaviour_report.left_out(runs).startswith("The behaviour on my_task.py:LANDER is left out: ")
    assert behaviour_report.left_out(runs_of(study)) == ""


@pytest.mark.parametrize("which", ["prior", "expert"])
def test_several_priors_or_experts_are_refused(study, which):
    runs = runs_of(study)
    runs[1] = runs[1]._replace(config=RecordedConfig(runs[1].config.fields | {f"{which}_sha256": "0"}))
    with pytest.raises(IncompatibleRun, match=f"do not all have the same {which}"):
        policies_to_evaluate(study, runs)


@pytest.mark.parametrize("which", ["prior", "expert"])
def test_another_prior_or_expert_than_then_is_refused(study, which):
    runs = [run._replace(config=RecordedConfig(run.config.fields | {f"{which}_sha256": "0"})) for run in runs_of(study)]
    with pytest.raises(IncompatibleRun, match=f"made with another {which}"):
        policies_to_evaluate(study, runs)


# What they do


def test_every_policy_does_the_same_episodes(study):
    """The numbers are those of a plain evaluation."""
    evaluations = list(evaluate_policies(study, policies_to_evaluate(study, runs_of(study, [0.1, 0.3, 0.3]))))
    expert, again, prior, mereq = evaluations[:4]
    plain = evaluate(mereq.policy.load(), HIGHWAY.task.simulate(EPISODES), seed=SEED)
    np.testing.assert_array_equal(mereq.features, plain.features)
    np.testing.assert_array_equal(mereq.features, prior.features)  # MEReQ starts as the prior
    np.testing.assert_allclose(
        mereq.returns, np.bincount(plain.episode, plain.features @ HIGHWAY.theta_expert, EPISODES)
    )
    assert mereq.measures == {"crash_rate": plain.terminated.mean(), "speed_mean": mereq.measures["speed_mean"]}
    assert not np.array_equal(expert.features, again.features)

    (found,) = compare_with_expert(evaluations)
    assert found.feature_names == ("collision", "high_speed", "right_lane")
    groups = {group.name: group for group in found.groups}
    assert not groups[EXPERT].distances.any()
    assert 0 < groups[EXPERT_AGAIN].distances.max() < 0.1
    assert groups[PRIOR].distances[0, 2] > 0.2  # lanes are what the expert wants otherwise
    np.testing.assert_array_equal(groups["MEReQ, small"].distances, np.repeat(groups[PRIOR].distances, 2, axis=0))


def test_continuous_actions_and_what_the_arm_measures(study, monkeypatch):
    """A policy that rests on the table is nothing like one that does not move."""
    monkeypatch.setattr(behaviour, "EPISODES", 2)

    def constant(*mean):
        layer = Layer(np.zeros((OBS_SIZE, 6), np.float32), np.array([*mean, -3, -3, -3], np.float32))
        return lambda: ActorPolicy((layer,), None, None)

    wanted = [
        EvaluatedPolicy("bottle-pushing", EXPERT, constant(0, 0, -3)),
        EvaluatedPolicy("bottle-pushing", PRIOR, constant(0, 0, 0)),
    ]
    (found,) = compare_with_expert(list(evaluate_policies(study, wanted)))
    prior = found.groups[1]
    assert found.feature_names[3] == "table_distance"
    assert prior.distances[0, 3] > 0.4
    assert len(prior.returns) == 2
    assert {"success_rate", "topple_rate"} <= prior.members[0].measures.keys()
    assert all(isinstance(value, float) for value in prior.members[0].measures.values())
    assert tables.return_table(found).lines[0][3] == "-115.9 (25.9)"  # the paper's


def test_an_evaluation_is_stored(study, counted):
    wanted = policies_to_evaluate(study, runs_of(study))
    first = list(evaluate_policies(study, wanted))
    made = len(counted)
    assert made > 3
    second = list(evaluate_policies(study, wanted))
    assert len(counted) == made
    for one, other in zip(first, second, strict=True):
        assert (one.policy, one.measures, one.provenance) == (other.policy, other.measures, other.provenance)
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.returns, other.returns)


def test_a_stored_evaluation_is_not_used_when_damaged_or_when_anything_has_changed(
    study, counted, committed, monkeypatch
):
    expert = policies_to_evaluate(study, runs_of(study))[:1]

    def made() -> int:
        before = len(counted)
        list(evaluate_policies(study, expert))
        return len(counted) - before

    assert (made(), made()) == (1, 0)
    (file,) = (study / EVALUATIONS).glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    assert (made(), made()) == (1, 0)
    monkeypatch.setitem(TASKS, "highway", replace(HIGHWAY, theta_expert=2 * HIGHWAY.theta_expert))
    assert (made(), made()) == (1, 0)
    monkeypatch.setitem(committed, "packages", {"numpy": "0"})
    assert (made(), made()) == (1, 0)
    monkeypatch.setitem(committed, "git", {"commit": "0123456789abcdef", "dirty": True})
    assert (made(), made()) == (1, 1)


def test_a_study_that_cannot_be_written_to_is_evaluated_all_the_same(study, counted, monkeypatch):
    (study / EVALUATIONS).write_text("in the way")
    (expert,) = evaluate_policies(study, policies_to_evaluate(study, runs_of(study))[:1])
    assert len(expert.returns) == EPISODES


# The report


def test_the_report_has_sections_tables_and_pictures(study, tmp_path, mereq):
    out = tmp_path / "out"
    status, printed, told = mereq("report", study, "--out", out, "--behaviour")
    assert status == 0
    assert sorted(file.name for file in out.iterdir()) == FILES
    text = (out / "report.md").read_text()
    for part in ("## Behaviour on Highway-Sim", "(figure11_highway.png)", "(figure12_highway.png)"):
        assert text.count(part) == 1
    assert re.search(r"^\| right_lane +\| 0\.0\d\d +\| 0\.[2-9]\d\d +\| ", text, re.MULTILINE)
    for words in (text, printed):
        assert "| crash_rate " in words
        assert re.search(r"^\| Expert, other episodes +\| 100 ", words, re.MULTILINE)
    record = json.loads((out / "provenance.json").read_text())
    (evaluations,) = record["evaluations"]
    assert len(evaluations["policies"]) == 3 + 4
    assert evaluations["provenance"]["git"]["commit"] == "0123456789abcdef"
    assert str(out) in told

    before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert mereq("report", study, "--out", out, "--behaviour")[0] == 0
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_it_is_the_same_report_with_more_in_it(study, tmp_path, mereq, without_pictures):
    for name, more in (("plain", []), ("more", ["--behaviour"])):
        assert mereq("report", study, "--out", tmp_path / name, *more)[0] == 0
    for file in (tmp_path / "plain").iterdir():
        if file.name not in ("report.md", "provenance.json"):
            assert file.read_bytes() == (tmp_path / "more" / file.name).read_bytes()
    plain, more = ((tmp_path / name / "report.md").read_text() for name in ("plain", "more"))
    start, end = more.index("## Behaviour on"), more.index("## How to read this")
    assert plain == more[:start] + more[end:]


def test_stopped_in_the_middle_it_resumes_from_there(study, tmp_path, mereq, monkeypatch, counted, without_pictures):
    counting = behaviour.evaluate

    def stopping(policy, simulator, *, seed):
        if len(counted) == 3:
            raise KeyboardInterrupt
        return counting(policy, simulator, seed=seed)

    monkeypatch.setattr(behaviour, "evaluate", stopping)
    status, printed, told = mereq("report", study, "--out", tmp_path / "out", "--behaviour")
    assert (status, printed) == (130, "")
    assert "Stopped after 3 of 7 policies. The same command resumes from there." in told
    assert not (tmp_path / "out").exists()
    assert len(list((study / EVALUATIONS).glob("*.json"))) == 3
    monkeypatch.setattr(behaviour, "evaluate", counting)
    assert mereq("report", study, "--out", tmp_path / "out", "--behaviour")[0] == 0
    assert counted.count(SEED) + counted.count(SEED + 1) == len(list((study / EVALUATIONS).glob("*.json")))


def test_a_run_that_never_reached_the_rate_is_marked_in_the_report(study, tmp_path, without_pictures):
    runs = runs_of(study, [0.3, 0.2, 0.11])
    found = compare_with_expert(list(evaluate_policies(study, policies_to_evaluate(study, runs))))
    write_report(StudyResults("Small", "", 4, runs), tmp_path / "out", thresholds=(0.1,), behaviours=found)
    assert "| MEReQ, small †2/2 | MEReQ-NP, small †2/2 |" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda study: shutil.rmtree(study), "There is no study in"),
        (lambda study: shutil.rmtree(study / RUNS), "There is no run in"),
    ],
)
def test_a_mistake_is_a_sentence_and_status_2(study, tmp_path, mereq, spoil, sentence):
    spoil(study)
    status, printed, told = mereq("report", study, "--out", tmp_path / "out", "--behaviour")
    assert (status, printed) == (2, "")
    assert sentence in " ".join(told.split())
    assert not (tmp_path / "out").exists()


def test_no_finished_run_is_said(tmp_path, mereq):
    from mereq.studies.grid import Study
    from small_studies import study_file

    with StudyStore.begin(tmp_path / "study", Study.read(study_file(tmp_path))):
        pass
    status, _, told = mereq("report", tmp_path / "study", "--behaviour")
    assert status == 2
    assert "is finished yet (planned: 4)" in " ".join(told.split())
