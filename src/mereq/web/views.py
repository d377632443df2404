"""Types of the messages that the server sends to the page, as JSON.

frontend/src/messages.ts declares the same types for the page, and a test compares the two.
"""

from typing import Literal, TypedDict

from mereq.core.view import Picture, Place
from mereq.irl.belief import Sign
from mereq.web.devices.device import Held

Phase = Literal["preparing", "supervising", "learning", "finished", "stopped"]
ContradictionState = Literal["counts", "is taken back", "taken back", "in a finished round"]
Action = int | list[float]  # an index, or a vector


class Key(TypedDict):
    """An action of the task, and the keys that select it."""

    codes: list[str]  # KeyboardEvent.code
    label: str
    shown: str
    action: Action  # vectors of several keys that are down are added


class Hello(TypedDict):
    """First message to a page, about the task."""

    kind: Literal["hello"]
    task: str
    summary: str
    features: list[str]
    keys: list[Key]
    device: str | None  # input device of the program's machine, which acts instead of the page
    delta: float
    foresees: bool  # whether the page can show what the policy is about to do
    replays: bool  # whether the page can show an intervention again


class RoundSummary(TypedDict):
    """Summary of a finished round."""

    rate: float
    samples: int
    theta: list[float]
    waited: float  # time spent learning [s]


class LastStep(TypedDict):
    """Last step of the present episode."""

    action: str
    by: int  # mereq.core.supervisor.Controller
    terminated: bool


class LearningProgress(TypedDict):
    """Progress of the learner."""

    step: int
    of: int
    gradient: float | None


class BelievedWeight(TypedDict):
    """What the program believes about the weight of a feature."""

    name: str
    mean: float
    low: float  # 95 % interval
    high: float
    before: float  # half of the interval before any evidence
    was: float  # mean before the last handback; zero before any evidence
    sign: Sign
    words: str


class Contradiction(TypedDict):
    """An intervention that contradicts the others."""

    at: tuple[int, int, int]  # its round, its episode, its first step; from 0
    where: str  # the same in words, from 1
    changed: str  # what it changed most
    slip: float  # probability that it is a slip, given the others
    state: ContradictionState


class Beliefs(TypedDict):
    """What the program believes the person wants, by a method that infers a posterior."""

    weights: list[BelievedWeight]  # empty before the first intervention
    confused: list[tuple[str, str]]  # features that cannot be told apart yet
    changed: str  # what the last intervention, or what taking one back, changed most
    contradictions: list[Contradiction]  # the most certain ones first


class Status(TypedDict):
    """Status of a run, in numbers."""

    phase: Phase
    words: str  # reason for the stop
    directory: str
    round: int
    of_rounds: int
    step: int
    of_steps: int
    episode: int
    step_of_episode: int
    last: LastStep | None
    basic: float | None  # prior reward of the last step
    residual: float | None
    yours: int
    taken_back: int
    can_retract: bool
    samples: int
    rounds: list[RoundSummary]
    progress: LearningProgress | None
    version: int | None  # number of the newest policy, with concurrent learning
    beliefs: Beliefs | None


class View(Status):
    """Complete view of the page. A page that reloads needs nothing else."""

    kind: Literal["view"]
    frame: int
    picture: Picture | None
    paused: str | None
    awaits: str | None  # what is waited for: a robot's driver, or the countdown before it moves
    engaged: bool
    pace: float
    felt: Held | None
    readings: list[tuple[str, str]]
    ghost: list[Place] | None  # what the policy is about to do; None: it is not shown


class Replay(TypedDict):
    """An intervention that is shown again, with the steps before it."""

    kind: Literal["replay"]
    pictures: list[Picture]
    yours: list[bool]  # whether the person acted, for each picture
    seconds: float  # that a picture lasts


class Refusal(TypedDict):
    """Answer to a message that is not valid."""

    kind: Literal["refused"]
    reason: str
