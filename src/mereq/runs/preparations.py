"""Preparation of a run's policy family while the run is supervised: its beginning, and its continuation."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cattrs
import numpy as np

from mereq.core.errors import CorruptCheckpoint
from mereq.maxent_rl.family import FamilySnapshot, PolicyFamily
from mereq.maxent_rl.family_preparation import BackgroundPreparation, Beginning, Preparation, SteppedPreparation
from mereq.maxent_rl.family_training import FamilySettings, FamilyTraining, unprepared
from mereq.presets.registry import definition_of
from mereq.runs.families import given_family
from mereq.runs.policies import policy_of, task_of
from mereq.runs.spec import STRUCTURE, RunSpec
from mereq.store.checkpoints import corrupt
from mereq.store.families import is_unfinished, load_family, load_preparation
from mereq.store.run_log import logger
from mereq.store.run_writer import RunWriter


def preparation_of(spec: RunSpec, writer: RunWriter) -> Preparation | None:
    """Preparation of a run's family, continued from what the writer has; None unless the run learns while preparing.

    A simulated run has it in step with the supervision. Where time is real, it is in the background.

    Raises:
        IncompatibleRun: the family that the run names was prepared for another prior.
        CorruptCheckpoint: that family cannot be used.
    """
    if spec.learning != "preparing":
        return None
    begun = _Begun(spec, writer)
    if spec.supervisor == "expert" and spec.pace is None and spec.robot is None:
        return SteppedPreparation(begun.beginning(), begun.keep)
    newest = begun.at_once()
    first = unprepared(task_of(spec), begun.own_settings) if newest is None else newest.family
    return BackgroundPreparation(begun.beginning, begun.keep, newest=newest, first=first)


class _Begun:
    """Settings, seed and number of a preparation's first phase, which its later states are kept with."""

    def __init__(self, spec: RunSpec, writer: RunWriter):
        self._spec, self._writer = spec, writer
        self._about: dict[str, Any] = {}

    def keep(self, state: dict[str, np.ndarray], number: int) -> None:
        """Keep a state in the run's directory."""
        self._writer.keep_preparation(state, {**self._about, "number": number})

    def at_once(self) -> FamilySnapshot | None:
        """The newest snapshot without the state of its preparation, which takes longer to read."""
        if self._writer.newest_family() is not None:
            return self._last()
        given = given_family(self._spec)
        if given is None:
            return None
        family, about = given
        unfinished = self._spec.family is not None and is_unfinished(Path(self._spec.family))
        phases = about["steps"] // about["settings"]["training"]["checkpoint_interval"] if unfinished else 0
        return FamilySnapshot(phases, family)

    def _last(self) -> FamilySnapshot | None:
        """The snapshot that the run's newest policy was learned with."""
        last = self._writer.newest_family()
        if last is None:
            return None
        return FamilySnapshot(int(last.name.rpartition("-")[2]), load_family(last, task_of(self._spec))[0])

    def beginning(self) -> Beginning:
        """What the run's preparation continues from: its own state, a family that is given, or nothing."""
        try:
            kept = self._writer.preparation()
        except CorruptCheckpoint as error:
            logger.warning("%s The preparation continues from the last family that a policy was learned with.", error)
            kept = None
            if (last := self._last()) is not None:
                return self._continued(last.family, {}, last.number)
        if kept is not None:
            about = kept.about
            return self._restored(kept.arrays, about["settings"], about["seed"], about["begun"], about["number"])
        given = given_family(self._spec)
        if given is None:
            return Beginning(self._training(self.own_settings, self._spec.seed, 0))
        family, about = given
        unfinished = None if self._spec.family is None else load_preparation(Path(self._spec.family), about)
        if unfinished is None:
            return self._continued(family, about, 0)
        return self._restored(unfinished.arrays, about["settings"], about["seed"])

    def _continued(self, family: PolicyFamily, about: Any, number: int) -> Beginning:
        """Continuation of a family without the state of its learner."""
        settings = _settings_of(about["settings"]) if "settings" in about else self.own_settings
        region = {"limit": tuple(family.region.limit.tolist()), "zero": family.region.zero}
        training = self._training(replace(settings.continued(), **region), self._spec.seed, number, family)
        return Beginning(training, number, FamilySnapshot(number, family))

    def _restored(
        self,
        state: dict[str, np.ndarray],
        settings: Any,
        seed: int,
        begun: int | None = None,
        number: int | None = None,
    ) -> Beginning:
        """Continuation of a preparation from its state. begun, number: of phases; None: as many as it has had."""
        read = _settings_of(settings)
        phases = int(state["steps"]) // read.training.checkpoint_interval
        begun, number = phases if begun is None else begun, phases if number is None else number
        training = self._training(read, seed, begun)
        training.restore(state)
        return Beginning(training, begun, FamilySnapshot(number, training.family))

    @property
    def own_settings(self) -> FamilySettings:
        """The task's settings of preparing a family."""
        settings = definition_of(self._spec.task).family_settings
        assert settings is not None
        return settings

    def _training(
        self, settings: FamilySettings, seed: int, begun: int, start: PolicyFamily | None = None
    ) -> FamilyTraining:
        self._about = {"settings": asdict(settings), "seed": seed, "begun": begun}
        return FamilyTraining(task_of(self._spec), policy_of(self._spec, "prior"), settings, seed=seed, start=start)


def _settings_of(recorded: Any) -> FamilySettings:
    """Settings of a preparation, as a checkpoint has them.

    Raises:
        CorruptCheckpoint: they are not such settings.
    """
    try:
        return STRUCTURE.structure(recorded, FamilySettings)
    except cattrs.BaseValidationError as error:
        raise corrupt("of the policy family", "its settings are not those of a preparation") from error
