"""Algorithm 1, and the methods of Table 1."""

from mereq.alignment.algorithm import Round, events
from mereq.alignment.imitation_learning import HG_DAGGER_FT, IWR_FT
from mereq.alignment.inverse_rl import MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP

__all__ = [
    "HG_DAGGER_FT",
    "IWR_FT",
    "MAXENT",
    "MAXENT_FT",
    "MAXENT_FT_PSEUDO",
    "MEREQ",
    "MEREQ_NP",
    "Round",
    "events",
]
