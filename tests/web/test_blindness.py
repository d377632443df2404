"""Nothing that the page is told in a blind run distinguishes methods: sessions are compared field by field."""

import json

import pytest

from mereq.presets.methods import METHODS
from mereq.runs.run import config_of
from mereq.store.run_writer import RunWriter
from mereq.tasks.highway.config import IDLE, LANE_LEFT, LANE_RIGHT
from mereq.trials.plan import Wait
from mereq.web.session import FAILED_BLIND, Session
from sittings import Person, Played, latest, spec

pytestmark = pytest.mark.paper("section 6, the method hidden from the person")

WAIT = Wait(before=7.0, between=5.0)
ACTIONS = (LANE_RIGHT, IDLE, LANE_LEFT)
QUICK = {"warm_start": {"steps": 100, "updates": 20, "kept": 50}, "cloning_updates": 200}


def all_told(directory, method, *, blind=WAIT) -> tuple[list[dict], Session]:
    """The greeting and every view of a run of two rounds, in which the person takes every step.

    Then nothing that is seen depends on what the policy would have done.
    """
    what = spec(steps=12, rounds=2, method=method).changed({"settings": QUICK})
    clock = Played(Person(lambda _, step: {"engaged": True, "action": ACTIONS[step % 3]} if step < 12 else {}))
    with RunWriter.create(directory, config_of(what)) as store:
        session = clock.session = Session(what, store, pace=5.0, clock=clock, blind=blind)
        told = [session.hello()]
        put = session.latest_view.put

        def listening(view):
            put(view)
            told.append(json.loads(json.dumps(view)))

        session.latest_view.put = listening
        session.run()
    return told, session


@pytest.fixture(scope="module")
def mereqs(tmp_path_factory):
    return all_told(tmp_path_factory.mktemp("blind") / "01", "mereq")[0]


@pytest.mark.parametrize("method", ["maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"])
def test_no_view_and_no_greeting_tells_methods_apart(mereqs, tmp_path, method):
    told = all_told(tmp_path / "01", method)[0]
    assert len(told) == len(mereqs) > 2 * 12
    for ours, theirs in zip(mereqs, told, strict=True):
        assert ours.keys() == theirs.keys()
        for field in ours.keys() - {"directory"}:
            assert ours[field] == theirs[field], (field, ours["kind"])


def test_no_method_is_named(mereqs):
    text = json.dumps([{name: value for name, value in each.items() if name != "directory"} for each in mereqs])
    assert not [method for method in METHODS if method in text.lower()]


def test_what_is_told_without_blindness_does_tell_them_apart(mereqs, tmp_path):
    """So that the comparison above could have failed: of the fields that are hidden, each gives a method away."""
    seeing = {method: all_told(tmp_path / method, method, blind=None)[0] for method in ("mereq", "iwr-ft")}
    for field in ("residual", "progress", "rounds"):
        ours, theirs = ([view.get(field) for view in seeing[method]] for method in seeing)
        assert ours != theirs, field
    assert mereqs[-1].keys() == seeing["mereq"][-1].keys()


def test_the_person_waits_as_long_for_every_method(tmp_path):
    """As the clock of the session tells: 7 s before the first round, 5 s after each, whatever was computed."""
    what = spec(steps=12, rounds=2)
    clock = Played(Person(lambda *_: {}))
    begun: list[tuple[str, float]] = []  # each phase, and when it was first shown
    with RunWriter.create(tmp_path / "run", config_of(what)) as store:
        session = clock.session = Session(what, store, pace=5.0, clock=clock, blind=WAIT)
        put = session.latest_view.put

        def timing(view):
            put(view)
            if not begun or begun[-1][0] != view["phase"]:
                begun.append((view["phase"], clock.now()))

        session.latest_view.put = timing
        session.run()
    phases, starts = zip(*begun, strict=True)
    assert phases == ("preparing", "supervising", "learning", "supervising", "learning", "supervising", "finished")
    waits = [starts[at + 1] - starts[at] for at in (0, 2, 4)]
    assert waits == pytest.approx([7.0, 5.2, 5.2], abs=0.05)  # the last step is shown for 0.2 s first


def test_a_mistake_of_the_programs_is_not_described(tmp_path):
    """Its words may name the method."""

    def act(session):
        person(session)
        session._environment.step = lambda action: 1 / 0

    person = Person(lambda *_: {})
    clock = Played(act)
    with RunWriter.create(tmp_path / "run", config_of(spec())) as store:
        session = clock.session = Session(spec(), store, pace=5.0, clock=clock, blind=WAIT)
        with pytest.raises(ZeroDivisionError):
            session.run()
    assert latest(session)["words"] == FAILED_BLIND
    assert "ZeroDivision" not in latest(session)["words"]
