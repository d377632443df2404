"""Mistakes a user can make, one class each. Every message says what was wrong, what is allowed and what to do."""


class MereqError(Exception):
    """A mistake the user can mend. The command line prints its message and exits with status 2."""


class UnknownName(MereqError):
    """A task, method, preset or checkpoint that does not exist."""

    def __init__(self, kind: str, name: str, allowed: list[str] | tuple[str, ...], *, else_allowed: str = ""):
        choices = ", ".join(sorted(allowed)) or "none here"
        super().__init__(f"There is no {kind} called {name!r}. Known: {choices}{else_allowed}.")


class CannotLoad(MereqError):
    """A task, policy or robot, named as `file.py:NAME` or `package.module:NAME`, that cannot be loaded."""


class NotNamed(MereqError):
    """A recorded task or robot whose code is not imported, because the user has not named it on this command line."""


class IncompleteTask(MereqError):
    """A task whose definition lacks a part that is needed now."""


class WrongTask(MereqError):
    """A task, prior or supervisor of a user's that cannot be aligned as it is."""


class WrongValue(MereqError, ValueError):
    """A number that a run cannot have, such as a negative seed."""


class WrongPolicyOutput(MereqError):
    """A policy (often a user's prior) answered with the wrong shape, or with values that are not finite."""


class WrongAction(MereqError, ValueError):
    """An action that an environment cannot execute: the wrong shape, or values that are not finite."""


class NonFiniteFeatures(MereqError):
    """A task emitted NaN or infinite features: every estimate made from them would be NaN."""


class CorruptCheckpoint(MereqError):
    """A checkpoint cannot be read, is truncated, or does not fit what it is loaded into."""


class RunExists(MereqError):
    """A directory that already holds a run, a study, a trial or a dataset, where a new one was asked for."""


class NoRun(MereqError):
    """A directory without a run, a study or a trial, where one was expected."""


class IncompatibleRun(MereqError):
    """A run recorded by another version, or with another configuration than the one asked for."""


class WrongStudy(MereqError):
    """A study file that is not TOML, or says something that no study can have."""


class WrongTrial(MereqError):
    """A trial file that is not TOML, or says something that no trial can have."""


class StillBlind(MereqError):
    """Somebody wants to know what a blind trial hides before it is over."""


class StudyStopped(MereqError):
    """A study that cannot be done as it was asked for: no such engine, or its workers die again and again."""


class CannotWrite(MereqError):
    """The run directory cannot be written: no permission, or the disk is full."""


class CannotExport(MereqError):
    """Runs that cannot become a dataset: nothing is recorded, they do not fit together, or a package is missing."""


class NoDevice(MereqError):
    """An input device that is not there, may not be read, or has gone."""


class WrongThreshold(MereqError):
    """An intervention rate that nothing can be measured against."""


class RobotLost(MereqError):
    """A robot cannot be spoken to any more. Its driver raises this with a few words that say why."""


class WrongRobot(MereqError):
    """A robot's driver that cannot be found, or is not what one must be."""


class WrongLearner(MereqError):
    """A learner for the other kind of actions, or with networks of other sizes, than what it is to work with."""
