"""The control loop: every recorded step is by whom the hands said, in its time, and stored before it is seen."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mereq.alignment import MEREQ
from mereq.alignment.aim import AIM_GATE
from mereq.alignment.robot_gated import RobotGated
from mereq.core.errors import IncompatibleRun, OwnCodeFailed
from mereq.core.policy import GaussianPolicy
from mereq.presets.methods import METHODS
from mereq.presets.registry import TASKS, definition_of
from mereq.runs.policies import policy_of
from mereq.runs.run import config_of, supervisor_of
from mereq.runs.spec import RunSpec
from mereq.runs.tracking import FOLDER
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.tasks.highway.config import IDLE, LANE_LEFT, LANE_RIGHT
from mereq.web.messages import Command
from mereq.web.session import ASKS, Session
from sittings import Person, latest, say, sit, spec

TOGGLED = {3: {"engaged": True, "action": LANE_RIGHT}, 4: {"engaged": True}, 8: {"engaged": True, "action": LANE_LEFT}}


def recorded(directory, index=0):
    with RunReader.open(directory) as store:
        return store.steps(index), store.seen_frames(index), store.rounds()


def test_who_acts_and_how(tmp_path):
    """The person takes exactly the steps they were engaged in, idles without a key, and lets the others be."""
    session = sit(tmp_path / "run", Person(lambda _, step: TOGGLED.get(step, {})))
    steps, _, rounds = recorded(tmp_path / "run")
    assert [number for number, step in enumerate(steps) if step.controller] == [3, 4, 8]
    assert [steps[number].executed for number in (3, 4, 8)] == [LANE_RIGHT, IDLE, LANE_LEFT]
    prior = policy_of(RunSpec.from_config(config_of(spec())), "prior")
    for step in steps:
        assert step.proposed == prior.distribution(step.obs[None]).mode()[0]
        assert step.controller or step.executed == step.proposed
    assert rounds[0].intervention_rate == 3 / 12
    assert latest(session)["phase"] == "finished"
    assert latest(session)["rounds"][0]["samples"] == 3


def test_a_robot_gated_method_pauses_to_ask_and_says_so(tmp_path, monkeypatch):
    """Once at the begin of a request; the person continues, and acts or does not."""
    monkeypatch.setitem(METHODS, "asking", RobotGated("asking", MEREQ, AIM_GATE))
    pauses, told = [], set()

    def person(session):
        view, now = latest(session), session._clock.now()
        asked = dict(view["readings"]).get("the policy")
        told.add(asked)
        if view["paused"]:
            pauses.append(view["paused"])
            session.controls.receive(Command("go"), now)
        say(session, {}, now)  # lets go before
        say(session, {"engaged": asked == "asks you to act" and view["step"] < 5}, now)

    what = dataclasses.replace(spec(method="mereq"), method="asking").changed({"settings": {"gates": {"updates": 1}}})
    sit(tmp_path / "run", person, what)
    steps, _, _ = recorded(tmp_path / "run")
    assert sum(step.controller for step in steps) == 5
    assert pauses.count(ASKS) == 1
    assert "asks you to act" in told


def test_curves_of_a_person_s_run_are_read_back(tmp_path):
    """As of a run of `mereq align`; a resumed run continues them."""
    for resume, rounds in ((False, 1), (True, 2)):
        what = dataclasses.replace(spec(), n_rounds=rounds)
        sit(tmp_path / "run", Person(lambda _, step: TOGGLED.get(step, {})), what, resume=resume, track="tensorboard")
    _, _, rounds = recorded(tmp_path / "run")
    read = EventAccumulator(str(tmp_path / "run" / FOLDER / "tensorboard"))
    read.Reload()
    curves = {tag: [(point.step, point.value) for point in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    assert curves["round/intervention_rate"] == [(0, 0.25), (1, 0.25)]
    for number, name in enumerate(TASKS["highway"].task.feature_names):
        assert curves[f"round/theta/{name}"] == [(row.index, pytest.approx(row.theta[number])) for row in rounds]


def test_hold(tmp_path):
    hold = {5: {"action": LANE_RIGHT}, 6: {"action": LANE_RIGHT}}
    sit(tmp_path / "run", Person(lambda _, step: {"mode": "hold"} | hold.get(step, {})))
    steps, *_ = recorded(tmp_path / "run")
    assert [(n, step.executed) for n, step in enumerate(steps) if step.controller] == [(5, LANE_RIGHT), (6, LANE_RIGHT)]


def test_steps_come_at_the_pace_and_tell_what_was_seen(tmp_path):
    """At 5 steps a second the hands are looked at every 0.2 s, with five pictures in between."""
    sit(tmp_path / "run", Person(lambda *_: {}))
    _, seen_frames, _ = recorded(tmp_path / "run")
    assert len(seen_frames) == 12
    gaps = [after.sent - before.sent for before, after in itertools.pairwise(seen_frames)]
    np.testing.assert_allclose(gaps, 0.2, atol=0.021)
    assert {after.frame - before.frame for before, after in itertools.pairwise(seen_frames)} == {5}


def test_time_stands_still_while_paused(tmp_path):
    """No step is taken during a pause in the middle of one, and it ends with what was left of the step."""
    person = Person(lambda *_: {})
    times = []

    def act(session):
        person(session)
        now, view = session._clock.now(), latest(session)
        if view["step"] == 4 and view["paused"] is None and not times:
            session.controls.receive(Command("pause", "tea"), now)
            times.append(now)
        elif times and view["paused"] == "tea" and now > times[0] + 60:
            assert view["step"] == 4
            session.controls.receive(Command("go"), now)

    sit(tmp_path / "run", act)
    _, seen_frames, _ = recorded(tmp_path / "run")
    gaps = [after.sent - before.sent for before, after in itertools.pairwise(seen_frames)]
    assert [round(gap) for gap in gaps] == [0, 0, 0, 60, *[0] * 7]
    assert gaps[3] == pytest.approx(60.2, abs=0.06)


def test_a_page_that_falls_silent_while_the_person_drives(tmp_path):
    """Within 0.7 s the run stands still, and nothing more is executed in the person's name."""
    person = Person(lambda _, step: {"engaged": True, "action": LANE_RIGHT} if step > 2 else {})
    silent = []

    def act(session):
        now = session._clock.now()
        if latest(session)["step"] >= 5 and (not silent or now < silent[0] + 30):
            silent[:] = silent or [now]
            return
        if silent and latest(session)["paused"]:
            assert latest(session)["paused"] == "the page does not answer"
            silent.append(latest(session)["step"])
            say(session, {}, now)
            session.controls.receive(Command("go"), now)
            person.hands = lambda *_: {}
        person(session)

    sit(tmp_path / "run", act)
    steps, *_ = recorded(tmp_path / "run")
    by_person = [number for number, step in enumerate(steps) if step.controller]
    assert silent[1] <= 9
    assert by_person == list(range(3, silent[1]))


