"""Methods by name: the rows of the paper's Table 1, one ablation, MEReQ-Bayes, and methods of other authors."""

from typing import Literal

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.coherent_imitation import CSIL
from mereq.alignment.decision_learning import MILE
from mereq.alignment.method import Method
from mereq.alignment.posterior_alignment import MEREQ_BAYES
from mereq.alignment.preference_learning import PPL
from mereq.alignment.takeover_learning import PVP, RIFT, RLIF

LearningName = Literal["sequential", "concurrent", "handback"]
OURS: tuple[Method, ...] = (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO, MEREQ_BAYES)
OTHERS: tuple[Method, ...] = (RLIF, RIFT, PVP, MILE, PPL, CSIL)
METHODS: dict[str, Method] = {method.name: method for method in (*OURS, *OTHERS)}


def default_learning(method: str) -> LearningName:
    """When a method learns, unless something else is asked for: between rounds, or at each handback if it can."""
    return "handback" if method == MEREQ_BAYES.name else "sequential"
