"""Methods by name: the rows of the paper's Table 1, one ablation, and MEReQ-Bayes."""

from typing import Literal

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.method import Method
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING, PosteriorAlignment

LearningName = Literal["sequential", "concurrent", "handback"]
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        MEREQ,
        MEREQ_NP,
        MAXENT,
        MAXENT_FT,
        HG_DAGGER_FT,
        IWR_FT,
        MAXENT_FT_PSEUDO,
        MEREQ_BAYES,
        MEREQ_BAYES_FADING,
    )
}


def default_learning(method: str) -> LearningName:
    """When a method learns, unless something else is asked for: between rounds, or at each handback if it can."""
    return "handback" if isinstance(METHODS.get(method), PosteriorAlignment) else "sequential"
