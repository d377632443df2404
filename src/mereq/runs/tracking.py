"""Curves of a run for TensorBoard, Weights & Biases or Trackio, from its events. Nothing is uploaded by itself."""

import importlib.util
import logging
import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.method import Progress
from mereq.core.errors import MissingPackage, UnknownName
from mereq.runs.spec import RunSpec

TrackerKind = Literal["tensorboard", "wandb", "trackio"]
KINDS: tuple[str, ...] = get_args(TrackerKind)
FOLDER = "tracking"  # in the run's directory
PROJECT = "mereq"
Axis = Literal["round", "update"]

logger = logging.getLogger("mereq")


class Tracker(Protocol):
    """Receiver of curves."""

    def log(self, axis: Axis, number: int, values: dict[str, float]) -> None:
        """Points of curves, at a round or an update."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TensorBoard:
    """Event files, written by the package `tensorboard`, which also shows them."""

    def __init__(self, folder: Path):
        writer: Any = import_module("tensorboard.summary.writer.event_file_writer")
        self._event: Any = import_module("tensorboard.compat.proto.event_pb2").Event
        self._summary: Any = import_module("tensorboard.compat.proto.summary_pb2").Summary
        self._writer = writer.EventFileWriter(str(folder), flush_secs=1)

    def log(self, axis: Axis, number: int, values: dict[str, float]) -> None:
        """Points of curves, at a round or an update."""
        points = [self._summary.Value(tag=f"{axis}/{name}", simple_value=value) for name, value in values.items()]
        summary = self._summary(value=points)
        self._writer.add_event(self._event(wall_time=time.time(), step=number, summary=summary))

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class WandB:
    """A run of Weights & Biases: offline, unless WANDB_MODE says otherwise. `wandb sync` uploads it later."""

    def __init__(self, folder: Path, name: str, config: dict[str, Any]):
        wandb: Any = import_module("wandb")
        folder.mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE", "offline")
        self._run: Any = wandb.init(project=PROJECT, name=name, dir=str(folder), config=config, mode=mode)
        for axis in get_args(Axis):
            self._run.define_metric(axis)
            self._run.define_metric(f"{axis}/*", step_metric=axis)

    def log(self, axis: Axis, number: int, values: dict[str, float]) -> None:
        """Points of curves, at a round or an update."""
        self._run.log({axis: number, **{f"{axis}/{name}": value for name, value in values.items()}})

    def close(self) -> None:
        """Write what is left."""
        self._run.finish(quiet=True)


class Trackio:
    """A run of Trackio, in its local database (TRACKIO_DIR)."""

    def __init__(self, name: str, config: dict[str, Any]):
        self._trackio: Any = import_module("trackio")
        self._trackio.init(project=PROJECT, name=name, config=config, resume="allow", embed=False)

    def log(self, axis: Axis, number: int, values: dict[str, float]) -> None:
        """Points of curves, at a round or an update."""
        self._trackio.log({axis: number, **{f"{axis}/{name}": value for name, value in values.items()}})

    def close(self) -> None:
        """Write what is left."""
        self._trackio.finish()


def open_tracker(kind: str, directory: Path, spec: RunSpec) -> Tracker:
    """The tracker of a run.

    Args:
        kind: one of `KINDS`.
        directory: of the run.
        spec: of the run, whose configuration is shown beside the curves.

    Raises:
        UnknownName: there is no such tracker.
        MissingPackage: its package is not installed.
    """
    require_tracker(kind)
    name, folder = directory.resolve().name, directory / FOLDER / kind
    if kind == "tensorboard":
        return TensorBoard(folder)
    return WandB(folder, name, spec.to_config()) if kind == "wandb" else Trackio(name, spec.to_config())


def tracked_run(
    kind: str | None, directory: Path, spec: RunSpec, names: tuple[str, ...], rounds_done: Callable[[], int]
) -> Callable[[Generator[Event, None, None]], Generator[Event, None, None]]:
    """The stream of a run, and the same stream again where it begins anew, with a tracker; unchanged without one.

    Args:
        kind: one of `KINDS`, or None.
        directory: of the run.
        spec: of the run.
        names: of the features.
        rounds_done: number of finished rounds, asked when a stream begins.

    Raises:
        As `open_tracker`, when a stream begins.
    """
    if kind is None:
        return lambda stream: stream
    return lambda stream: tracked(stream, open_tracker(kind, directory, spec), names, rounds_done())


def require_tracker(kind: str) -> None:
    """Refuse a tracker that does not exist, or whose package is not installed. Imports nothing.

    Raises:
        UnknownName: there is no such tracker.
        MissingPackage: its package is not installed.
    """
    if kind not in KINDS:
        raise UnknownName("tracker", kind, KINDS)
    if importlib.util.find_spec(kind) is None:
        raise MissingPackage(f"--track {kind} needs a package that is not installed: pip install 'mereq[{kind}]'.")


def tracked(
    stream: Generator[Event, None, None], tracker: Tracker, names: tuple[str, ...], first_round: int = 0
) -> Generator[Event, None, None]:
    """The same events; the tracker gets each round and each step of the inner loop. It is closed with the stream.

    A tracker that fails is reported once and left out: a run does not end because of its curves.

    Args:
        stream: events of a run.
        tracker: receives points.
        names: of the features, for the curves of their weights.
        first_round: number of the first round that is not finished yet.
    """
    index, failed = first_round, False
    with closing(stream):
        try:
            for event in stream:
                points = points_of(event, names, index)
                if isinstance(event, Round):
                    index = event.index + 1
                if points is not None and not failed:
                    try:
                        tracker.log(*points)
                    except Exception as error:
                        failed = True
                        logger.warning("the tracker failed, and gets nothing more: %s: %s", type(error).__name__, error)
                yield event
        finally:
            try:
                tracker.close()
            except Exception as error:
                logger.warning("the tracker could not be closed: %s: %s", type(error).__name__, error)


def points_of(event: Event, names: tuple[str, ...], index: int) -> tuple[Axis, int, dict[str, float]] | None:
    """Points of curves that an event of the round `index` stands for; None for a step or a policy."""
    if isinstance(event, Round):
        values = {
            "intervention_rate": event.intervention_rate,
            "expert_samples": float(event.expert_steps),
            "seconds_waited": event.seconds_waited,
        }
        weights = zip(names, event.theta, strict=False)  # none for the imitation methods
        return "round", event.index, values | {f"theta/{name}": float(weight) for name, weight in weights}
    if isinstance(event, Progress):
        values = {"loss": event.loss} | ({"gradient_norm": event.gradient_norm} if event.theta.size else {})
        finite = {name: float(value) for name, value in values.items() if value == value}
        return "update", index * event.of + event.step, finite
    return None
