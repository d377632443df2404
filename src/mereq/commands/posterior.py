"""The posterior of a recorded run for `mereq show`: as JSON, and in words."""

from typing import Any

from mereq.irl.belief import LEVEL
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
    }


def posterior_lines(posterior: dict[str, Any]) -> list[str]:
    """The posterior in words: a line for each feature, each pair that cannot be told apart, and the rationality."""
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
    ]
