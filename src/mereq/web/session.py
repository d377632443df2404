"""The control loop: a run of Algorithm 1 under a person's eyes. It owns time; the page can only say what is held.

Steps are due at a steady pace. Until one is due, the pictures of the step before are shown; when it is due, the hands
are looked at, once. A step is in the store before any picture of it is shown.
"""

import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Event, Round
from mereq.core.errors import MereqError, RobotLost
from mereq.core.supervisor import Controller, Decision, DecisionContext, SeenFrame
from mereq.core.view import Picture
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.registry import definition_of
from mereq.runs.run import environment_of, run
from mereq.runs.spec import RunSpec
from mereq.store.run_writer import RunWriter
from mereq.supervision.robot_environment import RobotEnvironment, stop_if_robot
from mereq.trials.plan import Wait
from mereq.web.blindness import blinded, blinded_hello
from mereq.web.clock import Clock
from mereq.web.controls import Controls, OperatorInput
from mereq.web.latest_view import LatestView
from mereq.web.run_status import RunStatus
from mereq.web.task_view import task_view_of
from mereq.web.views import Hello, View
from mereq.web.views import Key as KeyView

TICK = 0.02  # s between two looks at the wheel
MOMENT = 1e-4  # s that are not worth waiting for
STOPPED = "The program was stopped. Everything so far is stored."
UNTOLD = "The program has failed and cannot continue. Everything so far is stored."  # the rest may name the method


class Stopped(Exception):
    """Somebody asked the session to stop."""


