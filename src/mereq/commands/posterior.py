"""The posterior of a recorded run for `mereq show`: as JSON, and in words."""

import math
from typing import Any

from mereq.irl.belief import LEVEL, Belief, InterventionEffect, WeightBelief
from mereq.store.run_store import RunReader

MOST_EXPLAINED = 3  # interventions to name


def recorded_posterior(reader: RunReader) -> dict[str, Any] | None:
    """The newest posterior of a run as JSON; None if the method infers none, or nothing was inferred yet."""
    versions, last = reader.versions(), reader.last_beliefs(1)
    belief = last[0] if last else None
    if belief is None:
        return None
    mean, low, high = belief.rationality
    return {
        "version": versions[-1].number,
        "learned_from": versions[-1].learned_from,
        "level": LEVEL,
        "features": [_weight(each) for each in belief.weights],
        "confused": [{"features": [one, other], "correlation": how} for one, other, how in belief.confused],
        "rationality": {"mean": mean, "interval": [low, high]},
        "interventions": [
            _effect(belief, effect) for effect in sorted(belief.interventions, key=lambda each: -each.contradiction)
        ],
        "last_intervention": _effect(belief, belief.interventions[-1]) if belief.interventions else None,
        "other_wish": _other_wish(belief),
        "unnamed": _unnamed(belief),
    }


def _weight(each: WeightBelief) -> dict[str, Any]:
    """Belief about a weight, as JSON."""
    return {
        "name": each.name,
        "mean": each.mean,
        "interval": [each.low, each.high],
        "interval_before": [-each.before, each.before],
        "sign": each.sign,
        "words": each.words,
    }


def _other_wish(belief: Belief) -> dict[str, Any] | None:
    """The second wish of a method that infers wishes which come and go, as JSON."""
    other = belief.other
    if other is None:
        return None
    shown_by = [belief.interventions[k] for k in other.shown_by if k < len(belief.interventions)]
    return {
        "probability": other.probability,
        "features": [_weight(each) for each in other.weights],
        "shown_by": [f"round {each.round}, {each.place}" for each in shown_by],
    }


def _unnamed(belief: Belief) -> dict[str, Any] | None:
    """What the unnamed part of a reward adds to each intervention's log-likelihood, the largest first, as JSON."""
    if belief.unnamed is None:
        return None
    order = sorted(range(len(belief.unnamed)), key=lambda k: -belief.unnamed[k] if belief.unnamed else 0.0)
    places = [
        {"place": f"round {each.round}, {each.place}", "nats": belief.unnamed[k]}
        for k in order
        for each in belief.interventions[k : k + 1]
    ]
    return {"nats": sum(belief.unnamed), "interventions": places}


def _effect(belief: Belief, effect: InterventionEffect) -> dict[str, Any]:
    """What an intervention does, as JSON."""
    return {
        "round": effect.round,
        "episode": effect.episode,
        "step": effect.step,
        "steps": effect.steps,
        "contradiction": effect.contradiction,
        "contradicts": effect.contradicts,
        "theta_without": list(effect.without),
        "place": f"round {effect.round}, {effect.place}",
        "changed": belief.moved_by(effect),
    }


def posterior_lines(posterior: dict[str, Any]) -> list[str]:
    """The posterior in words.

    A line for each feature, each pair that cannot be told apart, the rationality, what the last intervention changed,
    and each intervention that contradicts the others.
    """
    rationality = posterior["rationality"]
    low, high = rationality["interval"]
    return [
        f"what the supervisor wants (mean ± half of the {100 * posterior['level']:.0f} % interval):",
        *(f"  {each['name']}: {each['words']}" for each in posterior["features"]),
        *(
            f"  {' and '.join(each['features'])} cannot be told apart yet (correlation {each['correlation']:.2f})"
            for each in posterior["confused"]
        ),
        f"  rationality: {rationality['mean']:.1f} ({low:.1f} to {high:.1f})",
        *_unnamed_lines(posterior["unnamed"]),
        *_other_wish_lines(posterior),
        *_intervention_lines(posterior),
    ]


def _unnamed_lines(unnamed: dict[str, Any] | None) -> list[str]:
    """What the unnamed part of the reward explains, and where it explains most."""
    if unnamed is None:
        return []
    places, n = unnamed["interventions"], len(unnamed["interventions"])
    first = (
        f"an unnamed part of the reward, which no feature says, explains more of {n} interventions: each is "
        f"{math.exp(unnamed['nats'] / n):.1f} times as probable as by the features alone (geometric mean)"
    )
    return [first, *(f"  explains most: {each['place']}" for each in places[:MOST_EXPLAINED] if each["nats"] > 0)]


def _other_wish_lines(posterior: dict[str, Any]) -> list[str]:
    """The second wish, and the interventions that show it."""
    other = posterior["other_wish"]
    if other is None:
        return []
    n, of = len(other["shown_by"]), len(posterior["interventions"])
    return [
        f"there are two wishes (probability {other['probability']:.2f}). That was the present one. {n} of {of} "
        "interventions show the other one:",
        *(f"  {each['name']}: {each['words']}" for each in other["features"]),
    ]


def _intervention_lines(posterior: dict[str, Any]) -> list[str]:
    last, against = posterior["last_intervention"], [each for each in posterior["interventions"] if each["contradicts"]]
    changed = [f"the last intervention ({last['place']}) changed: {last['changed']}"] if last else []
    if not against:
        return changed
    return [
        *changed,
        f"{len(against)} of {len(posterior['interventions'])} interventions contradict the others (probability of a "
        "slip, and what each changed):",
        *(f"  {each['place']}: {each['contradiction']:.2f}, {each['changed']}" for each in against),
    ]
