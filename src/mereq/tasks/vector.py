"""Shared functions of the vector environments: seeds, reset masks, and infos in Gymnasium's format."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

Seeds = int | Sequence[int | None] | None  # an integer seeds environment i with seed + i; None continues its stream


def seeds_and_mask(
    n_envs: int, seed: Seeds, options: dict[str, Any] | None
) -> tuple[list[int | None], Bool[np.ndarray, " envs"]]:
    """One seed per environment, and the mask of those to reset: all, or those of `options["reset_mask"]`.

    Raises:
        ValueError: there is not one seed, or one mask entry, per environment.
    """
    mask = np.asarray((options or {}).get("reset_mask", np.ones(n_envs, np.bool_)))
    if mask.shape != (n_envs,) or mask.dtype != np.bool_:
        raise ValueError(
            f"The reset mask has shape {mask.shape} and type {mask.dtype}; allowed is shape ({n_envs},) and type bool."
        )
    if seed is None or isinstance(seed, int):
        return [None if seed is None else seed + env for env in range(n_envs)], mask
    if len(seed) != n_envs:
        raise ValueError(f"{len(seed)} seeds were given; allowed is one for each of {n_envs} environments.")
    return list(seed), mask


def vector_infos(values: dict[str, Any], where: Bool[np.ndarray, " envs"]) -> dict[str, Any]:
    """Copies of the values with their masks, as Gymnasium's vector infos.

    The values are arrays with one row per environment, or dictionaries of such. Rows outside `where` are zero.
    """
    infos: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            infos[name] = vector_infos(value, where)
        else:
            infos[name] = np.where(where.reshape(-1, *[1] * (value.ndim - 1)), value, np.zeros_like(value))
        infos[f"_{name}"] = where.copy()
    return infos


def final_infos(values: dict[str, Any], next_obs: np.ndarray, over: Bool[np.ndarray, " envs"]) -> dict[str, Any]:
    """`final_obs` and `final_info` of the environments whose episode has ended, with the values of the last step."""
    final_obs = np.full(len(over), None, dtype=object)
    for env in np.flatnonzero(over):
        final_obs[env] = next_obs[env].copy()
    return {
        "final_obs": final_obs,
        "_final_obs": over.copy(),
        "final_info": vector_infos(values, over),
        "_final_info": over.copy(),
    }


def check_render_mode(render_mode: str | None) -> None:
    """Check the render mode.

    Raises:
        ValueError: `render_mode` is neither None nor "rgb_array".
    """
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode is {render_mode!r}; allowed is None or 'rgb_array'.")
