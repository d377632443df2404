"""Writer of a run: every event of Algorithm 1 is stored before the next one happens (docs/storage.md)."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mereq import __version__
from mereq.alignment.algorithm import Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.errors import CannotWrite
from mereq.core.policy import Policy
from mereq.interventions.rollout import SupervisedStep
from mereq.maxent_rl.family import FamilySnapshot
from mereq.store.atomic import writing
from mereq.store.checkpoints import remove, save_arrays
from mereq.store.compatibility import check_resumable
from mereq.store.database import Database
from mereq.store.families import FAMILY, save_family
from mereq.store.links import inside
from mereq.store.policies import save_policy
from mereq.store.provenance import provenance, resident_bytes
from mereq.store.run_log import LOG
from mereq.store.run_store import (
    BELIEF,
    PREPARATION,
    RUN,
    OwnRate,
    RecordedRound,
    RunReader,
    acknowledged_rows,
    set_lost_policies_aside,
    vector_to_text,
)
from mereq.store.step_rows import StepRows

KEPT_STATES = 2  # number of rounds whose learning state is kept


class RunWriter(RunReader):
    """Writer of a new run (`create`) or of an interrupted one (`resume`).

    start: state from which Algorithm 1 continues, for `alignment.algorithm.events`.

    Each method that adds an event raises CannotWrite if the disk is full.
    """

    start: Resume
    _made = False  # whether this writer made the directory

    def __init__(self, directory: Path, database: Database, start: Resume):
        super().__init__(directory, database)
        self._set_start(start)

    def _set_start(self, start: Resume) -> None:
        self.start = start
        done = len(start.log.rollouts)
        self._next = self._started = (done, len(self.steps(done)))  # round and number of the next step
        self._published = max((row.number for row in self.versions()), default=0)  # newest version
        self._last_step = time.perf_counter()

    def restart(self, prior: Policy | None = None) -> Resume:
        """State from which Algorithm 1 continues now: `start`, read again if an event was added since.

        Needed after a stream of events that ended early, such as that of a lost robot.
        """
        if self._next != self._started:
            self._set_start(self.resume_point(prior))
        return self.start

    @classmethod
    def create(cls, directory: Path, config: dict[str, Any], *, overwrite: bool = False) -> "RunWriter":
        """Writer of a new run.

        Args:
            directory: an empty or missing directory.
            config: everything that the run depends on besides the code, with `n_rounds`; anything `json` can write.
            overwrite: delete the run in the directory first.

        Raises:
            RunExists: the directory contains a run, or any other file. With `overwrite`, it contains other files only.
            CannotWrite: no permission, the disk is full, or another process is recording there.
        """
        made = not directory.exists()
        database = Database.create(RUN, directory, _start(0, config), overwrite=overwrite)
        writer = cls(directory, database, Resume())
        writer._made = made
        writer._set_survival(config)
        return writer

    @classmethod
    def resume(
        cls, directory: Path, config: dict[str, Any], prior: Policy | None = None, *, accept_loss: bool = False
    ) -> "RunWriter":
        """Writer of an interrupted run.

        Args:
            directory: directory of the run.
            config: the recorded configuration; `n_rounds` may be larger.
            prior: prior of the run; policies that were published during a round are residuals of this prior.
            accept_loss: continue although stored steps or rounds are lost. Policies of lost rounds are renamed.

        Raises:
            NoRun: the directory has no run.
            IncompatibleRun: the run was recorded by another version, or with another configuration.
            CorruptCheckpoint: the record is damaged.
            LostRows: steps or rounds that were stored are missing.
            CannotWrite: no permission, the disk is full, or another process is writing.
        """
        acknowledged = acknowledged_rows(directory)
        database = Database.open(RUN, directory, write=True, accept_loss=accept_loss, acknowledged=acknowledged)
        try:
            recorded = RunReader(directory, database)
            starts = recorded.starts()
            check_resumable(starts[-1].config, config)
            if accept_loss:
                with writing(directory):
                    set_lost_policies_aside(directory, len(recorded.rounds()), database.count("steps"))
            with database.transaction():
                database.insert("run", _start(len(starts), config))
            writer = cls(directory, database, recorded.resume_point(prior))
            writer._set_survival(config)
            writer._forget_old_states()
        except BaseException:
            database.close()
            raise
        return writer

    def protect(self) -> None:
        """Let every later step survive a power cut: the steps are made by a person, a robot, or unknown code."""
        self.database.survive("power cut")

    @property
    def is_empty(self) -> bool:
        """Whether this is a new run without any step."""
        return len(self.starts()) == 1 and self._next == (0, 0) and not self.steps(0)

    def discard_if_empty(self) -> None:
        """Delete a new run without any step, and close the writer. Any other run is only closed."""
        empty = self._is_in_place() and self.is_empty
        self.close()
        if empty:
            with writing(self.directory):
                for name in (*RUN.parts, RUN.tally, LOG, RUN.lock):
                    (self.directory / name).unlink(missing_ok=True)
                if self._made:
                    with suppress(OSError):  # something else is there
                        self.directory.rmdir()

    def _is_in_place(self) -> bool:
        try:
            self.database.check_in_place()
        except CannotWrite:
            return False
        return True

    def _set_survival(self, config: dict[str, Any]) -> None:
        self.database.survive("death" if is_repeatable(config) else "power cut")

    def add_step(self, step: SupervisedStep) -> None:
        """Store a supervised step, with the frame that the person had seen at the decision."""
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
        """Store a step of the inner loop. A repeated step replaces that of an interrupted update."""
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
        """Store a policy that was learned during a round: first the policy, then the row that publishes it."""
        self._settle()
        start = self.starts()[-1]
        about = {"version": made.version, "run": start.config, "provenance": start.provenance}
        about |= {} if made.belief is None else {BELIEF: made.belief.to_json()}
        about |= {} if made.snapshot is None else {FAMILY: made.snapshot.number}
        if made.snapshot is not None:
            self._keep_family(made.snapshot, {"run": start.config, "provenance": start.provenance})
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

    def _keep_family(self, snapshot: FamilySnapshot, about: dict[str, Any]) -> None:
        """Store a snapshot that a version was learned with, once."""
        path = self._checkpoint(FAMILY, snapshot.number)
        if not path.with_name(f"{path.name}.json").exists():
            task = {name: about["run"].get(name) for name in ("task", "prior_sha256")}
            save_family(path, snapshot.family, about={**about, **task})

    def keep_preparation(self, state: dict[str, np.ndarray], about: dict[str, Any]) -> None:
        """Store the state of the preparation of the run's family; it replaces the last one. From any thread."""
        self.database.check_in_place()
        save_arrays(self._checkpoint(PREPARATION), state, kind="state", about=about)

    def add_own_rate(self, measured: OwnRate) -> None:
        """Store an own rate. A repeated measurement replaces that of an interrupted run."""
        with self.database.transaction():
            self.database.insert("own_rates", {"time": time.time(), **measured._asdict()}, replace=True)

    def add_round(self, made: Round) -> None:
        """Store a finished round: first policy and state, then the row that marks the round as finished."""
        index = self._next[0]
        if made.index != index:
            raise ValueError(f"the writer expects round {index}, and received round {made.index}")
        self._settle()
        start = self.starts()[-1]
        recorded = {"steps": self.database.count("steps")}
        about = {"round": index, "run": start.config, "provenance": start.provenance, "recorded": recorded}
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
        self.database.settle()
        self._next = (index + 1, len(self.steps(index + 1)))
        self._forget_old_states()

    def _settle(self) -> None:
        """Put all steps on the disk before a policy that was learned from them, if the run is still in its place."""
        self.database.check_in_place()
        self.database.settle()

    def _checkpoint(self, what: str, index: int | None = None) -> Path:
        path = super()._checkpoint(what, index)
        for suffix in ("safetensors", "json", "json.next"):
            inside(self.directory, path.with_name(f"{path.name}.{suffix}"))
        return path

    def _forget_old_states(self) -> None:
        with writing(self.directory):
            for old in range(len(self.rounds()) - KEPT_STATES):
                remove(self._checkpoint("state", old))


def is_repeatable(config: dict[str, Any]) -> bool:
    """Whether steps of a run that are lost can be made again, the same: a rule supervises in a simulation.

    The configuration is that of a `RunSpec`, without fields that have their default.
    """
    from_spec = "task" in config and "method" in config
    return (
        from_spec
        and config.get("supervisor", "expert") == "expert"
        and config.get("robot") in (None, "perturbed")
        and config.get("learning", "sequential") in ("sequential", "handback", "within")
    )


def _start(number: int, config: dict[str, Any]) -> dict[str, Any]:
    """A row of the table `run`."""
    return {
        "start": number,
        "time": time.time(),
        "mereq": __version__,
        "config": json.dumps(config),
        "provenance": json.dumps(provenance()),
    }
