"""A robot that writes down what it is told, and breaks when a test wants it to."""

from typing import Any


class Willing:
    """An operator who lets a robot move whenever they are asked, and has no objections. asked: how often they were."""

    def __init__(self):
        self.asked = 0
        self.reason: str | None = None  # objection
        self.reasons: list[str] = []  # of the monitor, for holding the robot itself

    def await_go(self) -> None:
        self.asked += 1
        self.reason = None

    def objection(self) -> str | None:
        return self.reason

    def driver_works(self, command: str, seconds: float) -> None: ...

    def held(self, reason: str) -> None:
        self.reasons.append(reason)


class Breakable:
    """A task's simulation as a robot: `--robot breakable:Breakable`. The last one made is `Breakable.made`.

    breaks: what goes wrong, by how many things it was told before: an exception, raised once.
    """

    hz, repeatable = None, False
    made: "Breakable"

    def __init__(self, task: Any):
        self.unwrapped = task.make()
        self.told: list[str] = []
        self.breaks: dict[int, BaseException] = {}
        Breakable.made = self

    def __enter__(self) -> "Breakable":
        self._hear("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self._hear("exit")

    def reset(self, *, seed=None):
        self._hear("reset")
        return self.unwrapped.reset(seed=seed)

    def step(self, action):
        self._hear("step")
        return self.unwrapped.step(action)

    def stop(self) -> None:
        self._hear("stop")

    def _hear(self, what: str) -> None:
        self.told.append(what)
        if failure := self.breaks.pop(len(self.told) - 1, None):
            raise failure
