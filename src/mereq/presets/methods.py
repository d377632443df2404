"""Methods by name: the rows of the paper's Table 1, one ablation, MEReQ-Bayes, and methods of other authors.

A method of the user's own is named as a task is: `file.py:NAME` or `package.module:NAME`.
"""

from typing import Literal

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.aim import AIM
from mereq.alignment.coherent_imitation import CSIL
from mereq.alignment.decision_learning import MILE
from mereq.alignment.deep_inverse_rl import MEREQ_DEEP
from mereq.alignment.method import Method
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING, PosteriorAlignment
from mereq.alignment.preference_learning import PPL
from mereq.alignment.takeover_learning import PVP, RIFT, RLIF
from mereq.alignment.thrifty_dagger import THRIFTY_DAGGER
from mereq.alignment.two_part_alignment import MEREQ_BAYES_CSIL, MEREQ_BAYES_IQ
from mereq.alignment.wishes_alignment import MEREQ_BAYES_WISHES, WishesAlignment
from mereq.core.errors import CannotLoad, UnknownName
from mereq.presets.named import FORMS, NamedByUser, is_named

OWN = f"; or your own method: {FORMS}"
LearningName = Literal["sequential", "concurrent", "handback", "within", "preparing"]
INSTANT: tuple[Method, ...] = (
    MEREQ_BAYES,
    MEREQ_BAYES_FADING,
    MEREQ_BAYES_WISHES,
    MEREQ_BAYES_CSIL,
    MEREQ_BAYES_IQ,
)
OURS: tuple[Method, ...] = (
    MEREQ,
    MEREQ_NP,
    MAXENT,
    MAXENT_FT,
    HG_DAGGER_FT,
    IWR_FT,
    MAXENT_FT_PSEUDO,
    MEREQ_DEEP,
    *INSTANT,
)
OTHERS: tuple[Method, ...] = (RLIF, RIFT, PVP, MILE, PPL, CSIL)
ROBOT_GATED: tuple[Method, ...] = (AIM, THRIFTY_DAGGER)
METHODS: dict[str, Method] = {method.name: method for method in (*OURS, *OTHERS, *ROBOT_GATED)}


def _checked(found: object, name: str) -> Method:
    """The object as a method."""
    if isinstance(found, Method) and not isinstance(found, type):
        return found
    raise CannotLoad(
        f"{name} is of type {type(found).__name__}, and no method: it needs a `name` and start(task, prior, settings, "
        "seed=...), which returns an improver (docs/benchmark.md)."
    )


USERS = NamedByUser("method", "with --method", _checked)


def find_method(name: str) -> Method:
    """The method that a user names. The user's own code is imported.

    Raises:
        UnknownName: no method has this name.
        CannotLoad: the object cannot be imported, or is no method.
    """
    return USERS.load(name) if is_named(name) else method_named(name)


def method_named(name: str) -> Method:
    """The method of a recorded name. A user's code is not imported unless it was named in this process.

    Raises:
        UnknownName: no method has this name.
        NotNamed: the method is code of a user's that was not named in this process.
    """
    if name in METHODS:
        return METHODS[name]
    if is_named(name):
        return USERS.recorded(name)
    raise UnknownName("method", name, list(METHODS), else_allowed=OWN)


def known_method(name: str) -> Method | None:
    """The method of a recorded name; None unless mereq offers it, or the user named it in this process."""
    return USERS.get(name) or METHODS.get(name)


def default_learning(method: str, *, prepared: bool = True) -> LearningName:
    """When a method learns, unless something else is asked for: between rounds, or at each handback if it can.

    A method for supervisors whose wish may have changed learns within an intervention, too.

    Args:
        method: its name.
        prepared: whether a policy family is finished; without one, a method that needs one prepares it meanwhile.
    """
    known = known_method(method)
    if isinstance(known, PosteriorAlignment) and not prepared:
        return "preparing"
    if isinstance(known, WishesAlignment):
        return "within"
    return "handback" if isinstance(known, PosteriorAlignment) else "sequential"
