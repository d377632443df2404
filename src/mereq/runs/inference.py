"""Inference of a recorded run, repeated: its task, prior, family and log, for questions that are asked afterwards."""

from dataclasses import dataclass, replace

from mereq.alignment.posterior_alignment import PosteriorAlignment, PosteriorImprover
from mereq.core.errors import WrongValue
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.maxent_rl.family import PolicyFamily
from mereq.presets.methods import known_method, method_named
from mereq.runs.families import family_of
from mereq.runs.policies import policy_of, task_of
from mereq.runs.recorded import spec_of
from mereq.runs.spec import RunSpec
from mereq.store.families import load_family
from mereq.store.run_store import RunReader


def infers_posterior(reader: RunReader) -> bool:
    """Whether a run's method infers a posterior over a policy family."""
    return isinstance(known_method(reader.starts()[-1].config.get("method", "")), PosteriorAlignment)


@dataclass(frozen=True)
class RecordedInference:
    """What a run's method infers from."""

    spec: RunSpec
    task: Task
    prior: Policy
    family: PolicyFamily
    improver: PosteriorImprover
    log: InterventionLog

    @classmethod
    def of(cls, reader: RunReader) -> "RecordedInference":
        """Inference of a run, as far as it is recorded.

        Raises:
            WrongValue: the run's method infers no posterior.
            IncompatibleRun: the prior has changed since the run, or the family was prepared for another one.
            NotNamed: the prior is code of a user's that was not named.
            IncompleteTask: the task has no family, and the run names none.
        """
        if not infers_posterior(reader):
            raise WrongValue(
                f"The run in {reader.directory} was not made with --method mereq-bayes, so it has no policy family "
                "whose likelihood could be asked."
            )
        spec = spec_of(reader)
        task, prior, own = task_of(spec), policy_of(spec, "prior"), reader.newest_family()
        family = family_of(spec) if own is None else load_family(own, task)[0]
        method = method_named(spec.method)
        assert isinstance(method, PosteriorAlignment)
        improver = replace(method, family=family).start(task, prior, spec.settings, seed=spec.seed)
        steps = [reader.steps(index) for index in range(len(reader.rounds()) + 1)]
        log = InterventionLog(tuple(Rollout.of(each) for each in steps if each))
        return cls(spec, task, prior, family, improver, log)
