"""A run by the words of its configuration: changed, written down and read again, and a sentence for every mistake."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.alignment.settings import AlignSettings
from mereq.core.errors import IncompatibleRun, UnknownName, WrongValue
from mereq.core.seeding import episode_seed
from mereq.interventions.rollout import Rollout
from mereq.presets.methods import METHODS
from mereq.presets.registry import TASKS
from mereq.runs.families import method_of
from mereq.runs.policies import policy_of
from mereq.runs.run import config_of, supervisor_of
from mereq.runs.spec import RunSpec
from mereq.store.compatibility import READ_BY, check_resumable
from mereq.supervision.noise import Noisy
from mereq.supervision.supervise import supervise
from toys import always

FAST = TASKS["highway"].settings["fast"]

NEEDED = [
    field.name
    for field in dataclasses.fields(RunSpec)
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
]


def spec(**words) -> RunSpec:
    return RunSpec.named(
        **{
            "task": "highway",
            "method": "mereq",
            "preset": "fast",
            "seed": 3,
            "n_rounds": 2,
            "rate_threshold": 0.05,
            **words,
        }
    )


# -------------------------------------------------------------------------------------------- written and read again


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", TASKS)
def test_what_was_written_is_read_again(task, method):
    """Through JSON, for every preset: equal, and of the same types, so that it is written the same once more."""
    for preset in TASKS[task].settings:
        whole = spec(task=task, method=method, preset=preset)
        text = json.dumps(config_of(whole))
        again = RunSpec.from_config(json.loads(text))
        assert again == whole
        assert json.dumps(config_of(again)) == text
        assert isinstance(again.settings.learner.hidden, tuple)


@given(
    st.floats(0, 1), st.integers(0, 2**40), st.sampled_from([None, (), ("collision",), ("right_lane", "high_speed")])
)
def test_changed_numbers_are_read_again(noise, seed, features):
    changed = spec().changed({"noise": noise, "seed": seed, "settings": {"inference": {"features": features}}})
    assert (changed.noise, changed.seed, changed.settings.inference.features) == (noise, seed, features)
    assert RunSpec.from_config(json.loads(json.dumps(config_of(changed)))) == changed


def test_the_checksums_of_its_policies_are_written_beside_it():
    config = config_of(spec())
    assert len({config["prior_sha256"], config["expert_sha256"]}) == 2
    assert {len(config["prior_sha256"]), len(config["expert_sha256"])} == {64}
    assert config.keys() - {"prior_sha256", "expert_sha256", "feature_names"} == {*NEEDED, "supervision"}
    assert config["feature_names"] == ["collision", "high_speed", "right_lane"]


def test_what_came_later_is_written_down_only_when_it_is_used():
    """So a run of an older version stays what it was, and can be gone on with."""
    behind = spec().changed({"learning": "concurrent", "pace": 5})
    assert {name: config_of(behind)[name] for name in config_of(behind).keys() - config_of(spec()).keys()} == {
        "learning": "concurrent",
        "pace": 5.0,
    }
    assert RunSpec.from_config(config_of(behind)) == behind
    assert (spec().learning, spec().pace) == ("sequential", None)


def test_a_learning_schedule_that_there_is_not():
    with pytest.raises(WrongValue, match=r"'beside' is not one of 'sequential', .*, 'preparing' @ run\.learning"):
        spec().changed({"learning": "beside"})


@pytest.mark.parametrize("missing", NEEDED)
def test_a_configuration_that_lacks_something_is_another_versions(missing):
    config = config_of(spec())
    del config[missing]
    with pytest.raises(IncompatibleRun, match=f"No run can have this configuration: .*{missing}.* another version"):
        RunSpec.from_config(config)


def test_a_configuration_that_has_more_settings_is_another_versions():
    config = config_of(spec())
    config["settings"]["inference"]["lambda"] = 1.0
    with pytest.raises(IncompatibleRun, match=r"lambda.*run.settings.inference"):
        RunSpec.from_config(config)


# ---------------------------------------------------------------------------------------------------------- changed


def test_no_changes_change_nothing():
    assert spec().changed({}) == spec()
    assert spec().changed({"settings": {"inference": {}}, "supervision": {}}) == spec()


def test_changes_are_merged_into_what_is_there():
    """At every depth: what is not named stays, and the spec that was changed stays as it was."""
    before = spec()
    after = before.changed(
        {"settings": {"inference": {"kappa": 0.3}, "rollout_steps": 80}, "supervision": {"upper": 1.8}, "noise": 0.1}
    )
    inference = dataclasses.replace(FAST.inference, kappa=0.3)
    settings = dataclasses.replace(FAST, inference=inference, rollout_steps=80)
    lower = TASKS["highway"].supervision["lower"]
    supervision = {"upper": 1.8, "lower": lower}
    assert after == dataclasses.replace(before, settings=settings, supervision=supervision, noise=0.1)
    assert before == spec()
    assert after.changed({"noise": 0.2}).settings.inference.kappa == 0.3


def test_a_whole_number_may_stand_where_a_number_is_wanted():
    kappa = spec().changed({"settings": {"inference": {"kappa": 1}}}).settings.inference.kappa
    assert (kappa, type(kappa)) == (1.0, float)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"nois": 0.1}, "no number of a run called 'nois'. Known: expert, family, lateness, learning, .*noise, "),
        ({"settings": {"kappa": 0.1}}, "no number of settings called 'kappa'. Known: .*inference, "),
        ({"settings": {"inference": {"kapa": 1}}}, r"no number of settings.inference called 'kapa'. Known: .*kappa, "),
        ({"supervision": {"uper": 1.7}}, "no number of supervision called 'uper'. Known: lower, upper"),
        ({"task": "motorway"}, "no task called 'motorway'. Known: bottle-pushing, bottle-pushing-human, erasing,"),
        ({"method": "magic"}, "no method called 'magic'. Known: aim, csil, hg-dagger-ft, iwr-ft, maxent, "),
        ({"preset": "slow"}, "no preset called 'slow'. Known: fast, paper"),
        ({"settings": {"inference": {"features": ["speed"]}}}, "no feature called 'speed'. Known: collision, high_"),
    ],
)
def test_a_name_that_there_is_not(changes, sentence):
    with pytest.raises(UnknownName, match=sentence):
        spec().changed(changes)


def nested(path: str, value) -> dict:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ("noise", "a lot", "'a lot' is not a number @ run.noise"),
        ("noise", "0.5", "'0.5' is not a number"),
        ("noise", None, "None is not a number"),
        ("noise", True, "True is not a number"),
        ("seed", 2.0, "2.0 is not a whole number @ run.seed"),
        ("n_rounds", True, "True is not a whole number"),
        ("prior", 3, "3 is not a text @ run.prior"),
        ("settings.rollout_steps", 12.7, "12.7 is not a whole number @ run.settings.rollout_steps"),
        ("settings.rollout_steps", "12", "'12' is not a whole number"),
        ("settings.reprice", "no", "'no' is not true or false @ run.settings.reprice"),
        ("settings.persistent", 0, "0 is not true or false"),
        ("settings.learner.hidden", 64, "64 is not a list @ run.settings.learner.hidden"),
        ("settings.learner.hidden", [64, 2.5], "2.5 is not a whole number"),
        ("settings.inference.features", "speed", "'speed' is not a list @ run.settings.inference.features"),
        (
            "settings.inference.starts",
            "here",
            "'here' is not one of 'episodes', 'segments' @ run.settings",
        ),
        ("settings.inference.acting", 3, "3 is not one of 'greedy', 'sampled'"),
        ("settings", 3, "not a table of named values @ run.settings"),
        ("settings.inference", None, "not a table of named values @ run.settings.inference"),
        ("supervision", [1.7, 1.5], "not a table of named values @ run.supervision"),
        ("supervision.upper", "x", "'x' is not a number @ run.supervision"),
        ("noise", 1.5, "noise must be between 0 and 1; it is 1.5"),
        ("noise", -0.1, "it is -0.1"),
        ("noise", float("nan"), "it is nan"),
        ("seed", -1, "seed must be at least 0.* it is -1"),
        ("pace", float("inf"), "pace must be at least 0.001, and finite; it is inf"),
        ("n_rounds", 0, "n_rounds must be at least 1; it is 0"),
        ("rate_threshold", 1.1, "rate_threshold must be between 0 and 1; it is 1.1"),
        ("rate_threshold", float("nan"), "it is nan"),
        ("settings.inference.kappa", 1.01, "kappa must be between 0 and 1; kappa is 1.01"),
        ("settings.inference.kappa", -0.1, "kappa is -0.1"),
        ("settings.inference.sample_length", 0, "sample_length must be at least 1"),
        ("settings.inference.sample_envs", 0, "sample_envs must be at least 1"),
        ("settings.rollout_steps", 0, "rollout_steps must be at least 1"),
        ("settings.replay_capacity", 0, "replay_capacity must be at least 1"),
        ("settings.warm_start.steps", 0, "steps must be at least 1; steps is 0"),
        ("settings.warm_start.kept", -1, "kept must be at least 0; kept is -1"),
        ("settings.learner.gamma", 1.0, "gamma must be at least 0, and below 1"),
        ("settings.learner.temperature", 0, "temperature must be above 0"),
        ("settings.schedule.chunk", 7, "must be a multiple of n_envs"),
    ],
)
def test_an_impossible_value(path, value, wrong):
    """Never taken for something near it: refused, with what is wrong and where."""
    with pytest.raises(WrongValue, match=f"No run can have this configuration: .*{wrong}.*. Correct the value"):
        spec().changed(nested(path, value))


# ------------------------------------------------------------------------------------------------------------ noise


@pytest.fixture(scope="module")
def rollouts() -> dict[float, Rollout]:
    """Two episodes on the highway, with the shipped prior and expert, by the share of disturbed expert steps."""
    task = TASKS["highway"].task
    recorded = {}
    for noise in (0.0, 1.0):
        run = spec().changed({"noise": noise})
        recorded[noise] = Rollout.of(
            supervise(
                task.make(),
                always(policy_of(run, "prior")),
                supervisor_of(run),
                80,
                episode_seed=lambda k: episode_seed(0, 0, k),
                task=task,
            )
        )
    return recorded


def test_noise_reaches_the_run(rollouts):
    """With noise 1 no expert step is the shipped expert's own, with noise 0 each is; the prior's are always its own."""
    run = spec()
    assert isinstance(supervisor_of(run.changed({"noise": 0.5})), Noisy)
    expert, prior = policy_of(run, "expert"), policy_of(run, "prior")
    for noise, rollout in rollouts.items():
        assert 5 < rollout.expert_steps < len(rollout)
        of_expert = expert.distribution(rollout.obs).mode() == rollout.executed
        assert (of_expert[rollout.by_expert] == (noise == 0)).all()
        of_prior = prior.distribution(rollout.obs).mode() == rollout.executed
        assert of_prior[~rollout.by_expert].all()


def test_the_numbers_of_the_rule_reach_the_run(rollouts):
    """An expert who is content with anything never takes over."""
    task = TASKS["highway"].task
    run = spec().changed({"supervision": {"upper": 1000.0}})
    steps = supervise(
        task.make(),
        always(policy_of(run, "prior")),
        supervisor_of(run),
        len(rollouts[0.0]),
        episode_seed=lambda k: episode_seed(0, 0, k),
        task=task,
    )
    assert Rollout.of(steps).expert_steps == 0


def test_a_recorded_run_may_have_had_any_settings_that_its_method_does_not_read():
    """Or none, before they existed: it is resumed, but not with another number that counts."""
    config = spec(method="mereq").to_config()
    for unread in ({"posterior": {"slip": 0.9}}, {"takeovers": "missing"}):
        check_resumable(config | {"settings": config["settings"] | unread}, config)
    with pytest.raises(IncompatibleRun, match=r"settings\.reprice was 5"):
        check_resumable(config | {"settings": config["settings"] | {"reprice": 5}}, config)
    read = spec(method="pvp").to_config()
    with pytest.raises(IncompatibleRun, match=r"settings\.takeovers\.cost was 9"):
        check_resumable(read | {"settings": read["settings"] | {"takeovers": {"cost": 9, "updates": 500}}}, read)


def test_settings_of_another_version_are_read_past_only_where_the_method_does_not_read_them():
    config = spec(method="mereq").to_config()
    older = config | {"settings": config["settings"] | {"posterior": {"accepted": 0.5}}}
    assert RunSpec.from_config(older).settings.inference == spec().settings.inference
    with pytest.raises(IncompatibleRun, match="extra fields found"):
        RunSpec.from_config(older | {"method": "mereq-bayes"})


def test_every_method_with_settings_of_its_own_is_known():
    assert {method for methods in READ_BY.values() for method in methods} <= METHODS.keys()
    assert READ_BY.keys() <= {field.name for field in dataclasses.fields(AlignSettings)}


def test_ppl_on_a_robot_is_refused_before_the_run():
    with pytest.raises(IncompatibleRun, match="cannot repeat those of the robot perturbed"):
        method_of(spec(method="ppl", robot="perturbed"))