class Session:
    """One run, and the person who supervises it.

    A robot moves only while somebody is at the wheel: also to where an episode starts. One that is lost pauses the run,
    which goes on with a new connection and a new episode when the person says so.

    pace: steps per second to begin with; None is the task's own. A robot that keeps time has its own pace.
    blind: for a person who must not know the method, the least they wait, whatever it is.
    """

    def __init__(
        self,
        spec: RunSpec,
        writer: RunWriter,
        *,
        pace: float | None = None,
        clock: Clock | None = None,
        blind: Wait | None = None,
    ):
        self.definition = definition_of(spec.task)
        self.spec, self._writer, self._clock = spec, writer, clock or Clock()
        self._environment = environment_of(spec)
        self._on_robot = isinstance(self._environment, RobotEnvironment)
        self.hz = self._environment.hz if isinstance(self._environment, RobotEnvironment) else None
        self.actions = self.definition.task.actions
        self.view = task_view_of(self._environment, self.definition)
        self.controls = Controls(pace=pace or self.hz or self.view.pace)
        self.latest_view = LatestView()
        self._status = RunStatus(spec, writer)
        self._picture: Picture | None = None
        self._frame = 0
        self._ready = False  # policies are being loaded, compiled code too
        self._waits_for_key = False  # the person is in control and presses none, and no action means "nothing"
        self._new_episode = True
        self._due = self._paused_for = 0.0
        self._shown_state: Any = None
        self._blind = blind
        self._told: View | None = None
        self._waits_until = self._clock.now() + (blind.before if blind else 0.0)

    # The run

    def run(self) -> None:
        """Follow the run to its end, or until `stop`. Whatever stops it is shown on the page, and raised.

        Raises:
            MereqError: the run cannot go on, for instance because the disk is full.
        """
        try:
            while not self._followed():
                pass  # the next episode waits for the person
            self._status.phase = "finished"
        except Stopped:
            self._status.phase, self._status.words = "stopped", STOPPED
        except Exception as error:
            what = UNTOLD if self._blind else f"{type(error).__name__}: {error}"
            words = str(error) if isinstance(error, MereqError) else what
            self._status.phase, self._status.words = "stopped", words
            raise
        finally:
            self._put()

    def _followed(self) -> bool:
        """Follow the run; whether it has come to its end, and not lost its robot."""
        try:
            with closing(self._events()) as events:
                for event in events:
                    self._ready = True
                    if isinstance(event, Round):
                        self._wait_as_blind()
                    self._status.count(event)
                    self._check()
                    if isinstance(event, SupervisedStep):
                        self._let_see(event)
                    else:
                        self._put()
            return True
        except RobotLost as lost:
            words = str(lost).rstrip(".")
            self.controls.release(f"{words}. Continue reconnects and begins a new episode")
            return False

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self._status.phase in ("finished", "stopped")

    def stop(self) -> None:
        """Stop at the next look at the clock. What was recorded stays; the run can be resumed."""
        self._clock.stop()

    def _events(self) -> Generator[Event, None, None]:
        self._put()
        return run(self.spec, self._writer, self, environment=self._environment)

    # The supervisor

    def begin_episode(self, seed: int) -> None:
        """There is something new to see. A robot goes to its start when this returns."""
        self._new_episode = True
        if self._on_robot:
            self._ready = True
            self._put()
            self._wait_for_go()

    def decide(self, context: DecisionContext) -> Decision:
        """Who takes the step that is due now. Waits while the run is paused."""
        if context.recorded_decision is not None:
            return context.recorded_decision
        self._wait_as_blind()
        if self._new_episode:
            self._new_episode, self._ready = False, True
            self._status.begin_episode(context.step)
            self._show([self.view.still()])
        operator = self._awaited_input()
        seen = SeenFrame(operator.frame, time.time(), operator.sent)
        retracts = operator.retracts and self._status.can_retract
        if not operator.engaged:
            return Decision(Controller.POLICY, context.proposed, retracts, seen)
        action = self.view.controls.nothing if operator.action is None else operator.action
        return Decision(Controller.EXPERT, np.asarray(action, self.actions.dtype)[()], retracts, seen)

    def _awaited_input(self) -> OperatorInput:
        """What the person does when the step is due. Of a person in control of a task in which no action means
        "nothing", a key is waited for.
        """
        retracts = False
        while True:
            self._wait_for_go()
            operator = self.controls.take()
            retracts |= operator.retracts
            waits = operator.engaged and operator.action is None and self.view.controls.nothing is None
            if waits != self._waits_for_key:
                self._waits_for_key = waits
                self._put()
            if not waits:
                return operator._replace(retracts=retracts)
            self._tick(TICK)

    # What is shown, and time

    def _let_see(self, step: SupervisedStep) -> None:
        """Show the step that was just stored, for as long as a step takes."""
        self._status.describe(self.view.controls.name_of(step.executed))
        self._show(self.view.film())
        if self._status.phase == "learning":
            self._waits_until = self._clock.now() + (self._blind.between if self._blind else 0.0)
            self.controls.let_go()
            self._put()

    def _show(self, film: list[Picture]) -> None:
        seconds = 0.0 if self.hz else 1.0 / self.controls.state(self._clock.now()).pace
        begin = max(self._due, self._moving_time() - TICK)
        self._due = begin + seconds
        for number, picture in enumerate(film, 1):
            self._picture = picture
            self._frame += 1
            self._put()
            while (left := begin + seconds * number / len(film) - self._moving_time()) > MOMENT:
                self._tick(min(left, TICK))

    def _wait_for_go(self) -> None:
        while self.controls.state(self._clock.now()).paused:
            self._tick(TICK)

    def _tick(self, seconds: float) -> None:
        """Let a little time pass. While the run is paused it does not count, and a robot stands still."""
        before = self._clock.now()
        self._check()
        self._clock.wait(seconds)
        state = self.controls.state(self._clock.now())
        if state.paused:
            stop_if_robot(self._environment)
            self._paused_for += self._clock.now() - before
        if state != self._shown_state:
            self._put()

    def _wait_as_blind(self) -> None:
        """Until as much time has passed as methods may take, so that none is told by it."""
        while (left := self._waits_until - self._clock.now()) > MOMENT:
            self._tick(min(left, TICK))

    def _moving_time(self) -> float:
        return self._clock.now() - self._paused_for

    def _check(self) -> None:
        if self._clock.wait(0):
            raise Stopped

    def _put(self) -> None:
        """Put everything there is to know on the board. The view is whole: a page that reloads needs nothing else."""
        self._shown_state = state = self.controls.state(self._clock.now())
        view: View = {
            "kind": "view",
            "frame": self._frame,
            "picture": self._picture,
            "paused": state.paused,
            "engaged": state.engaged,
            "pace": self.hz or state.pace,
            "felt": state.felt,
            "readings": self._readings(),
            **self._status.view(),
        }
        if not (self._ready or self.over):
            view["phase"] = "preparing"
        view = blinded(view) if self._blind else view
        if view != self._told:  # how often the learning goes on is not told either
            self._told = view
            self.latest_view.put(view)

    def _readings(self) -> list[tuple[str, str]]:
        shown = self.view.readings() if self._picture else []
        return [*shown, ("you are in control", "press a key to act")] if self._waits_for_key else shown

    def hello(self) -> Hello:
        """What a page needs to know once: the task and its keys. The method is not told; see section 5 of the paper."""
        definition = self.definition
        keys: list[KeyView] = [
            {"codes": list(key.codes), "label": key.label, "shown": key.shown, "action": key.action}
            for key in self.view.controls.keys
        ]
        hello: Hello = {
            "kind": "hello",
            "task": definition.name,
            "summary": definition.summary,
            "features": list(definition.task.feature_names),
            "keys": keys,
            "device": self.controls.device,
            "delta": self.spec.rate_threshold,
        }
        return blinded_hello(hello) if self._blind else hello