def test_a_step_is_stored_before_it_is_seen(tmp_path):
    """Another reader of the store finds at least as many steps as the page was told of."""
    checks = []
    person = Person(lambda *_: {})

    def act(session):
        person(session)
        with RunReader.open(tmp_path / "run") as store:
            checks.append((latest(session)["step"], len(store.steps(0))))

    sit(tmp_path / "run", act, spec(steps=3))
    assert {told for told, _ in checks} >= {0, 1, 2, 3}
    assert all(told <= stored for told, stored in checks)


def test_what_was_taken_back_is_recorded_and_not_learned_from(tmp_path):
    sent = []

    def take_back(session):
        Person.__call__(person, session)
        if latest(session)["step"] == 6 and not sent:
            sent.append(latest(session)["can_retract"])
            session.controls.receive(Command("retract"), session._clock.now())

    person = Person(lambda _, step: {"engaged": True, "action": LANE_RIGHT} if step in (3, 4) else {})
    session = sit(tmp_path / "run", take_back)
    steps, _, rounds = recorded(tmp_path / "run")
    assert sent == [True]
    assert [number for number, step in enumerate(steps) if step.retracts] == [6]
    assert [number for number, step in enumerate(steps) if step.controller] == [3, 4]
    assert rounds[0].intervention_rate == 2 / 12
    np.testing.assert_array_equal(rounds[0].theta, 0)  # kappa = 0.9: no pseudo-expert in such short segments
    assert latest(session)["rounds"][0]["theta"] == [0, 0, 0]


def test_nothing_to_take_back(tmp_path):
    def act(session):
        person(session)
        session.controls.receive(Command("retract"), session._clock.now())

    person = Person(lambda *_: {})
    sit(tmp_path / "run", act)
    assert not any(step.retracts for step in recorded(tmp_path / "run")[0])


