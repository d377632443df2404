"""Algorithm 1, and the methods it is run with: the rows of Table 1."""

from mereq.align.algorithm import Iteration, align
from mereq.align.imitation_learning import HG_DAGGER_FT, IWR_FT
from mereq.align.inverse_rl import MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP

__all__ = [
    "HG_DAGGER_FT",
    "IWR_FT",
    "MAXENT",
    "MAXENT_FT",
    "MAXENT_FT_PSEUDO",
    "MEREQ",
    "MEREQ_NP",
    "Iteration",
    "align",
]
