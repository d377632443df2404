"""PLACEHOLDER for the store of studies, which is built elsewhere: when merging, take the other file as it is."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from mereq.experiments.store import Round


class StudyRun(NamedTuple):
    """PLACEHOLDER. One finished run of a study."""

    task: str
    method: str
    preset: str
    variant: str
    seed: int
    rounds: list[Round]
    config: dict[str, Any]
    provenance: dict[str, Any]
    seconds: float


class StudyStore:
    """PLACEHOLDER. A study on disk."""

    title: str
    description: str
    planned: int

    @classmethod
    def open(cls, directory: Path) -> "AbstractContextManager[StudyStore]":
        """A study to read, also while it is going on."""
        raise NotImplementedError(f"the store of studies is not merged yet; cannot open {directory.name}")

    def runs(self) -> list[StudyRun]:
        """The finished runs, in grid order."""
        raise NotImplementedError
