"""Run store: a directory with everything about one run, written during the run.

`run.sqlite` has every supervised step, every step of the inner loop and every round. `checkpoints/` has the policy of
every round, every version that was published within a round, and the learning state of the last two rounds. If a state
is damaged, the rounds after the last undamaged state are learned again from the recorded steps.
"""

import json
import logging
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.errors import CorruptCheckpoint, UnknownName
from mereq.core.policy import Policy
from mereq.core.supervisor import SeenFrame
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.belief import Belief
from mereq.store.checkpoints import LARGEST_SIDECAR, Checkpoint, corrupt, load_arrays
from mereq.store.database import Database, Schema, Store, from_json
from mereq.store.families import FAMILY
from mereq.store.links import inside
from mereq.store.policies import load_policy
from mereq.store.step_rows import StepRows

logger = logging.getLogger("mereq")

ROUND = "time, seconds_waited, memory, steps, expert_steps, intervention_rate, aligned, theta"
PREPARATION = "preparation"  # name of the checkpoint with the state of the preparation of a run's family
BELIEF = "belief"  # entry of a version's JSON file: what the posterior said
STEP = (
    "time, episode, step, controller, obs, proposed, executed, next_obs, features, terminated, truncated, retracts, "
    "version"
)
PROGRESS = "seconds, of_steps, theta, gradient, norm, loss"
RUN = Schema(
    what="run",
    format=4,
    tables={
        "run": ("start", "time, mereq, config, provenance"),
        "fields": ("name", "dtype, shape"),
        "steps": ("round, idx", STEP),
        "seen_frames": ("round, idx", "frame, decided, sent"),
        "versions": ("version", "time, round, idx, seconds, learned_from, theta"),
        "progress": ("round, published, step", PROGRESS),  # published: versions before it
        "rounds": ("round", ROUND),
        "own_rates": ("supervised_steps", "time, expert_samples, own_rate"),
    },
    remedy="Restore it from a copy, or start a new run elsewhere.",
    lost="Or continue from what is left: --resume --accept-loss.",
)


class Start(NamedTuple):
    """One time at which the run was started or resumed."""

    time: float  # [s] since 1970
    mereq: str
    config: dict[str, Any]
    provenance: dict[str, Any]


