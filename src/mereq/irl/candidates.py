"""Library of candidate features: what a supervisor may want that the task's features do not say.

Candidates need no language model and no knowledge of the task: they are functions of a step's observations and actions.
An observation's coordinate, its square and its thresholds are taken after the step, because that is what the action
brought about.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions, Discrete
from mereq.core.errors import UnknownName

QUANTILES = (0.25, 0.5, 0.75)  # of a coordinate, at which it has a threshold
MOST_DISTANCES = 45  # of pairs of coordinates; a longer observation has none


class Moves(NamedTuple):
    """Steps, one row each."""

    obs: Float[np.ndarray, "n obs"]  # what learners see, before the step
    action: np.ndarray  # (n,) int, or (n, actions) float
    next_obs: Float[np.ndarray, "n obs"]  # after the step
    action_before: np.ndarray  # of the step before; in an episode's first step the same as `action`
    features: Float[np.ndarray, "n features"]  # the task's own


@dataclass(frozen=True)
class Candidate:
    """A candidate feature."""

    name: str
    of: Callable[[Moves], Float[np.ndarray, " n"]]


def library(
    moves: Moves, actions: Actions, *, names: Sequence[str] = (), own: Iterable[Candidate] = ()
) -> tuple[Candidate, ...]:
    """Candidates for a task: coordinates, squares, thresholds at quantiles, distances of pairs, actions, changes.

    A coordinate that does not vary has none. The user's own come first.

    Args:
        moves: recorded steps; they have the quantiles.
        actions: of the task.
        names: of the observation's coordinates; by default `obs[0]`, `obs[1]` ...
        own: the user's candidates.
    """
    n_obs = moves.next_obs.shape[1]
    called = list(names) or [f"obs[{i}]" for i in range(n_obs)]
    varies = np.flatnonzero(np.ptp(moves.next_obs, axis=0) > 1e-6)
    found = [*own]
    for i in varies.tolist():
        found += [_coordinate(called[i], i), _square(called[i], i)]
        cuts = np.unique([float(f"{cut:.3g}") for cut in np.quantile(moves.next_obs[:, i], QUANTILES)])
        found += [_threshold(called[i], i, cut) for cut in cuts.tolist() if 0 < _share(moves.next_obs[:, i], cut) < 1]
    pairs = [(i, j) for i in varies.tolist() for j in varies.tolist() if i < j]
    found += [_distance(called[i], called[j], i, j) for i, j in pairs if len(pairs) <= MOST_DISTANCES]
    return (*found, *_of_actions(actions))


def candidate_named(
    name: str, n_obs: int, actions: Actions, *, names: Sequence[str] = (), own: Iterable[Candidate] = ()
) -> Candidate:
    """The candidate of a name that `library` gives, whatever the recorded steps. A threshold may be any number.

    Raises:
        UnknownName: there is none.
    """
    called = list(names) or [f"obs[{i}]" for i in range(n_obs)]
    above = name.rpartition(" > ")
    if above[0] in called and _is_number(above[2]):
        return _threshold(above[0], called.index(above[0]), float(above[2]))
    found = [*own, *_of_actions(actions)]
    for i, one in enumerate(called):
        found += [_coordinate(one, i), _square(one, i)]
        found += [_distance(one, other, i, j) for j, other in enumerate(called) if i < j]
    named = {each.name: each for each in reversed(found)}
    if name not in named:
        some = [*(each.name for each in own), *called, f"{called[0]} squared", f"{called[0]} > 0.5"]
        raise UnknownName("candidate feature", name, some)
    return named[name]


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def values(candidates: Sequence[Candidate], moves: Moves) -> Float[np.ndarray, "n candidates"]:
    """Values of all candidates in each step."""
    return np.column_stack([np.asarray(each.of(moves), float) for each in candidates])


def _share(column: Float[np.ndarray, " n"], cut: float) -> float:
    return float((column > cut).mean())


def _coordinate(name: str, i: int) -> Candidate:
    return Candidate(name, lambda moves: moves.next_obs[:, i])


def _square(name: str, i: int) -> Candidate:
    return Candidate(f"{name} squared", lambda moves: moves.next_obs[:, i] ** 2)


def _threshold(name: str, i: int, cut: float) -> Candidate:
    return Candidate(f"{name} > {cut:.3g}", lambda moves: (moves.next_obs[:, i] > cut).astype(float))


def _distance(one: str, other: str, i: int, j: int) -> Candidate:
    return Candidate(f"|{one} - {other}|", lambda moves: np.abs(moves.next_obs[:, i] - moves.next_obs[:, j]))


def _of_actions(actions: Actions) -> list[Candidate]:
    """How large a continuous action is, and how much it differs from the one before.

    Of finitely many actions, whether one differs from the one before is none: a supervisor who always takes the best
    action changes it less often than any policy that draws its actions, and that is no wish.
    """
    if isinstance(actions, Discrete):
        return []
    return [
        Candidate("size of the action", lambda moves: np.linalg.norm(moves.action, axis=1)),
        Candidate("change of action", lambda moves: np.linalg.norm(moves.action - moves.action_before, axis=1)),
    ]
