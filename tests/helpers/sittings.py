"""People for tests: sessions in a time of their own, in which a person acts at every look at the clock."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mereq.presets.registry import definition_of
from mereq.runs.run import config_of, create
from mereq.runs.run import resume as resumed
from mereq.runs.spec import RunSpec
from mereq.runs.tracking import tracked_run
from mereq.store.run_writer import RunWriter
from mereq.web.clock import Clock
from mereq.web.messages import Command, Input
from mereq.web.server import listen, make_server
from mereq.web.session import Session
from waiting import HANG, until


def spec(*, steps: int = 12, rounds: int = 1, method: str = "mereq", rate_threshold: float = 0.0) -> RunSpec:
    """A short run on the highway with a person, whose updates take no time to speak of."""
    named = RunSpec.named(
        task="highway", method=method, preset="fast", seed=3, n_rounds=rounds, rate_threshold=rate_threshold,
        supervisor="person",
    )  # fmt: skip
    quick = {
        "rollout_steps": steps,
        "training_steps": 100,
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
    return session.latest_view._view


def sit(
    directory: Path,
    person: Callable[[Session], None],
    what: RunSpec | None = None,
    *,
    resume: bool = False,
    pace=5.0,
    track=None,
) -> Session:
    """A session from its start to its end; the run is in `directory`, with curves for a tracker."""
    what = what or spec()
    opening = resumed if resume else create
    with opening(what, directory) as store:
        clock = Played(person)
        names = definition_of(what.task).task.feature_names
        observed = tracked_run(track, directory, what, names, lambda: len(store.rounds()))
        session = clock.session = Session(what, store, pace=pace, clock=clock, observed=observed)
        session.run()
    return session


@contextmanager
def served(session: Session, token: str) -> Iterator[int]:
    """A server for a session, on this machine; gives its port."""
    with listen("127.0.0.1", 0) as listening:
        server = make_server(session, listening, token=token)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until(lambda: server.started)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(HANG)


@contextmanager
def running(directory: Path, what: RunSpec, *, pace: float) -> Iterator[Session]:
    """A session that runs in its own thread and in real time, until the end of the block."""
    with RunWriter.create(directory, config_of(what)) as store:
        session = Session(what, store, pace=pace)
        thread = threading.Thread(target=session.run)
        thread.start()
        yield session
        session.stop()
        thread.join(HANG)