class RecordedRound(NamedTuple):
    """Summary of a finished round, without its steps."""

    index: int
    time: float  # [s] since 1970
    seconds_waited: float
    memory: int | None  # resident [bytes]
    steps: int
    expert_steps: int  # expert samples of all rounds so far
    intervention_rate: float
    aligned: bool
    theta: Float[np.ndarray, " features"]

    def to_row(self) -> dict[str, Any]:
        """The round as values of the table `rounds`: the index as `round`, and the columns of `ROUND`."""
        values = self._asdict()
        return values | {
            "round": values.pop("index"),
            "aligned": int(self.aligned),
            "theta": vector_to_text(self.theta),
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "RecordedRound":
        """The round of a row."""
        named = {name: row[name] for name in cls._fields if name != "index"}
        return cls(
            **named | {"index": row["round"], "aligned": bool(row["aligned"]), "theta": vector_from_text(row["theta"])}
        )


class Version(NamedTuple):
    """Record of a policy that was published within a round."""

    number: int
    time: float  # [s] since 1970
    round: int  # round in which it was published
    idx: int  # number of recorded steps of this round at that time
    seconds: float  # duration of learning [s]
    learned_from: int  # number of the run's steps that it was learned from
    theta: Float[np.ndarray, " features"]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Version":
        """The version of a row."""
        named = {name: row[name] for name in cls._fields if name != "number"}
        return cls(**named | {"number": row["version"], "theta": vector_from_text(row["theta"])})


class OwnRate(NamedTuple):
    """Own rate of a policy: its intervention rate in supervised steps that were not counted and not learned from."""

    supervised_steps: int  # of the run, that the policy had been learned from
    expert_samples: int  # among these
    own_rate: float


class TimedProgress(NamedTuple):
    """Step of the inner loop, with its time."""

    seconds: float  # since the round's last supervised step
    progress: Progress

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "TimedProgress":
        """The step of a row."""
        theta, gradient = (vector_from_text(row[name]) for name in ("theta", "gradient"))
        loss = np.nan if row["loss"] is None else row["loss"]
        return cls(row["seconds"], Progress(row["step"], row["of_steps"], theta, gradient, loss))


class RunReader(Store):
    """Reader of a recorded run, also while another process records it.

    Each method raises CorruptCheckpoint if the data that it reads are damaged.
    """

    def __init__(self, directory: Path, database: Database):
        super().__init__(directory, database)
        self._known_layout: StepRows | None = None

    @classmethod
    def open(cls, directory: Path, *, accept_loss: bool = False) -> "RunReader":
        """Reader of the run in a directory.

        accept_loss: read the run although steps or rounds that were stored are missing.

        Raises:
            NoRun: the directory has no run.
            IncompatibleRun: another version recorded the run.
            CorruptCheckpoint: the record is damaged.
            LostRows: steps or rounds that were stored are missing.
        """
        database = Database.open(
            RUN, directory, write=False, accept_loss=accept_loss, acknowledged=acknowledged_rows(directory)
        )
        return RunReader(directory, database)

    def starts(self) -> list[Start]:
        """The start of the run and each later resumption, with time, version and configuration."""
        return [
            Start(row["time"], row["mereq"], from_json(row["config"]), from_json(row["provenance"]))
            for row in self.database.rows("run")
        ]

    def rounds(self) -> list[RecordedRound]:
        """The finished rounds."""
        return [RecordedRound.from_row(row) for row in self.database.rows("rounds")]

    def seconds(self) -> float:
        """Time that the run has taken so far [s], without the time between an interruption and the next start."""
        events = [row["time"] for row in self.database.rows("steps")] + [row.time for row in self.rounds()]
        starts = [start.time for start in self.starts()]
        ends = [*starts[1:], float("inf")]
        spells = zip(starts, ends, strict=True)
        return sum(max((at for at in events if start <= at < end), default=start) - start for start, end in spells)

    def progress(self, index: int) -> list[TimedProgress]:
        """Steps of a round's inner loop so far."""
        return [TimedProgress.from_row(row) for row in self.database.rows("progress", round=index)]

    def rollout(self, index: int) -> Rollout:
        """The rollout of a round; for the present round, the steps so far.

        Raises:
            UnknownName: no step of this round was recorded.
        """
        steps = self.steps(index)
        if not steps:
            raise UnknownName("recorded round", str(index), [str(row.index) for row in self.rounds()])
        return Rollout.of(steps)

    def steps(self, index: int) -> tuple[SupervisedStep, ...]:
        """The recorded supervised steps of a round; none if the round has not started."""
        layout = self._layout()
        if layout is None:
            return ()
        return tuple(layout.from_row(row) for row in self.database.rows("steps", round=index))

    def seen_frames(self, index: int) -> list[SeenFrame]:
        """The frame that the person had seen at each decision of a round; empty if a rule supervised."""
        rows = self.database.rows("seen_frames", round=index)
        return [SeenFrame(row["frame"], row["decided"], row["sent"]) for row in rows]

    def policy(self, index: int, prior: Policy) -> Policy:
        """The policy after a round.

        Raises:
            UnknownName: this round is not finished.
        """
        finished = [str(row.index) for row in self.rounds()]
        if str(index) not in finished:
            raise UnknownName("finished round", str(index), finished)
        return load_policy(self._checkpoint("policy", index), prior=prior)

    def versions(self) -> list[Version]:
        """Versions that were published within rounds; none with sequential learning."""
        return [Version.from_row(row) for row in self.database.rows("versions")]

    def version(self, number: int, prior: Policy) -> Policy:
        """A policy that was published within a round, by its number.

        Raises:
            UnknownName: no version has this number.
        """
        published = [str(row.number) for row in self.versions()]
        if str(number) not in published:
            raise UnknownName("published version", str(number), published)
        return load_policy(self._checkpoint("version", number), prior=prior)

    def belief(self, number: int) -> Belief | None:
        """What the posterior said when a version was published; None if the method infers no posterior.

        Raises:
            CorruptCheckpoint: the version's checkpoint is missing or damaged.
        """
        file = self._checkpoint("version", number)
        content = load_arrays(file, kind="policy").about.get(BELIEF)
        try:
            return None if content is None else Belief.from_json(content)
        except (KeyError, TypeError, ValueError) as error:
            raise corrupt(str(file), f"its belief is not one ({error})") from error

    def last_beliefs(self, n: int) -> list[Belief | None]:
        """What the posterior said when each of the last n versions was published.

        Nothing is learned from a belief, so a damaged checkpoint is told in the log, and its belief is None.
        """
        found = list[Belief | None]()
        for version in self.versions()[-n:]:
            try:
                found.append(self.belief(version.number))
            except CorruptCheckpoint as error:
                logger.warning("What the posterior said before policy %d cannot be read: %s", version.number, error)
                found.append(None)
        return found

    def newest_family(self) -> Path | None:
        """Path of the family that the newest version was learned with, if it was prepared during the run.

        Raises:
            CorruptCheckpoint: the version's checkpoint is missing or damaged.
        """
        for version in self.versions()[-1:]:
            number = load_arrays(self._checkpoint("version", version.number), kind="policy").about.get(FAMILY)
            return None if number is None else self._checkpoint(FAMILY, int(number))
        return None

    def preparation(self) -> Checkpoint | None:
        """State of the preparation of the run's family; None without one.

        Raises:
            CorruptCheckpoint: it is damaged.
        """
        file = self._checkpoint(PREPARATION)
        return load_arrays(file, kind="state") if file.with_name(f"{file.name}.json").exists() else None

    def own_rates(self) -> list[OwnRate]:
        """Own rates that were measured, in the order of the run; none unless the run measures them."""
        rows = self.database.rows("own_rates")
        return [OwnRate(*(row[name] for name in OwnRate._fields)) for row in rows]

    def resume_point(self, prior: Policy | None = None) -> Resume:
        """State from which Algorithm 1 continues: after the last round whose learning state is undamaged.

        Later finished rounds are learned again, exactly, from their recorded steps. With concurrent learning all rounds
        are kept instead, and learning continues from that state.

        prior: prior of the published policies.
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
                belief=self.belief(number),
            )
            for number in sorted({*last, *list(versions)[-1:]} & versions.keys())
        )
        log = InterventionLog(tuple(Rollout.of(steps) for steps in rounds[:done]))
        return Resume(log, state, tuple(steps for steps in rounds[done:] if steps), published)

    def unnamed_share(self) -> float | None:
        """Share of the unnamed part in the reward that was inferred last; None without such a part."""
        if not (finished := len(self.rounds())):
            return None
        try:
            share = load_arrays(self._checkpoint("state", finished - 1), kind="state").arrays.get("unnamed.share")
        except CorruptCheckpoint:
            return None
        return None if share is None else float(share)

    def _layout(self) -> StepRows | None:
        """Layout of the table `steps`; None before the first step."""
        if self._known_layout is None and (fields := self.database.rows("fields")):
            self._known_layout = StepRows.from_fields(fields)
        return self._known_layout

    def _checkpoint(self, what: str, index: int | None = None) -> Path:
        return self.directory / "checkpoints" / (what if index is None else f"{what}-{index:04d}")


def acknowledged_rows(directory: Path) -> dict[str, int]:
    """Numbers of rows by table that the newest policy in a run's directory shows to have been stored.

    A policy is written just before the row of its round. Policies of version 0.1 do not say how many steps there were.
    """
    newest = max(_policies(directory), default=None)
    if newest is None:
        return {}
    return {"rounds": newest} | _recorded_in(directory / "checkpoints" / f"policy-{newest:04d}.json")


def set_lost_policies_aside(directory: Path, rounds: int, steps: int) -> None:
    """Rename policies of rounds that are no longer recorded: `policy-0003.json` becomes `policy-0003.lost.json`."""
    for index in _policies(directory):
        for suffix in ("json", "safetensors"):
            file = inside(directory, directory / "checkpoints" / f"policy-{index:04d}.{suffix}")
            lost = index > rounds or (suffix == "json" and _recorded_in(file).get("steps", 0) > steps)
            if lost or not file.with_suffix(".json").exists():
                with suppress(FileNotFoundError):
                    file.rename(file.with_name(f"policy-{index:04d}.lost.{suffix}"))


def _policies(directory: Path) -> list[int]:
    """Numbers of the rounds whose policies are in a run's directory."""
    try:
        names = [file.name for file in (directory / "checkpoints").glob("policy-*.json")]
    except OSError:  # a name that is too long, or no permission
        return []
    return [int(found[1]) for name in names if (found := re.fullmatch(r"policy-(\d{4,9})\.json", name))]


def _recorded_in(file: Path) -> dict[str, int]:
    """Numbers of rows by table when a policy was written; empty where its JSON file does not say so."""
    try:
        recorded = json.loads(file.read_bytes()[:LARGEST_SIDECAR]).get("recorded", {})
        return {str(name): int(number) for name, number in recorded.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def vector_to_text(vector: np.ndarray) -> str:
    """The vector as a JSON list."""
    return json.dumps(vector.tolist())


def vector_from_text(text: str) -> np.ndarray:
    """The vector of a JSON list."""
    return np.array(from_json(text), np.float64)
