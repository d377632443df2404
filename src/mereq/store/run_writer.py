"""The writer of a run: every event of Algorithm 1 is on disk before the next one happens."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from mereq import __version__
from mereq.alignment.algorithm import Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.policy import Policy
from mereq.interventions.rollout import SupervisedStep
from mereq.store.atomic import writing
from mereq.store.checkpoints import remove, save_arrays
from mereq.store.compatibility import check_resumable
from mereq.store.database import Database
from mereq.store.policies import save_policy
from mereq.store.provenance import provenance, resident_bytes
from mereq.store.run_store import RUN, RecordedRound, RunReader, vector_to_text
from mereq.store.step_rows import StepRows

KEPT_STATES = 2  # rounds whose whole state is kept


class RunWriter(RunReader):
    """A run that is being recorded: a new one (`create`), or an interrupted one (`resume`).

    start: where Algorithm 1 continues, for `alignment.algorithm.events`; what follows from there is what can be added.

    Each method that adds something raises CannotWrite when the disk is full.
    """

    start: Resume

    def __init__(self, directory: Path, database: Database, start: Resume):
        super().__init__(directory, database)
        self._stand(start)

    def _stand(self, start: Resume) -> None:
        self.start = start
        done = len(start.log.rollouts)
        self._next = self._started = (done, len(self.steps(done)))  # round and number of the next step
        self._published = max((row.number for row in self.versions()), default=0)  # newest version
        self._last_step = time.perf_counter()

    def restart(self, prior: Policy | None = None) -> Resume:
        """Where Algorithm 1 continues now: `start`, read again if something was added since.

        For a stream of events that ended early, such as that of a lost robot.
        """
        if self._next != self._started:
            self._stand(self.resume_point(prior))
        return self.start

    @classmethod
    def create(cls, directory: Path, config: dict[str, Any]) -> "RunWriter":
        """A new run, ready to record.

        Args:
            directory: empty, or not there yet.
            config: all that the run depends on besides the code, as `json` can write it; `n_rounds` among it.

        Raises:
            RunExists: the directory holds a run, or anything else. Nothing is overwritten.
            CannotWrite: no permission, the disk is full, or another process is recording there.
        """
        return cls(directory, Database.create(RUN, directory, _start(0, config)), Resume())

    @classmethod
    def resume(cls, directory: Path, config: dict[str, Any], prior: Policy | None = None) -> "RunWriter":
        """An interrupted run, ready to continue.

        Args:
            directory: of the run.
            config: as it was; `n_rounds` may be larger, to continue for longer.
            prior: of the run; policies that were published during a round are residuals of it.

        Raises:
            NoRun: there is none.
            IncompatibleRun: recorded by another version, or with another configuration.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: no permission, the disk is full, or another process is writing.
        """
        database = Database.open(RUN, directory, write=True)
        try:
            recorded = RunReader(directory, database)
            starts = recorded.starts()
            check_resumable(starts[-1].config, config)
            with database.transaction():
                database.insert("run", _start(len(starts), config))
            writer = cls(directory, database, recorded.resume_point(prior))
            writer._forget_old_states()
        except BaseException:
            database.close()
            raise
        return writer

    def add_step(self, step: SupervisedStep) -> None:
        """Store a supervised step, and what a person had seen when they decided it."""
        index, number = self._next
        at = {"round": index, "idx": number}
        layout = self._layout() or StepRows.of(step)
        with self.database.transaction():
            if not self._known_layout:
                for field in layout.fields():
                    self.database.insert("fields", field)
            self.database.insert("steps", at | {"time": time.time()} | layout.to_row(step))
            if step.seen is not None:
                self.database.insert("seen_frames", at | step.seen._asdict())
        self._next = (index, number + 1)
        self._last_step = time.perf_counter()

    def add_progress(self, progress: Progress) -> None:
        """Store a step of the inner loop. One that is made again replaces what an interrupted update left."""
        with self.database.transaction():
            self.database.insert(
                "progress",
                {
                    "round": self._next[0],
                    "published": self._published,
                    "step": int(progress.step),
                    "seconds": time.perf_counter() - self._last_step,
                    "of_steps": int(progress.of),
                    "theta": vector_to_text(progress.theta),
                    "gradient": vector_to_text(progress.gradient),
                    "norm": progress.gradient_norm,
                    "loss": None if np.isnan(progress.loss) else float(progress.loss),
                },
                replace=True,
            )

    def add_version(self, made: PolicyVersion) -> None:
        """Store a policy that was made during a round: first the policy, then the row that allows it to act."""
        start = self.starts()[-1]
        about = {"version": made.version, "run": start.config, "provenance": start.provenance}
        save_policy(self._checkpoint("version", made.version), made.policy, about=about)
        with self.database.transaction():
            self.database.insert(
                "versions",
                {
                    "version": made.version,
                    "time": time.time(),
                    "round": self._next[0],
                    "idx": self._next[1],
                    "seconds": made.seconds,
                    "learned_from": made.learned_from,
                    "theta": vector_to_text(made.theta),
                },
            )
        self._published = made.version

    def add_round(self, made: Round) -> None:
        """Store a finished round: first its policy and state, then the row that makes it finished."""
        index = self._next[0]
        if made.index != index:
            raise ValueError(f"round {made.index} was given to a store that expects round {index}")
        start = self.starts()[-1]
        about = {"round": index, "run": start.config, "provenance": start.provenance}
        save_policy(self._checkpoint("policy", index), made.policy, about=about)
        save_arrays(self._checkpoint("state", index), made.state(), kind="state", about={"round": index})
        finished = RecordedRound(
            index=index,
            time=time.time(),
            seconds_waited=made.seconds_waited,
            memory=resident_bytes(),
            steps=len(made.rollout),
            expert_steps=made.expert_steps,
            intervention_rate=made.intervention_rate,
            aligned=made.aligned,
            theta=made.theta,
        )
        with self.database.transaction():
            self.database.insert("rounds", finished.to_row(), replace=True)
        self._next = (index + 1, len(self.steps(index + 1)))
        self._forget_old_states()

    def _forget_old_states(self) -> None:
        with writing(self.directory):
            for old in range(len(self.rounds()) - KEPT_STATES):
                remove(self._checkpoint("state", old))


def _start(number: int, config: dict[str, Any]) -> dict[str, Any]:
    """A row of the table `run`."""
    return {
        "start": number,
        "time": time.time(),
        "mereq": __version__,
        "config": json.dumps(config),
        "provenance": json.dumps(provenance()),
    }
