"""Kinds of what a policy's function returns, and the policy that each makes."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import CannotLoad, UnknownName
from mereq.core.function_policies import ClippedGaussianPolicy, DeterministicPolicy, SampledPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy, Policy
from mereq.core.task import Task

Kind = Literal["logits", "q", "gaussian", "clipped-gaussian", "action", "samples"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_FEW, OF_BOXES = ("logits", "q", "action", "samples"), ("gaussian", "clipped-gaussian", "action", "samples")
MEANINGS = """\
logits: (n, actions), log-probabilities up to a constant per row
q: (n, actions), Q-values; the policy is their softmax at the prior's temperature
gaussian: mean and log-std (n, actions) of a normal before its tanh, as SAC's
clipped-gaussian: mean and log-std (n, actions) in the environment's units, clipped to its limits, as PPO's
action: one action per observation, in the environment's units
samples: random actions, one per observation, in the environment's units; a function also takes a NumPy generator"""


def policy_of_function(
    function: Callable[..., Any], kind: str, task: Task, name: str, *, temperature: float = 1.0
) -> Policy:
    """The policy of a function of observations (n, obs).

    Args:
        function: returns what `kind` says.
        kind: one of `KINDS`.
        task: whose actions the policy takes.
        name: of the policy, for messages.
        temperature: of the softmax of Q-values: the prior's.

    Raises:
        UnknownName: there is no such kind.
        CannotLoad: the kind belongs to other actions than the task's.
    """
    if kind not in KINDS:
        raise UnknownName("kind of prior", kind, KINDS)
    actions = task.actions
    allowed = OF_FEW if isinstance(actions, Discrete) else OF_BOXES
    if kind not in allowed:
        raise CannotLoad(
            f"The policy {name} is said to return {kind}, and the task {task.name} has {actions}. For these a policy "
            f"returns {', '.join(allowed)}: give one of them as --prior-kind."
        )
    if kind == "action":
        return DeterministicPolicy(function, actions)
    if kind == "samples":
        return SampledPolicy(function, actions)
    if isinstance(actions, Discrete):
        divisor = temperature if kind == "q" else 1.0
        return LogitsPolicy(lambda obs: np.asarray(function(obs), np.float64) / divisor, actions.n)
    if kind == "gaussian":
        return GaussianPolicy(function, actions.size)
    return ClippedGaussianPolicy(function, *actions.limits)


def recognized(names: tuple[str, ...], *, takes_noise: bool) -> str | None:
    """Kind of a graph with outputs of these names; None if the names do not say it.

    `mean` and `log_std` do not: they may belong to a normal before a tanh, or to one that is clipped.
    """
    if names == ("logits",):
        return "logits"
    if names in (("q",), ("q_values",)):
        return "q"
    if names in (("action",), ("actions",)):
        return "samples" if takes_noise else "action"
    return None


def undeclared(name: str, outputs: str) -> CannotLoad:
    """Refusal of a policy whose kind has to be declared."""
    return CannotLoad(
        f"The policy {name} returns {outputs}, and that does not say what it means. Say it with --prior-kind, one of:\n"
        f"{MEANINGS}"
    )
