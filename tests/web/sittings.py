"""People for tests: sessions in a time of their own, in which somebody does something at every look at the clock."""

from collections.abc import Callable
from pathlib import Path

from mereq.experiments.runs import RunSpec
from mereq.experiments.store import RunStore
from mereq.web.clock import Clock
from mereq.web.messages import Command, Input
from mereq.web.session import Session


def spec(*, steps: int = 12, rounds: int = 1, method: str = "mereq", rate_threshold: float = 0.0) -> RunSpec:
    """A short run on the highway with a person, whose updates take no time to speak of."""
    named = RunSpec.named(
        task="highway", method=method, preset="fast", seed=3, n_iterations=rounds, rate_threshold=rate_threshold,
        expert="person",
    )  # fmt: skip
    quick = {
        "rollout_steps": steps,
        "practice_steps": 100,
        "inference": {"max_updates": 2, "sample_length": 100, "tolerance": 0.0},
    }
    return named.changed({"settings": quick})


class Played(Clock):
    """Time that passes when it is waited for, and a person who acts meanwhile.

    act: called with the session at every wait.
    """

    def __init__(self, act: Callable[[Session], None]):
        super().__init__()
        self.time, self.act, self.session = 0.0, act, None

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        if seconds > 0:
            self.time += seconds
            self.act(self.session)
        return super().wait(0)


class Person:
    """Says what is held before each step of a round: `hands(round, step)` gives the fields of an input."""

    def __init__(self, hands: Callable[[int, int], dict]):
        self.hands, self.started = hands, False

    def __call__(self, session: Session) -> None:
        view, now = latest(session), session._clock.now()
        if not self.started:
            say(session, {}, now)
            session.controls.receive(Command("go"), now)
            self.started = True
        say(session, self.hands(view["round"], view["step"]), now)


def say(session: Session, fields: dict, now: float) -> None:
    frame = latest(session).get("frame", 0)
    session.controls.receive(
        Input(**{"frame": frame, "sent": now, "mode": "toggle", "engaged": False, "action": None} | fields), now
    )


def latest(session: Session) -> dict:
    return session.board._view


def sit(
    directory: Path, person: Callable[[Session], None], what: RunSpec | None = None, *, resume: bool = False, pace=5.0
) -> Session:
    """A session from its start to its end; the run is in `directory`."""
    what = what or spec()
    opening = RunStore.resume if resume else RunStore.create
    with opening(directory, what.config()) as store:
        clock = Played(person)
        session = clock.session = Session(what, store, pace=pace, clock=clock)
        session.run()
    return session