@pytest.mark.parametrize("cut", [1, 7, 12, 17])
def test_a_stopped_session_goes_on(tmp_path, cut):
    """The same steps as without the stop; no decision is asked for again, and an interrupted update is repeated."""

    def stopping(session):
        person(session)
        view = latest(session)
        if 12 * view["round"] + view["step"] >= cut:
            session.stop()

    what = spec(rounds=2)
    hands = lambda _, step: TOGGLED.get(step, {})  # noqa: E731
    sit(tmp_path / "straight", Person(hands), what)
    person = Person(hands)
    stopped = sit(tmp_path / "run", stopping, what)
    assert latest(stopped)["phase"] == "stopped"
    with RunReader.open(tmp_path / "run") as store:
        before = sum(len(store.steps(index)) for index in range(2))
    assert cut <= before <= cut + 1
    sit(tmp_path / "run", Person(hands), what, resume=True)
    for index in range(2):
        straight, resumed = recorded(tmp_path / "straight", index)[0], recorded(tmp_path / "run", index)[0]
        assert len(straight) == len(resumed) == 12
        for one, other in zip(straight, resumed, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert [row.theta.tolist() for row in recorded(tmp_path / "run")[2]] == [
        row.theta.tolist() for row in recorded(tmp_path / "straight")[2]
    ]


def test_learning_while_they_watch(tmp_path):
    """No round's end is waited for: the page says all the while that it supervises, and which policy is the newest."""
    views = []

    class Patient(Person):
        def __call__(self, session) -> None:
            super().__call__(session)
            view = latest(session)
            views.append(view)
            time.sleep(0.002)  # real time, which the learner needs
            if view["version"] >= 2:
                session.stop()

    slow = {"training_steps": 3000}  # an update takes many of their steps, however fast the machine
    behind = spec(steps=80, rounds=10**4).changed({"learning": "concurrent", "settings": slow})
    session = sit(tmp_path / "run", Patient(lambda _, step: {"engaged": step % 9 < 3, "action": LANE_RIGHT}), behind)
    assert {view["phase"] for view in views} <= {"preparing", "supervising"}
    versions = [view["version"] for view in [*views, latest(session)]]
    assert sorted(versions) == versions
    assert {0, 1, 2} <= set(versions)
    assert any(view["progress"] for view in views)
    assert "mereq learner" not in {thread.name for thread in threading.enumerate()}
    with RunReader.open(tmp_path / "run") as store:
        assert [row.number for row in store.versions()] == [1, 2]
        assert all(row.seconds_waited >= 0 for row in store.rounds())
        last = store.versions()[-1].theta
    np.testing.assert_array_equal(session._status._theta, last)


def test_the_run_ends_when_the_person_is_content(tmp_path):
    session = sit(tmp_path / "run", Person(lambda *_: {}), spec(rounds=3, rate_threshold=0.05))
    assert latest(session)["phase"] == "finished"
    assert [row.aligned for row in recorded(tmp_path / "run")[2]] == [True]


def test_what_goes_wrong_is_told(tmp_path):
    def act(session):
        person(session)
        if latest(session)["step"] == 2:
            session._environment.step = lambda action: 1 / 0

    person = Person(lambda *_: {})
    with pytest.raises(OwnCodeFailed, match=r"failed in step\(\): ZeroDivisionError"):
        sit(tmp_path / "run", act)
    assert len(recorded(tmp_path / "run")[0]) in (2, 3)


def test_an_arm(tmp_path, monkeypatch):
    """Vectors are executed as they are held, and the tool stays where it is for a person who holds nothing."""
    mean, log_std = np.array([0.3, 0.1, -0.2], np.float32), np.full(3, -2, np.float32)
    pushes = GaussianPolicy(lambda obs: (np.tile(mean, (len(obs), 1)), np.tile(log_std, (len(obs), 1))), 3)
    monkeypatch.setitem(TASKS, "bottle-pushing", dataclasses.replace(TASKS["bottle-pushing"], prior=pushes))
    named = RunSpec.named(
        task="bottle-pushing", method="mereq-np", preset="fast", seed=0, n_rounds=1, rate_threshold=0.99,
        supervisor="person",
    )  # fmt: skip
    held = np.array([0.0, 1.0, -0.5], np.float32)
    hands = {2: {"engaged": True, "action": held}, 3: {"engaged": True}}
    session = sit(
        tmp_path / "run",
        Person(lambda _, step: hands.get(step, {})),
        dataclasses.replace(named, settings=dataclasses.replace(named.settings, rollout_steps=6)),
    )
    steps, seen_frames, _ = recorded(tmp_path / "run")
    assert [step.controller for step in steps] == [0, 0, 1, 1, 0, 0]
    np.testing.assert_array_equal(steps[2].executed, held)
    np.testing.assert_array_equal(steps[3].executed, np.zeros(3))
    for number in (0, 1, 4, 5):
        np.testing.assert_array_equal(steps[number].executed, np.tanh(np.array([0.3, 0.1, -0.2], np.float32)))
    assert {step.executed.dtype for step in steps} == {np.dtype(np.float32)}
    assert {after.frame - before.frame for before, after in itertools.pairwise(seen_frames)} == {1}
    assert latest(session)["phase"] == "finished"


def test_a_program_cannot_go_on_with_a_persons_run():
    with pytest.raises(IncompatibleRun, match="mereq supervise --resume"):
        supervisor_of(spec())
    assert "expert_sha256" not in config_of(spec())
    assert config_of(spec())["prior_sha256"]


def test_the_page_is_not_told_the_method(tmp_path):
    """The person must not know which method they help; section 5 of the paper."""
    with RunWriter.create(tmp_path / "run", config_of(spec())) as store:
        told = repr(Session(spec(), store).hello())
    assert "mereq" not in told
    assert all(feature in told for feature in definition_of("highway").task.feature_names)
