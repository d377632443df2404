"""A study as a file: a few lines of TOML that name a grid of runs.

    title = "Two methods on Highway-Sim"
    description = "What the pseudo-expert is good for."
    tasks = ["highway"]
    methods = ["mereq", "mereq-np"]
    presets = ["fast"]
    seeds = { first = 8, count = 8 }        # or a list: [8, 9, 12]
    iterations = 10
    rate_threshold = 0.0                    # may be left out, like the description and the variants

    [variants."kappa 0.3"]                  # each changes numbers of the run, by their names in its configuration
    settings.inference.kappa = 0.3

The grid has a run for every task, preset, method, variant and seed; without variants there is one, called "".
"""

import dataclasses
import itertools
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import cattrs
from cattrs.errors import ForbiddenExtraKeysError

from mereq.core.errors import MereqError, UnknownName, WrongStudy
from mereq.experiments.runs import RunSpec

_SET_BY_THE_STUDY = ("task", "method", "preset", "seed", "n_iterations", "rate_threshold")
_ADVICE = "Mend the file and start again; `mereq study --list` names studies to start from."


@dataclass(frozen=True)
class SeedRange:
    """Seeds in a row."""

    first: int
    count: int

    def __post_init__(self):
        if self.count < 1:
            raise ValueError(f"count is {self.count}, and must be at least 1")


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """What a study file says, entry by entry."""

    title: str
    description: str = ""
    tasks: list[str]
    methods: list[str]
    presets: list[str]
    seeds: list[int] | SeedRange
    iterations: int
    rate_threshold: float = 0.0
    variants: dict[str, dict[str, Any]] = field(default_factory=lambda: {"": {}})

    def __post_init__(self):
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}, and must be at least 1")
        if not 0.0 <= self.rate_threshold <= 1.0:
            raise ValueError(f"rate_threshold is {self.rate_threshold}, and must be between 0 and 1")
        if min(self.seed_list, default=0) < 0:
            raise ValueError(f"there is a seed {min(self.seed_list)}, and seeds must be at least 0")
        entries = {"tasks": self.tasks, "methods": self.methods, "presets": self.presets, "seeds": self.seed_list}
        for name, values in {**entries, "variants": self.variants}.items():
            if not values:
                raise ValueError(f"{name} is empty, and must name at least one")
            twice = [str(value) for value, times in Counter(list(values)).items() if times > 1]
            if twice:
                raise ValueError(f"{name} names {', '.join(twice)} more than once")

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
    def row(self) -> tuple[str, str, str, str]:
        """The run without its seed: task, method, preset, variant."""
        return self.spec.task, self.spec.method, self.spec.preset, self.variant

    @property
    def name(self) -> str:
        """Its directory's name."""
        return run_name(*self.row, self.spec.seed)


def run_name(task: str, method: str, preset: str, variant: str, seed: int) -> str:
    """Name of the directory of a run of a study."""
    words = "-".join(filter(None, (task, method, preset, variant, str(seed))))
    return "".join(c if c.isalnum() or c in "-._" else "_" for c in words)


@dataclass(frozen=True)
class Study:
    """A grid of runs: all of them are possible, and no two have the same name."""

    title: str
    description: str
    runs: tuple[PlannedRun, ...]  # seed by seed, so that all rows of a table fill up evenly

    @classmethod
    def read(cls, file: Path) -> "Study":
        """The study of a file.

        Raises:
            WrongStudy: saying what is wrong in it, and what is allowed.
        """
        try:
            said = _STRUCTURE.structure(tomllib.loads(file.read_text(encoding="utf-8")), StudyFile)
            return cls.of(said)
        except OSError as error:
            raise WrongStudy(f"Cannot read the study {file}: {error.strerror}. {_known()}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise WrongStudy(f"The study {file} is not TOML: {error}. {_ADVICE}") from error
        except cattrs.BaseValidationError as error:
            wrong = "; ".join(cattrs.transform_error(error, path="study", format_exception=_what_is_wrong))
            raise WrongStudy(f"The study {file} cannot be: {wrong}. {_ADVICE}") from error
        except MereqError as error:
            raise WrongStudy(f"The study {file} cannot be: {error}") from error

    @classmethod
    def of(cls, file: StudyFile) -> "Study":
        """The grid that a file means.

        Raises:
            UnknownName: a task, method, preset or number that there is not.
            IncompatibleRun: a variant gives a number a wrong value.
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
                n_iterations=file.iterations,
                rate_threshold=file.rate_threshold,
            )
            runs.append(PlannedRun(variant, _varied(spec, variant, changes)))
        names = Counter(run.name for run in runs)
        alike = [run for run in runs if names[run.name] > 1]
        if alike:
            variants = sorted({repr(run.variant) for run in alike})
            raise WrongStudy(f"the variants {' and '.join(variants)} are too much alike for names of directories.")
        return cls(file.title, file.description, tuple(runs))


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
    raise UnknownName("study", name, [*shipped, "or the path of a file of your own (.toml)"])


def shipped_studies() -> dict[str, Path]:
    """The studies that come with the package, by name."""
    folder = Path(str(resources.files("mereq").joinpath("studies")))
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


def _exactly(value: Any, kind: Any) -> Any:
    """The value, if it is of this kind already: a study file's numbers and words are not converted."""
    allowed = {float: (float, int), list: (list,), dict: (dict,)}.get(get_origin(kind) or kind, (kind,))
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise TypeError(f"{value!r} is not {_WORDS[get_origin(kind) or kind]}")
    return value


_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    list: "a list, such as [1, 2]",
    dict: "a table, such as {first = 0, count = 8}",
}


def _structured_list(value: Any, kind: Any) -> list[Any]:
    (of,) = get_args(kind)
    return [_exactly(item, of) for item in _exactly(value, kind)]


def _structured_seeds(value: Any, _: Any) -> list[int] | SeedRange:
    return _STRUCTURE.structure(value, SeedRange if isinstance(value, dict) else list[int])


def _structured_variants(value: Any, _: Any) -> dict[str, dict[str, Any]]:
    return {name: _exactly(changes, dict) for name, changes in _exactly(value, dict).items()}


def _what_is_wrong(error: BaseException, _: Any) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        allowed = ", ".join(entry.name for entry in dataclasses.fields(error.cl))
        return f"unknown {', '.join(sorted(error.extra_fields))} (allowed: {allowed})"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error)


_STRUCTURE = cattrs.Converter(forbid_extra_keys=True)
for _kind in (str, int, float):
    _STRUCTURE.register_structure_hook(_kind, _exactly)
_STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is list, _structured_list)
_STRUCTURE.register_structure_hook_func(lambda kind: kind == list[int] | SeedRange, _structured_seeds)
_STRUCTURE.register_structure_hook_func(lambda kind: kind == dict[str, dict[str, Any]], _structured_variants)
