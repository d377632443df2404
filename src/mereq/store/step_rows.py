"""Supervised steps as rows of the table `steps`, stored bit for bit."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mereq.core.supervisor import Controller
from mereq.interventions.rollout import SupervisedStep
from mereq.store.database import from_json

ARRAYS = ("obs", "proposed", "executed", "next_obs", "features")
NUMBERS = ("episode", "step", "controller", "terminated", "truncated", "retracts", "version")


class Codec(NamedTuple):
    """Storage format of one array of a step: a scalar as a number, any other array as little-endian bytes."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, value: Any) -> "Codec":
        """The format for values like this one. All integers are stored as int64."""
        array = np.asarray(value)
        dtype = np.dtype(np.int64) if array.dtype.kind in "iub" else array.dtype
        return cls(dtype.newbyteorder("<"), array.shape)

    def encode(self, value: Any) -> int | float | bytes:
        """The stored form.

        Raises:
            ValueError: the value has another shape, or a type that cannot be stored without loss.
        """
        array = np.asarray(value)
        if array.shape != self.shape or not np.can_cast(array.dtype, self.dtype):
            raise ValueError(
                f"a recorded array changed from {self.dtype}{self.shape} to {array.dtype}{array.shape}: a task must "
                "keep the shapes and types of its observations, actions and features"
            )
        array = array.astype(self.dtype)
        return array.tobytes() if self.shape else array.item()

    def decode(self, stored: int | float | bytes) -> Any:
        """The encoded value."""
        if isinstance(stored, bytes):
            return np.frombuffer(stored, self.dtype).reshape(self.shape).copy()
        return self.dtype.type(stored)


class StepRows(NamedTuple):
    """The row layout of one run's steps, as its table `fields` tells it."""

    codecs: tuple[Codec, ...]  # one for each name in ARRAYS

    @classmethod
    def of(cls, step: SupervisedStep) -> "StepRows":
        """The layout for steps like this one."""
        return cls(tuple(Codec.of(getattr(step, name)) for name in ARRAYS))

    @classmethod
    def from_fields(cls, rows: Iterable[dict[str, str]]) -> "StepRows":
        """The layout that rows of the table `fields` describe."""
        codecs = {row["name"]: Codec(np.dtype(row["dtype"]), tuple(from_json(row["shape"]))) for row in rows}
        return cls(tuple(codecs[name] for name in ARRAYS))

    def fields(self) -> list[dict[str, str]]:
        """The layout as rows of the table `fields`."""
        named = zip(ARRAYS, self.codecs, strict=True)
        return [{"name": name, "dtype": codec.dtype.str, "shape": json.dumps(codec.shape)} for name, codec in named]

    def to_row(self, step: SupervisedStep) -> dict[str, int | float | bytes]:
        """The step as values of the table `steps`, from `episode` to `version`."""
        numbers = {name: int(getattr(step, name)) for name in NUMBERS}
        return numbers | {name: codec.encode(getattr(step, name)) for name, codec in self._named()}

    def from_row(self, row: dict[str, Any]) -> SupervisedStep:
        """The step of a row."""
        return SupervisedStep(
            episode=row["episode"],
            step=row["step"],
            controller=Controller(row["controller"]),
            terminated=bool(row["terminated"]),
            truncated=bool(row["truncated"]),
            retracts=row["retracts"],
            version=row["version"],
            **{name: codec.decode(row[name]) for name, codec in self._named()},
        )

    def _named(self) -> Iterable[tuple[str, Codec]]:
        return zip(ARRAYS, self.codecs, strict=True)
