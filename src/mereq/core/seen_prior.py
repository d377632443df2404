"""A prior that sees raw observations, such as pictures, where the learner sees the task's state.

The environment asks the prior at every step, and appends its answer, the parameters of the action distribution, to the
state. The recorded, replayed and stored observation is a short vector, and only the prior needs the raw observation.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.distribution import Categorical, ClippedGaussian, Distribution, SquashedGaussian, WeightedSamples
from mereq.core.errors import WrongObservation, WrongPolicyOutput
from mereq.core.own_policy import protected
from mereq.core.policy import Policy

RAW = "raw_observation"  # name in `info` of the whole observation, flattened


@dataclass(frozen=True)
class SeenPrior:
    """Policy that reads the prior's answer from the end of the observation, where the environment has put it."""

    raw: Policy  # the prior itself, on raw observations
    n_state: int  # numbers of the state, in front of the answer
    n_answer: int
    family: type
    n_actions: int  # coordinates of a continuous action

    @classmethod
    def of(cls, prior: Policy, actions: Actions, n_state: int, example: Float[np.ndarray, " raw"]) -> "SeenPrior":
        """The policy, after asking the prior twice at an example of a raw observation.

        Raises:
            WrongPolicyOutput: the two answers differ, or are of an unknown family.
        """
        raw = protected(prior, actions)
        answer, again = raw.distribution(example[None]), raw.distribution(example[None])
        if not np.array_equal(numbers_of(answer), numbers_of(again)):
            raise WrongPolicyOutput(
                "The prior gave two different distributions for the same observation. Switch off its random parts, "
                "such as dropout (PyTorch: model.eval()), and return the distribution instead of a sample."
            )
        size = actions.shape[0] if actions.shape else 0
        return cls(raw, n_state, numbers_of(answer).shape[1], type(answer), size)

    def appended(self, state: Float[np.ndarray, " state"], raw: Float[np.ndarray, " raw"]) -> np.ndarray:
        """The state with the prior's answer at the raw observation."""
        answer = numbers_of(self.raw.distribution(raw[None]))[0]
        return np.concatenate([state, answer]).astype(np.float32)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Distribution:
        """The distributions that were appended to the states."""
        answer = obs[:, self.n_state :].astype(np.float32)
        if answer.shape[1] != self.n_answer:
            raise WrongPolicyOutput(
                f"The prior sees raw observations, and was given {obs.shape[1]} numbers that do not contain its "
                f"answer (the state has {self.n_state}, the answer {self.n_answer}). Use it in the task's environments."
            )
        if self.family is Categorical:
            return Categorical(answer)
        if self.family is WeightedSamples:
            actions, chosen = answer[:, :-1], answer[:, -1]
            rows = actions.reshape(len(obs), -1, self.n_actions)
            return WeightedSamples(rows, np.zeros(rows.shape[:2], np.float32), chosen)
        return cast(Distribution, self.family(answer[:, : self.n_actions], answer[:, self.n_actions :]))


def numbers_of(distribution: Any) -> Float[np.ndarray, "n answer"]:
    """Numbers that determine distributions, one row each.

    Raises:
        WrongPolicyOutput: they are of an unknown family.
    """
    if isinstance(distribution, WeightedSamples):
        return np.concatenate([distribution.parameters, distribution.chosen[:, None]], axis=1)
    if isinstance(distribution, Categorical | SquashedGaussian | ClippedGaussian):
        return distribution.parameters
    raise WrongPolicyOutput(
        f"The prior gives a {type(distribution).__name__} distribution; one that sees raw observations must give a "
        "Categorical, SquashedGaussian, ClippedGaussian or WeightedSamples."
    )


def seen_in(policy: Any) -> SeenPrior | None:
    """The prior that sees raw observations below a policy; None if there is none."""
    while policy is not None and not isinstance(policy, SeenPrior):
        policy = getattr(policy, "prior", None)
    return policy


def n_answer_of(policy: Any) -> int:
    """Numbers of a prior's answer behind each state that a policy is given: 0 if its prior sees the states alone."""
    seen = seen_in(policy)
    return 0 if seen is None else seen.n_answer


def states_in(obs: Float[np.ndarray, "..."], n_state: int, n_answer: int) -> Float[np.ndarray, "n state"]:
    """States at the beginning of observations, whose last numbers are a prior's answer.

    Raises:
        WrongObservation: the observations are of another size.
    """
    if obs.ndim != 2 or obs.shape[1] != n_state + n_answer:
        single = " A single one: obs[None]." if obs.shape == (n_state + n_answer,) else ""
        behind = f", of which the last {n_answer} are the prior's answer" if n_answer else ""
        raise WrongObservation(
            f"The policy takes observations of shape (n, {n_state + n_answer}), one row each{behind}; it was given an "
            f"array of shape {obs.shape}.{single}"
        )
    return obs[:, :n_state]
