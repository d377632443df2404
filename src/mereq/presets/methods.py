"""Methods by name: the rows of the paper's Table 1, and one ablation."""

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.method import Method

METHODS: dict[str, Method] = {
    method.name: method for method in (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO)
}
