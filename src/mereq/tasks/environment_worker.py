"""Worker processes that step Gymnasium environments beside each other.

A worker is a new Python process that gets the task's functions by cloudpickle, through a pipe that only it and this
process hold. It ends when the pipe is closed, so also when this process is killed. It ignores Ctrl-C, which reaches
every process of a terminal: this process decides what it means.
"""

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, cast

import cloudpickle

from mereq.core import errors
from mereq.core.errors import MereqError, OwnCodeFailed, WrongTask
from mereq.tasks.environment_group import EnvironmentGroup, Saving

SECONDS_TO_END = 5.0  # after which a worker that does not end is killed


def sendable(functions: Sequence[Any], name: str) -> bytes:
    """A task's functions, such as `make`, in the form in which a worker gets them.

    Args:
        functions: of the user's. What they use of a file that cannot be imported by name is sent with them.
        name: of the task, for messages.

    Raises:
        WrongTask: they use something that another process cannot get.
    """
    modules = {getattr(function, "__module__", None) for function in functions}
    by_value = [sys.modules[each] for each in modules if each in sys.modules and not _is_importable(each)]
    for module in by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(tuple(functions))
    except Exception as error:
        raise WrongTask(
            f"The task {name} has processes above 1, but its functions cannot be sent to another process: "
            f"{type(error).__name__}: {error}. Let make() open files, connections and devices itself, or use "
            "processes=1."
        ) from error
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _is_importable(module: str) -> bool:
    if module == "__main__":
        return True  # cloudpickle sends what it defines
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


class Worker:
    """A process that steps the environments with these numbers.

    Args:
        build: makes the function `make` of the functions in `functions`; a function of a module of mereq.
        functions: see `sendable`.
        name: of the task, for messages.
        names: of the environments, for messages, by their numbers.
        saving: how states are saved.
    """

    def __init__(self, build: Callable[..., Any], functions: bytes, name: str, names: dict[int, str], saving: Saving):
        self._name = name
        self._pipe, others = Pipe()
        command = [sys.executable, "-m", "mereq.tasks.environment_worker", str(others.fileno())]
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        environ = {**os.environ, "PYTHONPATH": path}
        self._process = subprocess.Popen(command, pass_fds=(others.fileno(),), stdin=subprocess.DEVNULL, env=environ)
        others.close()
        self._tell((build, functions, name, names, saving))

    def send(self, method: str, *arguments: Any) -> None:
        """Request the execution of a method of the group. Does not wait for it."""
        self._tell((method, arguments))

    def receive(self) -> Any:
        """Answer of the oldest request that was not answered yet.

        Raises:
            MereqError: the request failed in the worker, with the worker's words.
            OwnCodeFailed: the worker has ended.
        """
        try:
            failure, answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if failure is None:
            return answer
        kind = getattr(errors, failure, OwnCodeFailed)
        found = kind.__new__(kind)
        Exception.__init__(found, answer)
        raise found

    def _tell(self, message: Any) -> None:
        try:
            self._pipe.send_bytes(cloudpickle.dumps(message))
        except OSError as error:
            raise self._ended() from error

    def _ended(self) -> OwnCodeFailed:
        """What is known about the end of the worker."""
        try:
            code = self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            how = "closed its connection"
        else:
            how = f"was ended by the signal {signal.Signals(-code).name}" if code < 0 else f"ended with the code {code}"
        return OwnCodeFailed(
            f"A worker process that steps environments of the task {self._name} {how}. If the memory is full, use "
            "fewer processes; processes=1 shows the environment's own message."
        )

    def close(self) -> None:
        """Let the worker close its environments and end. One that does not end in time is killed."""
        self._pipe.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def work(pipe: Connection) -> None:
    """Answer requests until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    build, functions, *about = pickle.loads(pipe.recv_bytes())
    failure: tuple[str, str] | None = None
    group: EnvironmentGroup | None = None
    try:
        group = EnvironmentGroup(build(*pickle.loads(functions)), *about)
    except Exception as error:
        failure = _words(error)
    try:
        while True:
            method, arguments = pickle.loads(pipe.recv_bytes())
            answer: Any = None
            if failure is None:
                try:
                    answer = getattr(group, method)(*arguments)
                except Exception as error:
                    failure = _words(error)
            pipe.send_bytes(cloudpickle.dumps((None, answer) if failure is None else failure))
    except (EOFError, OSError):
        pass  # the other process needs this one no longer
    finally:
        if group is not None:
            group.close()


def _words(error: Exception) -> tuple[str, str]:
    """Name of the error's class, and its message."""
    if isinstance(error, MereqError):
        return type(error).__name__, str(error)
    return OwnCodeFailed.__name__, f"A worker process that steps environments failed: {type(error).__name__}: {error}"


if __name__ == "__main__":
    work(cast(Connection, Connection(int(sys.argv[1]))))
