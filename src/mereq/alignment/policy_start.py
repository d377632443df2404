"""Policy starts of Table 1: a method's first policy, and whether the learner keeps the prior's term."""

from dataclasses import replace
from typing import Protocol

from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import warm_start
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.learners import LearnerAndState, continue_from, learner_of, residual_learner_of
from mereq.maxent_rl.sac import ActorPolicy


class PolicyStart(Protocol):
    """Function that returns a learner and its first state."""

    def __call__(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> LearnerAndState:
        """The learner of a new run, in its first state."""
        ...


def residual(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> LearnerAndState:
    """Residual learner with Q_R = 0, which keeps the prior: the first policy is the prior itself. Section 3.1."""
    learner = residual_learner_of(task, settings.learner, prior)
    return learner, learner.init(seed_for(seed, "network"), zero_head=True)


def random_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> LearnerAndState:
    """Plain learner with random parameters. Section 6, MaxEnt."""
    learner = learner_of(task, replace(settings.learner, prior_temperature=0.0))
    return learner, learner.init(seed_for(seed, "network"), zero_head=False)


def prior_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> LearnerAndState:
    """Plain learner with the parameters of the prior: fine-tuning. Section 6, MaxEnt-FT.

    The learner has the sizes of the prior's networks. A prior whose parameters are not available, such as a function,
    is first cloned from its rollouts into a network of the settings' sizes, as for the imitation methods.
    """
    if isinstance(prior, QPolicy | ActorPolicy) and prior.prior is None:
        start = prior
    else:
        start = _cloned(task, prior, settings, seed)
    alone = replace(settings.learner, prior_temperature=0.0, hidden=start.hidden)
    return continue_from(start, task, alone, seed=seed_for(seed, "network"))


def prior_policy(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> LearnerAndState:
    """Plain learner with the prior's policy, for a reward that has nothing in common with the prior's.

    An actor is kept, and its critics are random. Of finitely many actions the Q-function is the policy, and is kept.
    """
    alone = replace(prior, critics=None) if isinstance(prior, ActorPolicy) else prior
    return prior_parameters(task, alone, settings, seed=seed)


def _cloned(task: Task, prior: Policy, settings: AlignSettings, seed: int) -> QPolicy | ActorPolicy:
    cloning = replace(settings.cloning, hidden=settings.learner.hidden)
    clone = warm_start(task, prior, replace(settings, cloning=cloning), seed=seed)
    return clone.learner.policy(clone.state)
