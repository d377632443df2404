"""Control loop of a run that a person supervises. The session determines the time of each step, not the page.

Steps are due at a steady pace. Until a step is due, the pictures of the previous one are shown. When it is due, the
input of the person is read once. A step is stored before any of its pictures is shown.
"""

import logging
import math
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from threading import Lock
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Event, Round
from mereq.core.errors import MereqError, OwnCodeFailed, RobotLost
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed
from mereq.core.simulator import Environment, close
from mereq.core.supervisor import Controller, Decision, DecisionContext, SeenFrame
from mereq.core.view import Foreseeable, Picture, Place
from mereq.interventions.rollout import SupervisedStep
from mereq.maxent_rl.family_preparation import Preparation
from mereq.presets.registry import definition_of
from mereq.runs.policies import task_of
from mereq.runs.preparations import preparation_of
from mereq.runs.run import environment_of, run
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.supervision.interruption import interruption
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.trials.plan import Wait
from mereq.web.blindness import blinded, blinded_hello
from mereq.web.clock import Clock
from mereq.web.controls import Controls, OperatorInput
from mereq.web.ghost import Ghost
from mereq.web.latest_view import LatestView
from mereq.web.messages import InterventionPlace
from mereq.web.replay import CannotReplay, replay
from mereq.web.run_status import RunStatus, preparing_words
from mereq.web.task_view import task_view_of
from mereq.web.views import Hello, Replay, View
from mereq.web.views import Key as KeyView

logger = logging.getLogger("mereq")

TICK = 0.02  # s between two readings of the controls
ASKS = "the policy asks you to act: continue, and take over"  # reason of a pause
SHORTEST_WAIT = 1e-4  # s; shorter waits are skipped
COUNTDOWN = 3.0  # s between the person's word and the first motion of hardware
PATIENCE = 1.0  # s that the driver may take before the page says what is waited for
LEARNED = "the policy has learned, and the robot waits for you"
STOPPED = "The program was stopped. Everything so far is stored."
FAILED_BLIND = (
    "The program has failed and cannot continue. Everything so far is stored."  # the error may name the method
)

Events = Generator[Event, None, None]


class Stopped(Exception):
    """Request to stop the session."""


