"""mereq: align a robot policy from a person's interventions.

Everything that is exported here is the public interface; every other module may change. Importing `mereq` imports
neither JAX nor MuJoCo: each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "METHODS",
    "AlignSettings",
    "Box",
    "Categorical",
    "ClippedGaussian",
    "ClippedGaussianPolicy",
    "Controller",
    "Decision",
    "DecisionContext",
    "DeterministicPolicy",
    "Discrete",
    "DivergenceExpert",
    "GaussianPolicy",
    "LogitsPolicy",
    "MeasurementExpert",
    "MereqError",
    "Policy",
    "Round",
    "Rule",
    "RuleEngine",
    "RunSpec",
    "SampledPolicy",
    "SquashedGaussian",
    "Study",
    "Supervisor",
    "Task",
    "TaskDefinition",
    "Trigger",
    "WeightedSamples",
    "__version__",
    "align",
    "axis_controls",
    "check_task",
    "create",
    "discrete_controls",
    "events",
    "export",
    "fast",
    "find_task",
    "fit_density",
    "load_policy",
    "on_parts",
    "open_policy",
    "report",
    "resume",
    "run",
    "save_policy",
    "supervise",
    "task_from_gymnasium",
]

if TYPE_CHECKING:
    from mereq.alignment.algorithm import Round as Round
    from mereq.alignment.algorithm import events as events
    from mereq.alignment.check import check_task as check_task
    from mereq.alignment.settings import AlignSettings as AlignSettings
    from mereq.core.actions import Box as Box
    from mereq.core.actions import Discrete as Discrete
    from mereq.core.distribution import Categorical as Categorical
    from mereq.core.distribution import ClippedGaussian as ClippedGaussian
    from mereq.core.distribution import SquashedGaussian as SquashedGaussian
    from mereq.core.distribution import WeightedSamples as WeightedSamples
    from mereq.core.errors import MereqError as MereqError
    from mereq.core.function_policies import ClippedGaussianPolicy as ClippedGaussianPolicy
    from mereq.core.function_policies import DeterministicPolicy as DeterministicPolicy
    from mereq.core.function_policies import SampledPolicy as SampledPolicy
    from mereq.core.policy import GaussianPolicy as GaussianPolicy
    from mereq.core.policy import LogitsPolicy as LogitsPolicy
    from mereq.core.policy import Policy as Policy
    from mereq.core.supervisor import Controller as Controller
    from mereq.core.supervisor import Decision as Decision
    from mereq.core.supervisor import DecisionContext as DecisionContext
    from mereq.core.supervisor import Supervisor as Supervisor
    from mereq.core.task import Task as Task
    from mereq.core.view import axis_controls as axis_controls
    from mereq.core.view import discrete_controls as discrete_controls
    from mereq.exports import export as export
    from mereq.imitation.density import fit_density as fit_density
    from mereq.presets.align import align as align
    from mereq.presets.definition import TaskDefinition as TaskDefinition
    from mereq.presets.fast import fast as fast
    from mereq.presets.methods import METHODS as METHODS
    from mereq.presets.registry import find_task as find_task
    from mereq.reports.study_report import report as report
    from mereq.runs.policies import open_policy as open_policy
    from mereq.runs.run import create as create
    from mereq.runs.run import resume as resume
    from mereq.runs.run import run as run
    from mereq.runs.spec import RunSpec as RunSpec
    from mereq.store.policies import load_policy as load_policy
    from mereq.store.policies import save_policy as save_policy
    from mereq.studies.grid import Study as Study
    from mereq.supervision.rules import Rule as Rule
    from mereq.supervision.rules import RuleEngine as RuleEngine
    from mereq.supervision.rules import Trigger as Trigger
    from mereq.supervision.supervise import supervise as supervise
    from mereq.supervision.synthesized import DivergenceExpert as DivergenceExpert
    from mereq.supervision.synthesized import MeasurementExpert as MeasurementExpert
    from mereq.tasks.gymnasium_task import task_from_gymnasium as task_from_gymnasium
    from mereq.tasks.state import on_parts as on_parts

_HOMES = {  # public names, by the module that defines them
    "mereq.alignment.algorithm": ("Round", "events"),
    "mereq.alignment.settings": ("AlignSettings",),
    "mereq.core.actions": ("Box", "Discrete"),
    "mereq.core.distribution": ("Categorical", "ClippedGaussian", "SquashedGaussian", "WeightedSamples"),
    "mereq.core.errors": ("MereqError",),
    "mereq.core.function_policies": ("ClippedGaussianPolicy", "DeterministicPolicy", "SampledPolicy"),
    "mereq.core.policy": ("GaussianPolicy", "LogitsPolicy", "Policy"),
    "mereq.core.supervisor": ("Controller", "Decision", "DecisionContext", "Supervisor"),
    "mereq.core.task": ("Task",),
    "mereq.core.view": ("axis_controls", "discrete_controls"),
    "mereq.exports": ("export",),
    "mereq.imitation.density": ("fit_density",),
    "mereq.presets.align": ("align",),
    "mereq.alignment.check": ("check_task",),
    "mereq.presets.definition": ("TaskDefinition",),
    "mereq.presets.fast": ("fast",),
    "mereq.presets.methods": ("METHODS",),
    "mereq.presets.registry": ("find_task",),
    "mereq.reports.study_report": ("report",),
    "mereq.runs.policies": ("open_policy",),
    "mereq.runs.run": ("create", "resume", "run"),
    "mereq.runs.spec": ("RunSpec",),
    "mereq.store.policies": ("load_policy", "save_policy"),
    "mereq.studies.grid": ("Study",),
    "mereq.supervision.rules": ("Rule", "RuleEngine", "Trigger"),
    "mereq.supervision.supervise": ("supervise",),
    "mereq.supervision.synthesized": ("DivergenceExpert", "MeasurementExpert"),
    "mereq.tasks.gymnasium_task": ("task_from_gymnasium",),
    "mereq.tasks.state": ("on_parts",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mereq' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
