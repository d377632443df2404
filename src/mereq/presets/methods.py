"""Methods by name: the rows of the paper's Table 1, one ablation, MEReQ-Bayes, and methods of other authors."""

from typing import Literal

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.coherent_imitation import CSIL
from mereq.alignment.decision_learning import MILE
from mereq.alignment.method import Method
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING, PosteriorAlignment
from mereq.alignment.preference_learning import PPL
from mereq.alignment.takeover_learning import PVP, RIFT, RLIF
from mereq.alignment.two_part_alignment import MEREQ_BAYES_CSIL, MEREQ_BAYES_IQ
from mereq.alignment.wishes_alignment import MEREQ_BAYES_WISHES, WishesAlignment

LearningName = Literal["sequential", "concurrent", "handback", "within"]
INSTANT: tuple[Method, ...] = (
    MEREQ_BAYES,
    MEREQ_BAYES_FADING,
    MEREQ_BAYES_WISHES,
    MEREQ_BAYES_CSIL,
    MEREQ_BAYES_IQ,
)
OURS: tuple[Method, ...] = (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO, *INSTANT)
OTHERS: tuple[Method, ...] = (RLIF, RIFT, PVP, MILE, PPL, CSIL)
METHODS: dict[str, Method] = {method.name: method for method in (*OURS, *OTHERS)}


def default_learning(method: str) -> LearningName:
    """When a method learns, unless something else is asked for: between rounds, or at each handback if it can.

    A method for supervisors whose wish may have changed learns within an intervention, too.
    """
    known = METHODS.get(method)
    if isinstance(known, WishesAlignment):
        return "within"
    return "handback" if isinstance(known, PosteriorAlignment) else "sequential"
