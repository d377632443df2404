"""A study as a file: a few lines of TOML that name a grid of runs.

    title = "Two methods on Highway-Sim"
    description = "What the pseudo-expert is good for."
    tasks = ["highway"]
    methods = ["mereq", "mereq-np"]
    presets = ["fast"]
    seeds = { first = 8, count = 8 }        # or a list: [8, 9, 12]
    rounds = 10
    rate_threshold = 0.0                    # may be left out, like the description and the variants

    [variants."kappa 0.3"]                  # each changes numbers of the run, by their names in its configuration
    settings.inference.kappa = 0.3

The grid has a run for every task, preset, method, variant and seed; without variants there is one, called "".
"""

import dataclasses
import itertools
from collections import Counter
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from mereq.core.errors import MereqError, UnknownName, WrongStudy
from mereq.core.toml_file import STRUCTURE, read_toml, refuse_empty_or_repeated, wrong_file
from mereq.presets.methods import find_method
from mereq.presets.named import recorded_name
from mereq.presets.registry import find_task
from mereq.runs.policies import name_policy
from mereq.runs.robots import name_robot
from mereq.runs.spec import RunSpec

_SET_BY_THE_STUDY = ("task", "method", "preset", "seed", "n_rounds", "rate_threshold")
MOST_SEEDS = 100_000
LONGEST_NAME = 200  # bytes: files beside a run's directory have longer names, and systems allow 255
_ADVICE = "Mend the file and start again; `mereq study --list` names studies to start from."


@dataclass(frozen=True)
class SeedRange:
    """Consecutive seeds."""

    first: int
    count: int

    def __post_init__(self):
        if self.count < 1:
            raise ValueError(f"count is {self.count}, and must be at least 1")
        if self.count > MOST_SEEDS:
            raise ValueError(f"count is {self.count}, and must be at most {MOST_SEEDS}")


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """Entries of a study file."""

    title: str
    description: str = ""
    tasks: list[str]
    methods: list[str]
    presets: list[str]
    seeds: list[int] | SeedRange
    rounds: int
    rate_threshold: float = 0.0
    variants: dict[str, dict[str, Any]] = field(default_factory=lambda: {"": {}})

    def __post_init__(self):
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}, and must be at least 1")
        if not 0.0 <= self.rate_threshold <= 1.0:
            raise ValueError(f"rate_threshold is {self.rate_threshold}, and must be between 0 and 1")
        if min(self.seed_list, default=0) < 0:
            raise ValueError(f"there is a seed {min(self.seed_list)}, and seeds must be at least 0")
        entries = {"tasks": self.tasks, "methods": self.methods, "presets": self.presets, "seeds": self.seed_list}
        refuse_empty_or_repeated({**entries, "variants": self.variants})

    @property
    def seed_list(self) -> list[int]:
        """The seeds one by one."""
        seeds = self.seeds
        return list(range(seeds.first, seeds.first + seeds.count)) if isinstance(seeds, SeedRange) else seeds


class PlannedRun(NamedTuple):
    """One run of a grid."""

    variant: str
    spec: RunSpec

    @property
    def condition(self) -> tuple[str, str, str, str]:
        """Task, method, preset and variant: what the seeds of a condition share."""
        return recorded_name(self.spec.task), recorded_name(self.spec.method), self.spec.preset, self.variant

    @property
    def name(self) -> str:
        """Its directory's name."""
        return run_name(*self.condition, self.spec.seed)


def run_name(task: str, method: str, preset: str, variant: str, seed: int) -> str:
    """Name of the directory of a run of a study."""
    words = "-".join(filter(None, (task, method, preset, variant, str(seed))))
    return "".join(c if c.isalnum() or c in "-._" else "_" for c in words)


@dataclass(frozen=True)
class Study:
    """A grid of runs: all of them are possible, and no two have the same name."""

    title: str
    description: str
    runs: tuple[PlannedRun, ...]  # seed by seed, so that all conditions progress evenly

    @classmethod
    def read(cls, file: Path) -> "Study":
        """The study of a file.

        Raises:
            WrongStudy: saying what is wrong in it, and what is allowed.
        """
        with wrong_file("study", file, WrongStudy, advice=_ADVICE, where=_known()):
            return cls.of(read_toml(file, StudyFile))

    @classmethod
    def of(cls, file: StudyFile) -> "Study":
        """The grid that a file means.

        Raises:
            UnknownName: a task, method, preset or number that there is not.
            WrongValue: a variant has a wrong value.
            WrongStudy: a variant changes what the study itself says, or two are named too much alike.
        """
        grid = itertools.product(file.seed_list, file.tasks, file.presets, file.methods, file.variants.items())
        runs = []
        for seed, task, preset, method, (variant, changes) in grid:
            spec = RunSpec.named(
                task=task,
                method=method,
                preset=preset,
                seed=seed,
                n_rounds=file.rounds,
                rate_threshold=file.rate_threshold,
            )
            runs.append(PlannedRun(variant, _varied(spec, variant, changes)))
            import_named(runs[-1].spec)
        names = Counter(run.name for run in runs)
        longest = max(names, key=lambda name: len(name.encode()))
        if len(longest.encode()) > LONGEST_NAME:
            raise WrongStudy(
                f"the run {longest!r} has a name of {len(longest.encode())} bytes, and at most {LONGEST_NAME} are "
                "possible. Shorten the name of its variant or task."
            )
        alike = [run for run in runs if names[run.name] > 1]
        if alike:
            variants = sorted({repr(run.variant) for run in alike})
            raise WrongStudy(f"the variants {' and '.join(variants)} are too much alike for names of directories.")
        return cls(file.title, file.description, tuple(runs))


def import_named(spec: RunSpec) -> None:
    """Import the user's own code that a run names: its task, method, prior and expert. Permit its robot's.

    Raises:
        CannotLoad: it cannot be imported.
    """
    find_task(spec.task)
    find_method(spec.method)
    for source in (spec.prior, spec.expert):
        name_policy(source)
    name_robot(spec.robot)


def find_study(name: str) -> Path:
    """The file of a shipped study, or of one's own.

    Raises:
        UnknownName: neither.
    """
    shipped = shipped_studies()
    if name in shipped:
        return shipped[name]
    if name.endswith(".toml") or Path(name).is_file():
        return Path(name)
    raise UnknownName("study", name, list(shipped), else_allowed="; or the path of a file of your own (.toml)")


def shipped_studies() -> dict[str, Path]:
    """The studies that come with the package, by name."""
    folder = Path(str(resources.files("mereq").joinpath("studies/shipped")))
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def _known() -> str:
    return f"Shipped studies: {', '.join(shipped_studies())}."


def _varied(spec: RunSpec, variant: str, changes: dict[str, Any]) -> RunSpec:
    settled = [name for name in changes if name in _SET_BY_THE_STUDY]
    if settled:
        free = [entry.name for entry in dataclasses.fields(RunSpec) if entry.name not in _SET_BY_THE_STUDY]
        raise WrongStudy(
            f"the variant {variant!r} changes {', '.join(settled)}, which the study itself says. A variant may change "
            f"{', '.join(free)}."
        )
    try:
        return spec.changed(changes)
    except MereqError as error:
        raise WrongStudy(f"the variant {variant!r} is impossible. {error}") from error


def _structured_seeds(value: Any, _: Any) -> list[int] | SeedRange:
    return STRUCTURE.structure(value, SeedRange if isinstance(value, dict) else list[int])


STRUCTURE.register_structure_hook_func(lambda kind: kind == list[int] | SeedRange, _structured_seeds)
