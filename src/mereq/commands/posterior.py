"""The posterior of a recorded run for `mereq show`: as JSON, and in words."""

from typing import Any

from mereq.irl.belief import LEVEL, Belief, InterventionEffect
from mereq.store.run_store import RunReader


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
        "features": [
            {
                "name": each.name,
                "mean": each.mean,
                "interval": [each.low, each.high],
                "interval_before": [-each.before, each.before],
                "sign": each.sign,
                "words": each.words,
            }
            for each in belief.weights
        ],
        "confused": [{"features": [one, other], "correlation": how} for one, other, how in belief.confused],
        "rationality": {"mean": mean, "interval": [low, high]},
        "interventions": [
            _effect(belief, effect) for effect in sorted(belief.interventions, key=lambda each: -each.contradiction)
        ],
        "last_intervention": _effect(belief, belief.interventions[-1]) if belief.interventions else None,
    }


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
        *_intervention_lines(posterior),
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
