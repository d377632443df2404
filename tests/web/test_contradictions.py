"""Earlier interventions are taken back, kept and shown again: what is recorded and learned from is what was said."""

from dataclasses import replace

import numpy as np
import pytest

from mereq.alignment.schedule import PolicyVersion
from mereq.irl.belief import InterventionEffect
from mereq.store.run_store import RunReader
from mereq.tasks.highway.config import LANE_RIGHT
from mereq.web.controls import Retraction
from mereq.web.messages import Command
from mereq.web.replay import CannotReplay, stretch_of
from sittings import Person, latest, sit, spec

HANDS = {3: {"engaged": True, "action": LANE_RIGHT}, 4: {"engaged": True}, 8: {"engaged": True, "action": LANE_RIGHT}}
FIRST, SECOND = (0, 0, 3), (0, 0, 8)  # their places: round, episode, first step
BAYES = spec(steps=14, method="mereq-bayes")


class TakesBackTheFirst(Person):
    """A person who takes back the first intervention after the second one, and stops the program a step later."""

    def __init__(self, stops_at: int | None = None):
        super().__init__(lambda _, step: HANDS.get(step, {}))
        self.pictures, self.asked, self.stops_at = {}, False, stops_at

    def __call__(self, session) -> None:
        view = latest(session)
        super().__call__(session)
        self.pictures[view["frame"]] = view["picture"]
        if view["step"] == 10 and not self.asked:
            self.asked = True
            session.controls.receive(Command("retract", FIRST), session._clock.now())
        if view["step"] == self.stops_at:
            session.stop()


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run in which the first of two interventions was taken back, and its person."""
    directory, person = tmp_path_factory.mktemp("straight") / "run", TakesBackTheFirst()
    return directory, person, sit(directory, person, BAYES)


def record_of(directory):
    with RunReader.open(directory) as store:
        beliefs = [belief for version in store.versions() if (belief := store.belief(version.number))]
        return store.steps(0), [(v.idx, v.learned_from, v.theta.tolist()) for v in store.versions()], beliefs


def test_an_earlier_intervention_is_taken_back_and_inferred_without_at_once(straight):
    directory, _, session = straight
    steps, versions, beliefs = record_of(directory)
    assert [(number, step.retracts) for number, step in enumerate(steps) if step.retracts] == [(10, 2)]
    assert [idx for idx, *_ in versions] == [6, 10, 11]  # two handbacks; the step that says so
    assert [[each.step for each in belief.interventions] for belief in beliefs] == [[3], [3, 8], [8]]
    assert steps[11].version == 3
    assert latest(session)["beliefs"]["changed"].startswith("Taking it back changed: ")
    assert latest(session)["rounds"][0]["samples"] == 3  # the person did act


@pytest.mark.parametrize("cut", [10, 11])
def test_a_resumed_run_knows_what_was_taken_back(straight, tmp_path, cut):
    """Stopped before the retraction is recorded, the person says it again; after it, it is not asked again."""
    sit(tmp_path / "run", TakesBackTheFirst(stops_at=cut), BAYES)
    again = TakesBackTheFirst()
    sit(tmp_path / "run", again, BAYES, resume=True)
    ours, wanted = record_of(tmp_path / "run"), record_of(straight[0])
    for one, other in zip(ours[0], wanted[0], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one[:12], other[:12], strict=True))
    assert ours[1:] == wanted[1:]


def test_an_intervention_is_shown_again_as_it_was_seen(straight):
    _, person, session = straight
    shown = session.replay(FIRST)
    frames = [person.pictures[frame] for frame in sorted(person.pictures) if person.pictures[frame]]
    at = frames.index(shown["pictures"][1])
    assert frames[at : at + len(shown["pictures"]) - 1] == shown["pictures"][1:]
    assert shown["yours"] == [False] * (1 + 3 * 5) + [True] * 2 * 5  # a still, then five pictures a step
    assert shown["seconds"] == pytest.approx(1 / 10)
    for nowhere in [(0, 0, 4), (0, 0, 5), (0, 0, 99), (0, 7, 3), (5, 0, 3)]:
        with pytest.raises(CannotReplay, match="No intervention begins there"):
            session.replay(nowhere)


def test_an_episode_that_is_not_repeated_is_not_shown(straight, monkeypatch, caplog):
    _, _, session = straight
    monkeypatch.setattr(session, "spec", replace(session.spec, seed=4))
    with pytest.raises(CannotReplay, match="does not repeat this episode"):
        session.replay(FIRST)
    monkeypatch.setattr("mereq.web.session.environment_of", lambda _: 1 / 0)
    with pytest.raises(CannotReplay, match="ZeroDivisionError"):
        session.replay(FIRST)
    assert "cannot be shown again" in caplog.text
    monkeypatch.setattr(session, "_can_replay", False)
    with pytest.raises(CannotReplay, match="This run's interventions"):
        session.replay(FIRST)


def test_a_stretch_has_what_came_before_and_ends_with_the_intervention(straight):
    steps = [step for step in record_of(straight[0])[0] if step.episode == 0]
    assert stretch_of(steps, 3, lead=2) == range(1, 5)
    assert stretch_of(steps, 8, lead=99) == range(9)
    assert stretch_of(steps[:9], 8, lead=0) == range(8, 9)


def test_what_contradicts_the_rest_is_listed_until_it_is_kept_or_taken_back(straight):
    """Planted: four contradictions, of which one is in a round that is over, and one was taken back already."""
    _, _, session = straight
    status = session._status
    belief = record_of(straight[0])[2][-1]
    without = tuple(each.mean + 0.1 for each in belief.weights)
    planted = [(0, 3, 0.7), (0, 8, 0.6), (1, 8, 0.4), (1, 9, 0.9)]
    effects = [InterventionEffect(index, 0, step, 1, slip, without) for index, step, slip in planted]
    told = belief.with_interventions(effects)
    status._rounds, rounds = [], status._rounds  # as if its only round went on
    for step in record_of(straight[0])[0]:
        status._add(step)
    status.count(PolicyVersion(9, session._policy, np.zeros(3), 14, 0.1, told))

    def listed(**how):
        beliefs = status.view(**how)["beliefs"]
        return [(each["at"], each["state"], each["slip"]) for each in beliefs["contradictions"]]

    assert listed() == [((1, 0, 9), "in a finished round", 0.9), (SECOND, "counts", 0.6)]  # the first is taken back
    assert listed(kept=frozenset({(1, 0, 9)})) == [(SECOND, "counts", 0.6)]
    assert listed(asked=(Retraction(SECOND),))[1] == (SECOND, "is taken back", 0.6)
    assert [status.counted_back(place) for place in (FIRST, SECOND, (1, 0, 8), None)] == [0, 1, 0, 1]
    row = status.view()["beliefs"]["contradictions"][1]
    assert row["where"] == "episode 1, step 9"
    assert row["changed"] == told.moved_by(effects[1]).replace("_", " ")
    status._rounds = rounds
