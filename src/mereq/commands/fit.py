"""The fit of a recorded run for `mereq show`: as JSON, and in words. docs/limits.md."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.errors import MereqError, WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed, stream
from mereq.core.simulator import RewindableSimulator, close
from mereq.evaluation.recorded_actions import RecordedActions
from mereq.irl.belief import LEVEL
from mereq.irl.fit import FEW, cross_validated_fit
from mereq.irl.foresight import places
from mereq.irl.occasions import Occasion, occasions
from mereq.presets.registry import definition_of, is_known
from mereq.runs.inference import RecordedInference, infers_posterior
from mereq.store.links import inside
from mereq.store.run_store import RunReader

WORST = 3  # interventions to name
BEFORE, AFTER = 3, 2  # steps of a clip before and after an intervention


def recorded_fit(reader: RunReader) -> dict[str, Any] | None:
    """How much of the interventions theta explains, as JSON.

    None: the method infers no posterior, there are fewer than two interventions, or the task's code was not named.
    """
    if not infers_posterior(reader) or not is_known(reader.starts()[-1].config.get("task", "")):
        return None
    try:
        run = RecordedInference.of(reader)
    except MereqError as error:
        return {"unknown": str(error)}
    return fit_of(run) if run.log.rollouts else None


def fit_of(run: RecordedInference) -> dict[str, Any] | None:
    """How much of a run's interventions theta explains, as JSON; None if there are fewer than two."""
    likelihood, rng = run.improver.likelihood(run.log), stream(run.spec.seed, "fit")
    where = occasions(run.log, likelihood.decisions)
    obs = run.task.state_of(run.log.observations[likelihood.decisions.shown.steps])
    whole = run.log.observations[likelihood.decisions.shown.steps]
    fit = cross_validated_fit(
        likelihood,
        run.improver.before,
        obs,
        lambda theta: run.family.member(theta, run.prior).distribution(whole).mode(),
        rng=rng,
    )
    if fit is None:
        return None
    interval = fit.interval(rng, LEVEL)
    totals = {"prior": fit.of_prior, "theta": fit.of_theta, "clone": fit.of_clone}
    return {
        "interventions": len(where),
        "share": fit.share,
        "interval": None if interval is None else list(interval),
        "level": LEVEL,
        "few": fit.few,
        "log_likelihood": {name: float(each.sum()) for name, each in totals.items()},
        "worst": [
            place(where[k]) | {name: float(each[k]) for name, each in totals.items()}
            for k in fit.worst[:WORST].tolist()
        ],
    }


def place(occasion: Occasion) -> dict[str, Any]:
    """Place of an intervention, as JSON."""
    return {"round": occasion.round, "episode": occasion.episode, "steps": [occasion.first, occasion.last]}


def place_words(where: dict[str, Any]) -> str:
    """Place of an intervention, in words."""
    first, last = where["steps"]
    steps = f"step {first}" if first == last else f"steps {first} to {last}"
    return f"round {where['round']}, episode {where['episode']}, {steps}"


def fit_lines(fit: dict[str, Any]) -> list[str]:
    """The fit in words: the share, and the interventions that theta explains worst."""
    if "unknown" in fit:
        return [f"how much the features explain is not known: {fit['unknown']}"]
    n = fit["interventions"]
    if fit["share"] is None:
        first = f"what {n} interventions show can hardly be predicted better than by the prior, so there is no share"
    else:
        low, high = fit["interval"]
        first = (
            f"the features explain {fit['share']:.0%} of what {n} interventions show "
            f"({fit['level']:.0%} interval {low:.0%} to {high:.0%})"
        )
    hint = [f"  only a hint: of fewer than {FEW} interventions it says little"] if fit["few"] else []
    return [first, *hint, *(f"  explained worst: {place_words(where)}" for where in fit["worst"])]


def unexplained_clips(
    run: RecordedInference, fit: dict[str, Any], policy: Policy, directory: Path, folder: str
) -> list[Path]:
    """Clips of the interventions that theta explains worst: as supervised, and as the policy goes on in their place.

    None where the task has no such clip, or its simulator does not repeat the run's episodes (a robot's, a dataset's).

    Args:
        run: recorded.
        fit: as `fit_of` returns it.
        policy: acts after the takeover.
        directory: of the run; nothing outside of it is written, whatever links it has.
        folder: of the clips, within the directory.
    """
    film = definition_of(run.spec.task).clip
    if film is None or not {"seed", "first", "n_steps", "names"} <= inspect.signature(film).parameters.keys():
        return []
    made = list[Path]()
    for number, where in enumerate(fit.get("worst", ())):
        rollout, (first, last) = run.log.rollouts[where["round"]], where["steps"]
        here = np.flatnonzero(rollout.episode == where["episode"])
        if not _repeats(run, int(here[0]) + first, where["round"]):
            return []
        path = inside(directory, directory / folder / f"unexplained_{number + 1}.gif")
        film(
            RecordedActions(rollout.executed[here], policy),
            RecordedActions(rollout.executed[here[:first]], policy),
            path,
            seed=episode_seed(run.spec.seed, where["round"], where["episode"]),
            first=max(first - BEFORE, 0),
            n_steps=min(last + AFTER, len(here) - 1) + 1,
            names=("as supervised", "the policy alone"),
        )
        made.append(path)
    return made


def _repeats(run: RecordedInference, step: int, index: int) -> bool:
    """Whether the simulator repeats the episode of a round's step, up to this step."""
    simulator = run.task.simulate(1)
    try:
        before = sum(len(rollout) for rollout in run.log.rollouts[:index])
        if run.spec.robot is not None or not isinstance(simulator, RewindableSimulator):
            return False
        simulator.reset(0)
        return bool(places(run.log, [before + step], simulator, run.spec.seed))
    except WrongTask:
        return False
    finally:
        close(simulator)
