"""Where a method's policy starts, and whether it keeps the prior: the columns "policy start" and "prior term"."""

from dataclasses import replace
from typing import Protocol

from mereq.align.settings import AlignSettings
from mereq.align.warm_start import warm_start
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNState, QPolicy
from mereq.maxent_rl.networks import MLP, Layer


class PolicyStart(Protocol):
    """A learner and its first state."""

    def __call__(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> tuple[DQN, DQNState]:
        """A fresh start."""
        ...


def residual(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> tuple[DQN, DQNState]:
    """Q_R = 0 beside the prior, which stays: the first policy is the prior itself. Section 3.1."""
    learner = DQN(task.obs_size, task.n_actions, settings.learner)
    return learner, learner.init(seed_for(seed, "network"), zero_head=True)


def random_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> tuple[DQN, DQNState]:
    """A plain Q-function that knows nothing. Section 6, MaxEnt."""
    learner = DQN(task.obs_size, task.n_actions, replace(settings.learner, prior_alpha=0.0))
    return learner, learner.init(seed_for(seed, "network"), zero_head=False)


def prior_parameters(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> tuple[DQN, DQNState]:
    """A plain Q-function that starts as the prior's: fine-tuning. Section 6, MaxEnt-FT.

    It has the sizes of the prior's network. A prior of another make, whose parameters are not to be had, is cloned
    from its rollouts into a network of the settings' sizes first, as the imitation methods do it.
    """
    alpha = settings.learner.alpha
    if isinstance(prior, QPolicy) and prior.prior is None:
        q = _scaled(prior.q, alpha / prior.alpha)
    else:
        cloning = replace(settings.cloning, hidden=settings.learner.hidden)
        cloned = warm_start(task, prior, replace(settings, cloning=cloning), seed=seed)
        q = _scaled(cloned.state.logits, alpha)
    hidden = tuple(layer.weight.shape[1] for layer in q[:-1])
    learner = DQN(task.obs_size, task.n_actions, replace(settings.learner, prior_alpha=0.0, hidden=hidden))
    return learner, learner.begin(q)


def _scaled(q: MLP, factor: float) -> MLP:
    """The network with outputs times a factor: the same policy at another temperature."""
    return (*q[:-1], Layer(q[-1].weight * factor, q[-1].bias * factor))
