"""Preparation of a policy family that goes on while a run is supervised.

After each of its phases there is a new snapshot of the family. Phases draw half of their thetas around what the
supervisor may want, once that is known.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from mereq.core.cores import lower_priority
from mereq.maxent_rl.family import FamilySnapshot, PolicyFamily, ThetaNeighbourhood
from mereq.maxent_rl.family_training import FamilyTraining

SUPERVISED_STEPS = 600  # that a preparation takes in a simulated run: two minutes at five steps a second

UNTIMED = 0.01  # share of the steps before the speed is measured: in the first of them functions are compiled

Keep = Callable[[dict[str, np.ndarray], int], None]  # keeps a training's state, with the number of its last phase


class Beginning(NamedTuple):
    """Beginning or continuation of a run's preparation."""

    training: FamilyTraining
    begun: int = 0  # phases that were finished when the run began
    newest: FamilySnapshot | None = None  # None: no phase is finished, and there was no family to continue from


class PreparationProgress(NamedTuple):
    """Progress of a preparation."""

    share: float  # of all its environment steps
    learns: bool  # whether there is a snapshot to learn with
    seconds_to_snapshot: float | None  # until the next snapshot; None: it is not known
    seconds_left: float | None  # until the end; None: it is not known


class Preparation(Protocol):
    """Preparation of a run's family, which the run's learning schedule follows."""

    first: PolicyFamily  # that the run begins with; without any phase its members are the prior

    @property
    def newest(self) -> FamilySnapshot | None:
        """The newest snapshot; None while there is no family that says anything."""
        ...

    def begin(self) -> None:
        """Begin, or continue."""
        ...

    def follow(self, n_steps: int, around: ThetaNeighbourhood | None) -> None:
        """Take note of a supervised step. An error of the preparation is raised here.

        Args:
            n_steps: of the run so far.
            around: what the supervisor may want.
        """
        ...

    def progress(self) -> PreparationProgress | None:
        """Progress; None at the end."""
        ...

    def close(self) -> None:
        """End, at the latest after a chunk of environment steps, and close the simulator."""
        ...


class SteppedPreparation:
    """Preparation in step with the supervision, so that the family is a function of the run's seed and steps.

    The supervisor, a program, waits for each phase. `SUPERVISED_STEPS` supervised steps have all phases.
    """

    def __init__(self, beginning: Beginning, keep: Keep):
        self._training, self._begun, self.newest = beginning
        self._number = self.newest.number if self.newest else self._begun
        self.first = self.newest.family if self.newest else self._training.family
        self._keep = keep

    def begin(self) -> None:
        """Nothing, since a phase follows from a supervised step."""

    def follow(self, n_steps: int, around: ThetaNeighbourhood | None) -> None:
        """Run the phases that are due."""
        settings = self._training.settings
        n_phases = -(-settings.n_steps // settings.checkpoint_interval)
        while self._number - self._begun < n_steps * n_phases // SUPERVISED_STEPS and not self._training.is_finished:
            self._training.thetas.around = around
            for _ in self._training.run_phase():
                pass
            self._number += 1
            self.newest = FamilySnapshot(self._number, self._training.family)
            self._keep(self._training.state(), self._number)

    def progress(self) -> PreparationProgress | None:
        """Share of the steps, without times: they depend on the supervisor."""
        training = self._training
        return (
            None
            if training.is_finished
            else PreparationProgress(training.steps / training.settings.n_steps, self.newest is not None, None, None)
        )

    def close(self) -> None:
        """Close the simulator."""
        self._training.close()


class BackgroundPreparation:
    """Preparation in a thread that gives way to the supervision, as fast as the machine can. It depends on timing.

    The training is made in the thread, too: nothing waits for it, and threads of JAX have the priority of the one that
    made them.

    Args:
        make: makes the training; called once.
        keep: keeps its states, once the run has a step.
        newest: snapshot that there is before the training is made; None without one.
        first: family that the run begins with.
    """

    def __init__(
        self, make: Callable[[], Beginning], keep: Keep, *, newest: FamilySnapshot | None, first: PolicyFamily
    ):
        self._make, self._keep, self.newest, self.first = make, keep, newest, first
        self._followed = False  # whether the run has a step: without one, nothing is kept
        self._around: ThetaNeighbourhood | None = None
        self._in_phase = 0  # environment steps of the present phase
        self._per_step: float | None = None  # seconds of an environment step with its updates; None: not known yet
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._training: FamilyTraining | None = None
        self._thread = threading.Thread(target=self._run, name="mereq preparation", daemon=True)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def follow(self, n_steps: int, around: ThetaNeighbourhood | None) -> None:
        """The next phase draws thetas around these. An error of the thread is raised here."""
        self._followed, self._around = True, around
        if self._error is not None:
            raise self._error

    def progress(self) -> PreparationProgress | None:
        """Progress, with times from the speed so far."""
        training = self._training
        if training is None:
            return PreparationProgress(0.0, self.newest is not None, None, None)
        if training.is_finished:
            return None
        settings, done, per_step = training.settings, training.steps + self._in_phase, self._per_step
        ends = training.steps + settings.checkpoint_interval, settings.n_steps
        following, left = (None if per_step is None else max(0.0, per_step * (end - done)) for end in ends)
        return PreparationProgress(done / settings.n_steps, self.newest is not None, following, left)

    def close(self) -> None:
        """Stop the thread after its present chunk, and close the simulator."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._training is not None:
            self._training.close()

    def _run(self) -> None:
        lower_priority()
        try:
            beginning = self._make()
            training, begun, newest = beginning
            self.newest = newest or self.newest
            self._training = training
            self._prepare(training, newest.number if newest else begun)
        except BaseException as error:
            self._error = error

    def _prepare(self, training: FamilyTraining, number: int) -> None:
        untimed = training.steps + UNTIMED * training.settings.n_steps
        timed_from: tuple[float, int] | None = None
        while not training.is_finished and not self._stopping.is_set():
            training.thetas.around = self._around
            for done in training.run_phase():
                self._in_phase = done
                now, steps = time.monotonic(), training.steps + done
                if timed_from is None or steps <= untimed:
                    timed_from = now, steps
                else:
                    self._per_step = (now - timed_from[0]) / (steps - timed_from[1])
                if self._stopping.is_set():
                    return
            self._in_phase, number = 0, number + 1
            self.newest = FamilySnapshot(number, training.family)
            if self._followed:
                self._keep(training.state(), number)
