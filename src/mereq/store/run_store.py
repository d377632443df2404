"""The run store: a directory that holds everything about one run, written as it happens.

`run.sqlite` has every supervised step, every step of the inner loop and every round. `checkpoints/` has the policy of
every round, every version that was published within one, and of the last two rounds all that a resumed run needs. The
recorded steps are the truth: should a state be damaged, the rounds after the last good one are made again from them.
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mereq import __version__
from mereq.alignment.algorithm import Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.errors import CorruptCheckpoint, UnknownName
from mereq.core.policy import Policy
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.store.checkpoints import load_arrays, remove, save_arrays, writing
from mereq.store.compatibility import check_resumable
from mereq.store.database import Database, Schema, Store
from mereq.store.policies import load_policy, save_policy
from mereq.store.provenance import provenance, resident_bytes
from mereq.store.step_rows import StepRows

KEPT_STATES = 2  # rounds whose whole state is kept
ROUND = "time, seconds_waited, memory, steps, expert_steps, intervention_rate, aligned, theta"
STEP = (
    "time, episode, step, controller, obs, proposed, executed, next_obs, features, terminated, truncated, retracts, "
    "version"
)
PROGRESS = "seconds, of_steps, theta, gradient, norm, loss"
RUN = Schema(
    what="run",
    format=3,
    tables={
        "run": ("start", "time, mereq, config, provenance"),
        "fields": ("name", "dtype, shape"),
        "steps": ("round, idx", STEP),
        "seen_frames": ("round, idx", "frame, decided, sent"),
        "versions": ("version", "time, round, idx, seconds, learned_from, theta"),
        "progress": ("round, published, step", PROGRESS),  # published: versions before it
        "rounds": ("round", ROUND),
    },
    remedy="Restore it from a copy, or start a new run elsewhere.",
)


class Start(NamedTuple):
    """One time at which the run was started or resumed."""

    time: float  # [s] since 1970
    mereq: str
    config: dict[str, Any]
    provenance: dict[str, Any]


class SeenFrame(NamedTuple):
    """What a person had before their eyes when a step was decided, and when."""

    frame: int  # the last one that the page had drawn, counted from the start of the session
    decided: float  # by the clock of this machine [s] since 1970
    sent: float  # the input that decided, by the clock of the page [s] since 1970


class RecordedRound(NamedTuple):
    """One finished round, without its steps."""

    index: int
    time: float  # [s] since 1970
    seconds_waited: float
    memory: int | None  # resident [bytes]
    steps: int
    expert_steps: int  # of all rounds so far
    intervention_rate: float
    aligned: bool
    theta: Float[np.ndarray, " features"]

    def to_row(self) -> tuple[Any, ...]:
        """The round as the columns of a table: its index, and those of `ROUND`."""
        return (*self[:7], int(self.aligned), _to_text(self.theta))

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> "RecordedRound":
        """The round that gave this row."""
        return cls(*row[:7], aligned=bool(row[7]), theta=_from_text(row[8]))


class Version(NamedTuple):
    """A policy that was published within a round, without the policy."""

    number: int
    time: float  # [s] since 1970
    round: int  # the round that went on
    idx: int  # steps of it that had been recorded
    seconds: float  # that making it took
    learned_from: int  # steps of the run
    theta: Float[np.ndarray, " features"]


class TimedProgress(NamedTuple):
    """A step of the inner loop, and when it came."""

    seconds: float  # since the round's last supervised step
    progress: Progress


class RunStore(Store):
    """One run on disk: `create` and `resume` it to write, `open` it to read, also while another process writes."""

    def __init__(self, directory: Path, database: Database):
        super().__init__(directory, database)
        self._next: tuple[int, int] | None = None  # round and number of the next step; None: not for writing
        self._published = 0  # newest version
        self._last_step = time.perf_counter()
        self._known_layout: StepRows | None = None

    @classmethod
    def create(cls, directory: Path, config: dict[str, Any]) -> "RunStore":
        """A new run, ready to record.

        Args:
            directory: empty, or not there yet.
            config: all that the run depends on besides the code, as `json` can write it; `n_rounds` among it.

        Raises:
            RunExists: the directory holds a run, or anything else. Nothing is written over.
            CannotWrite: no permission, the disk is full, or another process is at it.
        """
        store = cls(directory, Database.create(RUN, directory, *_start(0, config)))
        store._next = (0, 0)
        return store

    @classmethod
    def resume(cls, directory: Path, config: dict[str, Any]) -> "RunStore":
        """An interrupted run, ready to go on from `resume_point`.

        config: as it was; `n_rounds` may be larger, to go on for longer.

        Raises:
            NoRun: there is none.
            IncompatibleRun: recorded by another version, or with another configuration.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: no permission, the disk is full, or another process is writing.
        """
        store = cls(directory, Database.open(RUN, directory, write=True))
        try:
            starts = store.starts()
            check_resumable(starts[-1].config, config)
            with store.database.transaction():
                store.database.insert("run", *_start(len(starts), config))
            store._forget_old_states()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, directory: Path) -> "RunStore":
        """A run to read, also while it is being recorded.

        Raises:
            NoRun: there is none.
            IncompatibleRun: recorded by another version.
            CorruptCheckpoint: its record is damaged.
        """
        return cls(directory, Database.open(RUN, directory, write=False))

    # Writing. Each method raises CannotWrite when the disk is full.

    def add_step(self, step: SupervisedStep, sight: SeenFrame | None = None) -> None:
        """Store a supervised step, and what the person saw, if it was one who supervised."""
        index, number = self._position()
        layout = self._layout() or StepRows.of(step)
        with self.database.transaction():
            if not self._known_layout:
                for field in layout.fields():
                    self.database.insert("fields", *field)
            self.database.insert("steps", index, number, time.time(), *layout.to_row(step))
            if sight is not None:
                self.database.insert("seen_frames", index, number, *sight)
        self._next = (index, number + 1)
        self._last_step = time.perf_counter()

    def add_progress(self, progress: Progress) -> None:
        """Store a step of the inner loop. One that is made again replaces what an interrupted update left."""
        loss = None if np.isnan(progress.loss) else float(progress.loss)
        with self.database.transaction():
            self.database.insert(
                "progress",
                *(self._position()[0], self._published, int(progress.step)),
                *(time.perf_counter() - self._last_step, int(progress.of)),
                *(_to_text(progress.theta), _to_text(progress.gradient), progress.gradient_norm, loss),
                replace=True,
            )

    def add_version(self, made: PolicyVersion) -> None:
        """Store a policy that was made within a round: the policy first, then the row that makes it one to act."""
        start = self.starts()[-1]
        about = {"version": made.version, "run": start.config, "provenance": start.provenance}
        save_policy(self._checkpoint("version", made.version), made.policy, about=about)
        with self.database.transaction():
            self.database.insert(
                "versions",
                *(made.version, time.time(), *self._position(), made.seconds, made.learned_from, _to_text(made.theta)),
            )
        self._published = made.version

    def add_round(self, made: Round) -> None:
        """Store a finished round: its policy and state first, then the row that makes it finished."""
        index = self._position()[0]
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
            self.database.insert("rounds", *finished.to_row(), replace=True)
        self._next = (index + 1, len(self.steps(index + 1)))
        self._forget_old_states()

    # Reading. Each method raises CorruptCheckpoint when what it reads is damaged.

    def starts(self) -> list[Start]:
        """When, by which version and with which configuration the run was started, and every time resumed."""
        rows = self.database.rows("run")
        return [Start(at, mereq, json.loads(config), json.loads(origin)) for _, at, mereq, config, origin in rows]

    def rounds(self) -> list[RecordedRound]:
        """The finished rounds."""
        return [RecordedRound.from_row(row) for row in self.database.rows("rounds")]

    def seconds(self) -> float:
        """That the run has taken to compute so far, without the time between an interruption and the next start."""
        events = [row[2] for row in self.database.rows("steps")] + [row.time for row in self.rounds()]
        starts = [start.time for start in self.starts()]
        ends = [*starts[1:], float("inf")]
        spells = zip(starts, ends, strict=True)
        return sum(max((at for at in events if start <= at < end), default=start) - start for start, end in spells)

    def progress(self, index: int) -> list[TimedProgress]:
        """The inner loop of a round so far."""
        rows = self.database.rows("progress", "round = ?", index)
        return [
            TimedProgress(
                seconds, Progress(step, of, _from_text(theta), _from_text(gradient), np.nan if loss is None else loss)
            )
            for *_, step, seconds, of, theta, gradient, _, loss in rows
        ]

    def rollout(self, index: int) -> Rollout:
        """The rollout of a round; of the one going on, the steps so far.

        Raises:
            UnknownName: when no step of this round was recorded.
        """
        steps = self.steps(index)
        if not steps:
            raise UnknownName("recorded round", str(index), [str(row.index) for row in self.rounds()])
        return Rollout.of(steps)

    def steps(self, index: int) -> tuple[SupervisedStep, ...]:
        """The supervised steps of a round, as they were recorded; none of one that has not begun."""
        layout = self._layout()
        if layout is None:
            return ()
        rows = self.database.rows("steps", "round = ?", index)
        return tuple(layout.from_row(row[3:]) for row in rows)

    def seen_frames(self, index: int) -> list[SeenFrame]:
        """What the person saw when they decided each step of a round; empty when a rule supervised."""
        return [SeenFrame(*row[2:]) for row in self.database.rows("seen_frames", "round = ?", index)]

    def policy(self, index: int, prior: Policy) -> Policy:
        """The policy after a round.

        Raises:
            UnknownName: when this round is not finished.
        """
        finished = [str(row.index) for row in self.rounds()]
        if str(index) not in finished:
            raise UnknownName("finished round", str(index), finished)
        return load_policy(self._checkpoint("policy", index), prior=prior)

    def versions(self) -> list[Version]:
        """The policies that were published within rounds; none where the supervisor waits for them."""
        return [Version(*row[:6], theta=_from_text(row[6])) for row in self.database.rows("versions")]

    def version(self, number: int, prior: Policy) -> Policy:
        """A policy that was published within a round, by its number.

        Raises:
            UnknownName: when there is none of this number.
        """
        published = [str(row.number) for row in self.versions()]
        if str(number) not in published:
            raise UnknownName("published version", str(number), published)
        return load_policy(self._checkpoint("version", number), prior=prior)

    def resume_point(self, prior: Policy | None = None) -> Resume:
        """Where `align.events` goes on: after the last round whose state is whole.

        If that is not the last finished round, the later ones are made again from their recorded steps, exactly. Not so
        where policies were published within rounds: then all rounds stay, and learning goes on from that state.

        prior: that published policies stand on.
        """
        versions = {row.number: row for row in self.versions()}
        finished = len(self.rounds())
        rounds = [self.steps(index) for index in range(finished + 1)]
        done, state = finished, None
        while done and state is None:
            try:
                state = load_arrays(self._checkpoint("state", done - 1), kind="state").arrays
            except CorruptCheckpoint:
                done -= 1
        done = finished if versions else done
        last = [step.version for steps in rounds for step in steps[-1:]][-1:]
        published = tuple(
            PolicyVersion(
                version=number,
                policy=load_policy(self._checkpoint("version", number), prior=prior),
                theta=versions[number].theta,
                learned_from=versions[number].learned_from,
                seconds=versions[number].seconds,
            )
            for number in sorted({*last, *list(versions)[-1:]} & versions.keys())
        )
        self._published = max(versions, default=0)
        self._next = (done, len(rounds[done]))
        self._last_step = time.perf_counter()
        log = InterventionLog(tuple(Rollout.of(steps) for steps in rounds[:done]))
        return Resume(log, state, tuple(steps for steps in rounds[done:] if steps), published)

    def _layout(self) -> StepRows | None:
        """How steps are stored; None before the first one."""
        if self._known_layout is None and (fields := self.database.rows("fields")):
            self._known_layout = StepRows.from_fields(fields)
        return self._known_layout

    def _forget_old_states(self) -> None:
        with writing(self.directory):
            for old in range(len(self.rounds()) - KEPT_STATES):
                remove(self._checkpoint("state", old))

    def _position(self) -> tuple[int, int]:
        if self._next is None:
            raise RuntimeError("hand this store's resume_point() to align.events before recording what comes of it")
        return self._next

    def _checkpoint(self, what: str, index: int) -> Path:
        return self.directory / "checkpoints" / f"{what}-{index:04d}"


def _start(number: int, config: dict[str, Any]) -> tuple[int, float, str, str, str]:
    return number, time.time(), __version__, json.dumps(config), json.dumps(provenance())


def _to_text(vector: np.ndarray) -> str:
    return json.dumps(vector.tolist())


def _from_text(text: str) -> np.ndarray:
    return np.array(json.loads(text), np.float64)
