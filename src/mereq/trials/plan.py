"""Plan of a blind trial, from a TOML file: a person supervises each method several times, in unknown order.

    title = "Highway-Human"
    participant = "p07"                     # a code, no name
    seed = 7                                # seed of everything random, including the order
    tasks = ["highway-human"]
    methods = ["mereq", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"]
    trials = 3                              # runs of each method; optional, like all entries below
    preset = "fast"
    rounds = 10                             # largest number of rounds of a run
    wait = { before = 60, between = 20 }    # shortest waits [s], the same for all methods

    [changes]                               # values for all runs, by their names in the configuration
    settings.rollout_steps = 1000

A trial consists of blocks, each with every method once, in random order. The runs of a block share their seed, so that
all methods have the same episodes; different blocks have different seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from mereq.alignment.robot_gated import RobotGated
from mereq.core.errors import WrongTrial
from mereq.core.seeding import seed_for, stream
from mereq.core.toml_file import read_toml, refuse_empty_or_repeated, wrong_file
from mereq.presets.methods import find_method
from mereq.presets.registry import find_task
from mereq.runs.spec import RunSpec

_SET_BY_THE_TRIAL = ("task", "method", "preset", "seed", "n_rounds", "supervisor")

LONGEST_WAIT = 3600.0  # s
MOST_TRIALS = 1000


@dataclass(frozen=True)
class Wait:
    """Shortest waits of the person [s], so that computing times do not reveal the method."""

    before: float = 60.0  # before the first round; the imitation methods then clone the prior
    between: float = 20.0  # between two rounds

    def __post_init__(self):
        if not all(0 <= wait <= LONGEST_WAIT for wait in (self.before, self.between)):
            raise ValueError(
                f"before is {self.before:g}, between is {self.between:g}, and both must be between 0 and "
                f"{LONGEST_WAIT:g}"
            )


@dataclass(frozen=True, kw_only=True)
class TrialFile:
    """Entries of a trial file."""

    title: str
    participant: str
    seed: int
    tasks: list[str]
    methods: list[str]
    trials: int = 3
    preset: str = "fast"
    rounds: int = 10
    wait: Wait = field(default_factory=Wait)
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for name in ("trials", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, and must be at least 1")
        if self.trials > MOST_TRIALS:
            raise ValueError(f"trials is {self.trials}, and must be at most {MOST_TRIALS}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, and must be at least 0")
        refuse_empty_or_repeated({"tasks": self.tasks, "methods": self.methods})


class BlindRun(NamedTuple):
    """One run of a trial."""

    number: int  # from 1, in the order of the trial; the participant knows only this number and the task
    spec: RunSpec

    @property
    def name(self) -> str:
        """Name of the run's directory."""
        return f"{self.number:02d}"


@dataclass(frozen=True)
class Trial:
    """All runs of a trial, in their order."""

    file: TrialFile
    runs: tuple[BlindRun, ...]

    @classmethod
    def read(cls, file: Path) -> "Trial":
        """The trial that a file describes.

        Raises:
            WrongTrial: the file has a wrong value; the message says what is allowed.
        """
        with wrong_file("trial", file, WrongTrial, advice="Correct the file; docs/supervise.md has an example."):
            return cls.of(read_toml(file, TrialFile))

    @classmethod
    def of(cls, file: TrialFile) -> "Trial":
        """The trial of the entries of a file.

        Raises:
            UnknownName: a task, method, preset or setting does not exist.
            WrongValue: a value is wrong.
            WrongTrial: `changes` has a value that other entries of the file determine, or a method is robot-gated.
        """
        settled = [name for name in file.changes if name in _SET_BY_THE_TRIAL]
        if settled:
            raise WrongTrial(f"changes has {', '.join(settled)}, which other entries of the file determine.")
        runs = [_run(file, task, method) for task in file.tasks for method in file.methods]
        asking = [method for method in file.methods if isinstance(find_method(method), RobotGated)]
        if asking:
            raise WrongTrial(
                f"{', '.join(asking)} would ask the participant to act, and so be told from the other methods. A blind "
                "trial needs methods that are supervised alike."
            )
        like = {(spec.task, spec.method): spec for spec in runs}
        specs = [
            replace(like[task, method], seed=seed_for(file.seed, "trial", block))
            for block in range(file.trials)
            for task in file.tasks
            for method in shuffled_methods(file, block, task)
        ]
        return cls(file, tuple(BlindRun(number, spec) for number, spec in enumerate(specs, 1)))

    @classmethod
    def recorded(cls, file: TrialFile, configs: Sequence[dict[str, Any]]) -> "Trial":
        """The trial of recorded configurations. Nothing is imported."""
        return cls(
            file, tuple(BlindRun(number, RunSpec.from_config(config)) for number, config in enumerate(configs, 1))
        )


def shuffled_methods(file: TrialFile, block: int, task: str) -> list[str]:
    """Random order of a block: every method once. The result does not depend on the order in the file."""
    rng = stream(file.seed, "order of methods", block, file.tasks.index(task))
    return [str(method) for method in rng.permutation(sorted(file.methods))]


def _run(file: TrialFile, task: str, method: str) -> RunSpec:
    return RunSpec.named(
        task=task,
        method=method,
        preset=file.preset,
        seed=0,
        n_rounds=file.rounds,
        rate_threshold=find_task(task).rate_threshold,
        supervisor="person",
    ).changed(file.changes)
