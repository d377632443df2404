"""A robot of your own: a driver that talks to a robot over a socket, and a program that simulates the robot.

The robot is another process, so that it can really be lost: kill it, and see what happens. In two terminals:

    python examples/socket_robot.py                                                        # the robot
    mereq supervise bottle-pushing --robot examples.socket_robot:SocketRobot --out runs/robot

The robot is our simulated arm, and reports only what the sensors of a real one could: the positions of tool and object,
and the force at the tool. The driver computes the rest. See docs/robots.md.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import socket
import socketserver
import time

import numpy as np
from PIL import Image

from mereq.core.errors import RobotLost, WrongRobot
from mereq.core.task import Task
from mereq.tasks.arm.definition import ArmTask
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.scene import scene_of
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import ArmWorld, Physics

ADDRESS = os.environ.get("SOCKET_ROBOT", "127.0.0.1:7010")
PATIENCE = 2.0  # s after which an answer to a step does not come any more
PUTTING_BACK = 60.0  # s for a person to put the bottle back


class SocketRobot:
    """The driver: `mereq` makes one with the task, enters it to connect, and calls `reset`, `step` and `stop`."""

    hz = 10.0  # the robot answers when the 0.1 s of a step are over: it keeps time, and `mereq` does not wait besides
    repeatable = False  # the world cannot be restored in the middle of an episode
    render_mode = "rgb_array"  # `render` gives a camera's picture, which the page shows

    def __init__(self, task: Task):
        if task.name not in ARM_TASKS:
            raise WrongRobot(f"This robot is an arm: it can do {', '.join(ARM_TASKS)}, and not {task.name}.")
        self._task = ARM_TASKS[task.name]

    def __enter__(self) -> "SocketRobot":
        """Connect. Nothing moves before `reset`."""
        host, port = ADDRESS.rsplit(":", 1)
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        except OSError as error:
            raise RobotLost(f"there is none at {ADDRESS} ({error})") from error
        self._stream = self._socket.makefile("rwb")
        return self

    def __exit__(self, *error: object) -> None:
        """Disconnect. `mereq` has called `stop` before."""
        with contextlib.suppress(OSError):  # the robot may be gone
            self._stream.close()
        self._socket.close()

    def reset(self, *, seed: int | None = None) -> tuple[np.ndarray, dict]:
        """Start an episode. With a real robot, a person puts the bottle back now; a seed may choose the place."""
        self._measured = self._task.measure(self._ask("place", PUTTING_BACK, task=self._task.name, seed=seed), None)
        return self._task.observe(self._measured)[0], self._info()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Move for one period, then look. The features are those of the task, of what was measured on this robot."""
        grip = self._task.grip(self._measured)[0]
        physics = self._ask("move", PATIENCE, action=np.asarray(action, float).tolist(), grip=grip.tolist())
        self._measured = self._task.measure(physics, self._measured)
        return self._task.observe(self._measured)[0], 0.0, False, bool(self._task.over(self._measured)[0]), self._info()

    def stop(self) -> None:
        """Stand still, now. No answer is waited for: the robot may not be there any more."""
        self._send({"do": "stop"})

    def render(self) -> np.ndarray:
        """What the robot's camera sees."""
        picture = base64.b64decode(self._answer({"do": "look"}, PATIENCE)["jpeg"])
        return np.asarray(Image.open(io.BytesIO(picture)))

    def _info(self) -> dict:
        """What the task's environments report: features for the learner, measurements for rules that take over."""
        return {"features": self._task.features(self._measured)[0], "measurements": self._measured.single(0)}

    def _ask(self, do: str, seconds: float, **what: object) -> Physics:
        said = self._answer({"do": do, **what}, seconds)
        return Physics(*(np.array([said[part]], float) for part in ("tool", "joints", "force", "goal")))

    def _answer(self, message: dict, seconds: float) -> dict:
        self._socket.settimeout(seconds)
        self._send(message)
        try:
            line = self._stream.readline()
        except OSError as error:
            raise RobotLost(f"no answer came ({error})") from error
        if not line.endswith(b"\n"):
            raise RobotLost("it has closed the connection")
        return json.loads(line)

    def _send(self, message: dict) -> None:
        try:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise RobotLost(f"the connection is broken ({error})") from error


class Cell:
    """The robot's side: it moves for one period when it is told to, and stands still at all other times.

    That is the robot's own doing, so that a program which was killed, or a cable that was pulled, stops it as well.
    """

    def __init__(self, period: float):
        self._period, self._due = period, 0.0
        self.place("bottle-pushing", seed=0)  # the first times take seconds
        self.move([0.0, 0.0, 0.0], [])

    def place(self, task: str, seed: int | None) -> dict:
        """Put the tool and the objects to where an episode starts."""
        self._task: ArmTask = ARM_TASKS[task]
        self._world = ArmWorld(self._task.setup, threads=1)
        physics = self._world.reset([self._task.begin(np.random.default_rng(seed))])
        self._measured = self._task.measure(physics, None)
        return _sensed(physics)

    def move(self, action: list[float], grip: list[float]) -> dict:
        """Move by an action [cm], and tell what the sensors say when the period is over."""
        physics = self._world.step(np.array([action]), np.array([grip]))
        self._measured = self._task.measure(physics, self._measured)
        self._due = max(self._due + self._period, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))
        return _sensed(physics)

    def look(self) -> dict:
        """A picture."""
        file = io.BytesIO()
        picture = draw(scene_of(self._world) + self._task.markings(self._measured.single(0)))
        Image.fromarray(picture).save(file, "JPEG", quality=85)
        return {"jpeg": base64.b64encode(file.getvalue()).decode()}


def _sensed(physics: Physics) -> dict:
    return {part: getattr(physics, part)[0].tolist() for part in ("tool", "joints", "force", "goal")}


class Conversation(socketserver.StreamRequestHandler):
    """One driver after the other: a message per line, as JSON, and an answer to each but `stop`."""

    def handle(self) -> None:
        """Until the driver leaves."""
        cell: Cell = self.server.cell  # pyright: ignore[reportAttributeAccessIssue]
        print("connected", flush=True)
        for line in self.rfile:
            message = json.loads(line)
            do = message.pop("do")
            if do == "stop":
                print("told to stop", flush=True)  # it stands still already: time passes for it in `move` only
            else:
                self.wfile.write(json.dumps(getattr(cell, do)(**message)).encode() + b"\n")
        print("disconnected", flush=True)


def serve(host: str, port: int, period: float) -> None:
    """Play the robot until Ctrl-C."""
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer((host, port), Conversation) as server:
        server.cell = Cell(period)  # pyright: ignore[reportAttributeAccessIssue]
        print(f"The robot waits at {host}:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Play the robot that `SocketRobot` drives.")
    words.add_argument("--port", type=int, default=int(ADDRESS.rsplit(":", 1)[1]), help="0: any that is free")
    words.add_argument("--period", type=float, default=0.1, help="of a step [s]")
    arguments = words.parse_args()
    try:
        serve("127.0.0.1", arguments.port, arguments.period)
    except KeyboardInterrupt:
        print("\nThe robot is switched off.")
