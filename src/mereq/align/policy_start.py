"""Where a method's policy starts, and whether it keeps the prior: the columns "policy start" and "prior term"."""

from dataclasses import replace
from typing import Protocol

from mereq.align.settings import AlignSettings
from mereq.align.warm_start import warm_start
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNState, QPolicy
from mereq.maxent_rl.learners import learner_of
from mereq.maxent_rl.networks import MLP, Layer
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACState

Begun = tuple[DQN | SAC, DQNState | SACState]


class PolicyStart(Protocol):
    """A learner and its first state."""

    def __call__(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Begun:
        """A fresh start."""
        ...


def residual(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Begun:
    """Q_R = 0 beside the prior, which stays: the first policy is the prior itself. Section 3.1."""
    learner = learner_of(task, settings.learner)
    return learner, learner.init(seed_for(seed, "network"), zero_head=True)


def random_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Begun:
    """A plain learner that knows nothing. Section 6, MaxEnt."""
    learner = learner_of(task, replace(settings.learner, prior_alpha=0.0))
    return learner, learner.init(seed_for(seed, "network"), zero_head=False)


def prior_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Begun:
    """A plain learner that starts as the prior: fine-tuning. Section 6, MaxEnt-FT.

    It has the sizes of the prior's networks. A prior of another make, whose parameters are not to be had, is cloned
    from its rollouts into a network of the settings' sizes first, as the imitation methods do it.
    """
    if isinstance(prior, QPolicy | ActorPolicy) and prior.prior is None:
        start = prior
    else:
        start = _cloned(task, prior, settings, seed)
    alone = replace(settings.learner, prior_alpha=0.0)
    if isinstance(start, QPolicy):
        learner = learner_of(task, replace(alone, hidden=_hidden(start.q)))
        assert isinstance(learner, DQN)
        return learner, learner.begin(_scaled(start.q, learner.settings.alpha / start.alpha))
    learner = learner_of(task, replace(alone, hidden=_hidden(start.actor)))
    assert isinstance(learner, SAC)
    fresh = learner.init(seed_for(seed, "network"), zero_head=False)
    return learner, learner.begin(start.actor, start.critics or fresh.critics, fresh.key)


def _cloned(task: Task, prior: Policy, settings: AlignSettings, seed: int) -> QPolicy | ActorPolicy:
    cloning = replace(settings.cloning, hidden=settings.learner.hidden)
    clone = warm_start(task, prior, replace(settings, cloning=cloning), seed=seed)
    return clone.learner.policy(clone.state)


def _hidden(network: MLP) -> tuple[int, ...]:
    return tuple(layer.weight.shape[1] for layer in network[:-1])


def _scaled(q: MLP, factor: float) -> MLP:
    """The network with outputs times a factor: the same policy at another temperature."""
    return (*q[:-1], Layer(q[-1].weight * factor, q[-1].bias * factor))
