"""Algorithm 1, and the methods it is run with."""

from mereq.align.algorithm import Iteration, align
from mereq.align.inverse_rl import MEREQ, MEREQ_NP

__all__ = ["MEREQ", "MEREQ_NP", "Iteration", "align"]
