"""Exceptions for mistakes of a user, one class each. Messages say what was wrong, what is allowed and what to do."""


class MereqError(Exception):
    """A mistake that the user can correct. The command line prints its message and exits with status 2."""


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


class WrongTask(MereqError, ValueError):
    """A task, prior or supervisor of a user's that cannot be aligned as it is."""


class MissingPackage(MereqError):
    """A package of an extra that is not installed. The message says which extra has it."""


class OwnCodeFailed(MereqError):
    """An exception in a user's environment, features, policy or supervisor. The message names their line."""


class WrongValue(MereqError, ValueError):
    """A number that a run cannot have, such as a negative seed."""


class WrongPolicyOutput(MereqError):
    """A policy, often a user's prior, whose output has the wrong shape or values that are not finite."""


class WrongObservation(MereqError, ValueError):
    """Observations are of another size than those that a policy takes."""


class WrongAction(MereqError, ValueError):
    """An action that an environment cannot execute: the wrong shape, or values that are not finite."""


class NonFiniteFeatures(MereqError):
    """NaN or infinite features of a task, which would make every estimate NaN."""


class LearnerDiverged(MereqError):
    """A learner whose weights, parameters or policy became NaN or infinite."""


class CorruptCheckpoint(MereqError):
    """A checkpoint that cannot be read, is truncated, or does not fit what it is loaded into."""


class CannotStore(MereqError, TypeError):
    """A policy of which no weights can be written, because it is a function or a user's class."""


class LostRows(CorruptCheckpoint):
    """A record without rows that were acknowledged: its write-ahead log is missing or damaged."""


class RunExists(MereqError):
    """A directory that already contains a run, a study, a trial or a dataset, where a new one was to be written."""


class NoRun(MereqError):
    """A directory that contains no run, study or trial, where one was expected."""


class IncompatibleRun(MereqError):
    """A run that was recorded by another version, or with another configuration than the requested one."""


class WrongStudy(MereqError):
    """A study file that is not TOML, or has a value that no study can have."""


class WrongTrial(MereqError):
    """A trial file that is not TOML, or has a value that no trial can have."""


class StillBlind(MereqError):
    """A request for what a blind trial hides, before the trial is complete."""


class StudyStopped(MereqError):
    """A study that cannot be run: its engine does not exist, or its workers fail repeatedly."""


class CannotWrite(MereqError):
    """A run directory that cannot be written: no permission, or the disk is full."""


class CannotServe(MereqError):
    """An address or port on which the page of `mereq supervise` cannot be served, such as a port in use."""


class CannotExport(MereqError):
    """Runs that cannot become a dataset: nothing is recorded, they do not fit together, or a package is missing."""


class NoDevice(MereqError):
    """An input device that is not connected, may not be read, or was disconnected."""


class WrongThreshold(MereqError):
    """An intervention rate that cannot serve as a threshold."""


class RobotLost(MereqError):
    """Loss of the connection to a robot. The driver raises it, with the reason in a few words."""


class NeedsPerson(MereqError):
    """A robot that must not move without the word of a person, where no person can be asked."""


class WrongRobot(MereqError):
    """A robot's driver that cannot be found, or does not implement `Robot`."""


class WrongLearner(MereqError):
    """A learner that does not fit its task or policy: other kind of actions, or networks of other sizes."""
