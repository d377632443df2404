"""A program that steps a robot until something ends it: `robot_process.py FILE WAY`. FILE has what it was told."""

import ctypes
import fcntl
import sys
import termios
import time
from pathlib import Path

from mereq.supervision.interruption import interruption
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.tasks.corridor import TASK


class Recorder:
    """A robot that writes what it is told into a file, before it does it."""

    hz, repeatable = None, False

    def __init__(self, file: Path, way: str):
        self._file, self._way, self._inside = file, way, TASK.make()

    def tell(self, what: str) -> None:
        with self._file.open("a") as file:
            file.write(what + "\n")

    def __enter__(self) -> "Recorder":
        self.tell("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self.tell("exit")

    def reset(self, *, seed=None):
        self.tell("reset")
        if self._way == "reset":
            time.sleep(600)
        return self._inside.reset(seed=seed)

    def step(self, action):
        self.tell("step")
        if self._way == "step":
            time.sleep(600)
        return self._inside.step(action)

    def stop(self) -> None:
        self.tell("stop")


def hang_in_compiled_code() -> None:
    """Never return from a function that no signal interrupts: a mutex that is locked already."""
    pthread, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    pthread.pthread_mutex_lock(mutex)
    pthread.pthread_mutex_lock(mutex)


def main(file: str, way: str) -> None:
    """Step until the end. way: "signal", "terminal", or where the program hangs or fails."""
    if way == "terminal":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # whose closing sends SIGHUP
    with interruption.caught(), interruption.deferred():
        environment = RobotEnvironment(Recorder(Path(file), way), TASK)
        environment.reset(seed=0)
        environment.step(1)
        if way == "compiled":
            hang_in_compiled_code()
        if way == "exit":
            sys.exit(0)
        if way == "error":
            raise ZeroDivisionError
        while True:
            environment.step(1)
            time.sleep(0.01)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