class Session:
    """One run, supervised by a person; `Session` is the supervisor of Algorithm 1, and the operator of a robot.

    A robot moves only while a page is in control and shows it, also to the start of an episode. After a round, hardware
    waits for the person's word. Loss of a robot pauses the run. When the person continues, the robot is connected
    again, and a new episode starts.

    pace: initial steps per second; None for the task's own. A robot that keeps time has its own pace.
    blind: for a person who must not know the method, the shortest waits.
    observed: the run's events, passed on after another has seen them, such as a tracker of curves.
    """

    def __init__(
        self,
        spec: RunSpec,
        writer: RunWriter,
        *,
        pace: float | None = None,
        clock: Clock | None = None,
        blind: Wait | None = None,
        observed: Callable[[Events], Events] = lambda stream: stream,
    ):
        self.definition = definition_of(spec.task)
        self.spec, self._writer, self._clock = spec, writer, clock or Clock()
        self._environment = environment_of(spec)
        self._robot = self._environment if isinstance(self._environment, RobotEnvironment) else None
        self._on_hardware = self._robot is not None and not self._robot.repeatable
        self.hz = self._robot.hz if self._robot else None
        self.actions = self.definition.task.actions
        self.view = task_view_of(self._environment, self.definition)
        if self._robot is None:
            close(self._environment)  # `run` makes one in its own thread
        self.controls = Controls(pace=pace or self.hz or self.view.pace)
        self.latest_view = LatestView()
        self._status = RunStatus(spec, writer)
        self._picture: Picture | None = None
        self._frame = 0
        self._ghost = Ghost(self._copy) if self._can_foresee(blind) else None
        self._can_replay = not (self._robot or blind)
        self._replaying = Lock()  # one replay at a time
        self._ready = False  # whether policies and compiled code are loaded
        self._waits_for_key = False  # the person is in control without a key, and the task has no idle action
        self._asked: bool | None = None  # whether a robot-gated method asks the person to act; None: it never does
        self._new_episode = True
        self._due = self._paused_for = 0.0
        self._shown_state: Any = None
        self._shown_path: list[Place] | None = None
        self._policy: Policy | None = None  # of the last decision
        self._blind, self._observed = blind, observed
        self._last_view: View | None = None
        self._waits_until = self._clock.now() + (blind.before if blind else 0.0)
        self._awaits: str | None = None  # what is waited for, in words
        self._preparation: Preparation | None = None  # of the policy family, which goes on meanwhile
        self._shown_preparing: str | None = None
        if self._robot:
            self._robot.attend(self)

    # The run

    def run(self) -> None:
        """Run until the end, or until `stop`. An error is shown on the page, and raised.

        Raises:
            MereqError: the run cannot continue, for instance because the disk is full.
        """
        try:
            self._make_environment()
            while not self._run_to_end():
                pass  # the robot was lost; the next episode waits for the person
            self._status.phase = "finished"
        except (Stopped, KeyboardInterrupt):
            self._status.phase, self._status.words = "stopped", STOPPED
        except Exception as error:
            if isinstance(error, MereqError) and not (self._blind and isinstance(error, OwnCodeFailed)):
                words = str(error)
            else:
                words = FAILED_BLIND if self._blind else f"{type(error).__name__}: {error}"
            self._status.phase, self._status.words = "stopped", words
            raise
        finally:
            if self._ghost:
                self._ghost.close()
            self._put()

    def _make_environment(self) -> None:
        """Make the environment in the thread that steps and draws it: an OpenGL context belongs to one thread."""
        if self._robot is None:
            self._environment = environment_of(self.spec)
            self.view = task_view_of(self._environment, self.definition)

    def _run_to_end(self) -> bool:
        """Run until the end, or until the robot is lost. Returns whether the end was reached."""
        try:
            with closing(self._events()) as events:
                for event in events:
                    self._ready = True
                    if isinstance(event, Round):
                        self._wait_if_blind()
                    self._status.count(event)
                    if isinstance(event, Round) and self._on_hardware:
                        self.controls.release(LEARNED)
                    self._check()
                    if isinstance(event, SupervisedStep):
                        self._show_step(event)
                    else:
                        self._put()
            return True
        except RobotLost as lost:
            words = str(lost).rstrip(".")
            self.controls.release(f"{words}. Continue reconnects and begins a new episode")
            return False

    @property
    def over(self) -> bool:
        """Whether the run is finished or stopped."""
        return self._status.phase in ("finished", "stopped")

    def stop(self) -> None:
        """Stop at the next reading of the clock. The record is kept, and the run can be resumed."""
        self._clock.stop()

    def _events(self) -> Events:
        self._put()
        self._preparation = preparation_of(self.spec, self._writer)
        given = {"environment": self._environment, "preparation": self._preparation}
        return self._observed(run(self.spec, self._writer, self, **given))

    # The supervisor

    def begin_episode(self, seed: int) -> None:
        """Prepare the display of a new episode. Wait until a robot may move, since it moves to its start afterwards."""
        self._new_episode, self._asked = True, None
        if self._ghost:
            self._ghost.forget()
        if self._robot:
            self._ready = True
            self._wait_if_blind()
            self._put()
            self._robot.enable()

    def decide(self, context: DecisionContext) -> Decision:
        """The controller and action of the step that is due. Waits while the run is paused."""
        if context.recorded_decision is not None:
            return context.recorded_decision
        self._policy = context.policy
        self._wait_if_blind()
        if self._new_episode:
            self._new_episode, self._ready = False, True
            self._status.begin_episode(context.step)
            self._foresee(context.obs)
            self._show([self.view.still()])
        self._heed(context.asked)
        operator = self._awaited_input()
        seen = SeenFrame(operator.frame, time.time(), operator.sent)
        retracts = self._retracted()
        if not operator.engaged:
            return Decision(Controller.POLICY, context.proposed, retracts, seen)
        action = self.view.controls.nothing if operator.action is None else operator.action
        return Decision(Controller.EXPERT, np.asarray(action, self.actions.dtype)[()], retracts, seen)

    def _heed(self, asked: bool | None) -> None:
        """Pause where a robot-gated method begins to ask, unless the person is in control already."""
        begins = bool(asked) and not self._asked
        changed, self._asked = asked != self._asked, asked
        if begins and not self.controls.state(self._clock.now()).engaged:
            self.controls.release(ASKS)
        if changed:
            self._put()

    def _awaited_input(self) -> OperatorInput:
        """Input of the person when the step is due.

        If the person is in control, and the task has no idle action, a key is waited for.
        """
        while True:
            self._wait_while_paused()
            if self._robot:
                self._robot.enable()
            operator = self.controls.take()
            waits = operator.engaged and operator.action is None and self.view.controls.nothing is None
            if waits != self._waits_for_key:
                self._waits_for_key = waits
                self._put()
            if not waits:
                return operator
            if self._robot:
                self._robot.stop()
            self._tick(TICK)

    def _retracted(self) -> int:
        """Which intervention the next step takes back, counted from the last one; 0: none. A step takes back one."""
        while (asked := self.controls.take_retraction()) is not None:
            if k := self._status.counted_back(asked.place):
                return k
        return 0

    # The operator of a robot

    def await_go(self) -> None:
        """Wait until the person lets the robot move. Hardware moves after a countdown without a pause."""
        while True:
            self._wait_while_paused()
            if not self._on_hardware or self._count_down():
                self._await(None)
                return

    def objection(self) -> str | None:
        """Reason of the present pause; None: a person is known to see the robot, and lets it move."""
        return self.controls.state(self._clock.now()).paused

    def driver_works(self, command: str, seconds: float) -> None:
        """Show on the page that the driver is waited for."""
        self._check()
        caption = self._robot.caption if self._robot else ""
        words = f"The robot: {caption or command}, {seconds:.0f} s" if seconds > PATIENCE else None
        if words != self._awaits or self.controls.state(self._clock.now()) != self._shown_state:
            self._await(words)

    def held(self, reason: str) -> None:
        """Pause, because the robot was held."""
        if self.objection() is None:
            self.controls.release(reason)

    def _count_down(self) -> bool:
        """Count down on the page. Returns whether the end was reached without a pause."""
        until = self._clock.now() + COUNTDOWN
        while (left := until - self._clock.now()) > SHORTEST_WAIT:
            if self.objection() is not None:
                self._await(None)
                return False
            self._await(f"The robot moves in {math.ceil(left)} s")
            self._tick(min(left, TICK))
        return True

    def _await(self, words: str | None) -> None:
        self._awaits = words
        self._put()

    # What is shown, and time

    def _show_step(self, step: SupervisedStep) -> None:
        """Show the step that was just stored, for the duration of a step."""
        self._status.describe(self.view.controls.name_of(step.executed))
        if not (step.terminated or step.truncated):
            self._foresee(step.next_obs)
        elif self._ghost:
            self._ghost.forget()
        self._show(self.view.film())
        if self._status.phase == "learning":
            self._waits_until = self._clock.now() + (self._blind.between if self._blind else 0.0)
            self.controls.let_go()
            self._put()

    def _foresee(self, obs: np.ndarray) -> None:
        """Let the ghost begin in the present state, with the policy of the last decision."""
        if self._ghost and self._policy:
            assert isinstance(self.view, Foreseeable)
            self._ghost.begin(self.view.save(), obs, self._policy)

    def _show(self, film: list[Picture]) -> None:
        self._awaits = None
        seconds = 0.0 if self.hz else 1.0 / self.controls.state(self._clock.now()).pace
        begin = max(self._due, self._moving_time() - TICK)
        self._due = begin + seconds
        for number, picture in enumerate(film, 1):
            self._picture = picture
            self._frame += 1
            self.controls.show(self._frame, self._clock.now())
            self._put()
            while (left := begin + seconds * number / len(film) - self._moving_time()) > SHORTEST_WAIT:
                self._tick(min(left, TICK))

    def _wait_while_paused(self) -> None:
        while self.controls.state(self._clock.now()).paused:
            self._tick(TICK)

    def _tick(self, seconds: float) -> None:
        """Wait for a short time. During a pause the time does not count, and a robot is stopped."""
        before = self._clock.now()
        self._check()
        self._clock.wait(seconds)
        state = self.controls.state(self._clock.now())
        if state.paused:
            if self._robot:
                self._robot.hold(state.paused)
            self._paused_for += self._clock.now() - before
        if state != self._shown_state or self._path() != self._shown_path or self._preparing() != self._shown_preparing:
            self._put()

    def _wait_if_blind(self) -> None:
        """Wait until the shortest wait of a blind trial has passed: computing times would reveal the method."""
        while (left := self._waits_until - self._clock.now()) > SHORTEST_WAIT:
            self._tick(min(left, TICK))

    def _moving_time(self) -> float:
        return self._clock.now() - self._paused_for

    def _check(self) -> None:
        interruption.check()
        if self._clock.wait(0):
            raise Stopped

    def _put(self) -> None:
        """Put the complete view for the page. A page that reloads needs nothing else."""
        self._shown_state = state = self.controls.state(self._clock.now())
        self._shown_path, self._shown_preparing = self._path(), self._preparing()
        view: View = {
            "kind": "view",
            "frame": self._frame,
            "picture": self._picture,
            "paused": state.paused,
            "awaits": self._awaits,
            "engaged": state.engaged,
            "pace": self.hz or state.pace,
            "felt": state.felt,
            "readings": self._readings(),
            "ghost": self._shown_path,
            **self._status.view(state.kept, state.asked),
        }
        if not (self._ready or self.over):
            view["phase"] = "preparing"
        view = blinded(view) if self._blind else view
        if view != self._last_view:  # equal views are left out, since their number could reveal the method
            self._last_view = view
            self.latest_view.put(view)

    def _can_foresee(self, blind: Wait | None) -> bool:
        """Whether the page can show what the policy is about to do: the environment can be copied, and is no robot."""
        return isinstance(self.view, Foreseeable) and not (self._robot or blind or task_of(self.spec).n_answer)

    def _copy(self) -> tuple[Environment, Foreseeable]:
        """A second environment with its view, whose first state is arbitrary."""
        environment = environment_of(self.spec)
        environment.reset(seed=0)
        view = task_view_of(environment, self.definition)
        assert isinstance(view, Foreseeable)
        return environment, view

    def replay(self, place: InterventionPlace) -> Replay:
        """Pictures of a recorded intervention, in a thread of the caller's.

        Raises:
            CannotReplay: the intervention cannot be shown again.
        """
        if not self._can_replay:
            raise CannotReplay("This run's interventions cannot be shown again.")
        index, number, first = place
        with self._replaying, ExitStack() as ending:
            try:
                store = ending.enter_context(RunReader.open(self._writer.directory))
                episode = [step for step in store.steps(index) if step.episode == number]
                environment = environment_of(self.spec)
                ending.callback(close, environment)
                view = task_view_of(environment, self.definition)
                return replay(environment, view, episode, first, seed=episode_seed(self.spec.seed, index, number))
            except CannotReplay:
                raise
            except Exception as error:  # of the user's environment, too; the run continues
                logger.warning("An intervention cannot be shown again: %s: %s", type(error).__name__, error)
                raise CannotReplay(f"It cannot be shown again: {type(error).__name__}: {error}") from error

    def _path(self) -> list[Place] | None:
        """What the policy is about to do, as far as it is known; None if the person did not ask for it."""
        return self._ghost.path() if self._ghost and self.controls.state(self._clock.now()).ghost else None

    def _readings(self) -> list[tuple[str, str]]:
        shown = self.view.readings() if self._picture else []
        if self._asked is not None:
            shown = [*shown, ("the policy", "asks you to act" if self._asked else "does not ask")]
        if self._shown_preparing is not None:
            shown = [*shown, ("preparing", self._shown_preparing)]
        return [*shown, ("you are in control", "press a key to act")] if self._waits_for_key else shown

    def _preparing(self) -> str | None:
        """How far the preparation of the policy family is, in words; None without one, and in a blind trial."""
        if self._preparation is None or self._blind or self.over:
            return None
        progress = self._preparation.progress()
        return progress and preparing_words(progress)

    def hello(self) -> Hello:
        """The first message of a page: the task and its keys, without the method; see section 5 of the paper."""
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
            "foresees": self._ghost is not None,
            "replays": self._can_replay,
        }
        return blinded_hello(hello) if self._blind else hello
