"""A wire in real time: how evenly the arm is commanded, how long a step takes, and how far a killed program's arm goes.

    .venv/bin/python benchmarks/robots/motion.py --out results/robot/motion.json

For each wire the emulated controller is in this process and the program that moves the arm, by one centimetre every
0.1 s, in another one, so that neither waits for the other's interpreter. `stream, one target` is Stream Motion with one
target of 100 ms a step in place of five of 20 ms. Speeds are those of the commanded tool, in each interpolation period
of the controller (RMI) or of the client (stream). The load of the machine is noted: nothing here is asserted.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from mereq.robots.arm import Arm
from mereq.robots.cell_file import ArmEntry
from mereq.robots.clock import RealClock
from mereq.robots.emulator.cell import EmulatedCell
from mereq.robots.emulator.motion import ITP
from mereq.robots.emulator.server import EmulatorServer
from mereq.robots.fanuc import stream, stream_arm
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.fanuc.stream_arm import StreamArm
from mereq.store.provenance import clean_provenance, provenance
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import CENTIMETRE, PERIOD

WAYS = {  # how a step is commanded, by name: the wire, termination over RMI, targets of a step over Stream Motion
    "rmi, cnt": ("rmi", "cnt", 0),
    "rmi, noblend": ("rmi", "noblend", 0),
    "stream, five targets": ("stream", "cnt", 5),
    "stream, one target": ("stream", "cnt", 1),
}
BEGIN, STEPS = np.array([0.34, 0.0, 0.1]), 35  # of one way along x
RUN_UP = 8  # steps until the speed is that of the rest
STOOD = 1.0  # s after which a killed program's arm has come to a stand
TASK = ARM_TASKS["bottle-pushing"]


def move(port: int, stream_port: int, way: str, ways: int) -> None:
    """The program: move to and fro, then along x until it is killed. Tells each step's duration on its output."""
    wire, termination, targets = WAYS[way]
    entry = ArmEntry(
        "127.0.0.1", TASK.setup.workspace.tolist(), wire=wire, port=port, stream_port=stream_port, override=100,
        termination=termination,
    )  # fmt: skip
    if targets:
        stream_arm.TARGET, stream.SETTLING = PERIOD / targets, 0.0
    made: Arm = StreamArm(entry, None) if wire == "stream" else RmiArm(entry, None)
    clock = RealClock()
    with made as arm:
        if targets:
            stream_arm.TARGET = 0.02  # resets are not what is compared
        for _ in range(ways + 1):
            arm.go([BEGIN], 0.1)
            stream_arm.TARGET = PERIOD / max(targets, 1)
            print("way", flush=True)
            target, due, before = arm.tool(), clock.now(), clock.now()
            for _ in range(STEPS):
                target = target + np.array([CENTIMETRE, 0.0, 0.0])
                arm.send(target, PERIOD)
                due += PERIOD
                clock.sleep(due - clock.now())
                arm.tool()
                now = clock.now()
                print(now - before, flush=True)
                before = now
            stream_arm.TARGET = 0.02
            print("end", flush=True)


class Emulated:
    """The emulated controller of a wire, and where the tool is commanded to be in each period."""

    def __init__(self, wire: str):
        self.cell = EmulatedCell(TASK, rate=0.1)
        self.cell.happen("unplug")  # no picture is rendered
        self.server = EmulatorServer(self.cell, port=0, session_port=0, stream=wire == "stream")
        self.noted: list[np.ndarray] = []  # the tool over RMI, joints of a stream
        if self.server.stream is not None:
            self.server.stream.note = self.noted.append
            return
        motion, tick = self.cell.controller.motion, self.cell.controller.motion.tick

        def noted():
            done = tick()
            self.noted.append(motion.tool)
            return done

        motion.tick = noted

    @property
    def ports(self) -> tuple[int, int]:
        stream = self.server.stream
        return (self.server.port, 1) if stream is None else (stream.rmi_port, stream.stream_port)

    def commanded(self, first: int) -> np.ndarray:
        """The tool, from a period on."""
        if self.server.stream is None:
            return np.array(self.noted[first:])
        return np.array([kinematics.forward(each, TASK.setup.tool.length)[0] for each in self.noted[first:]])


def measure(way: str, ways: int, kills: int) -> dict:
    """Speeds and periods of whole ways, then kills."""
    emulated = Emulated(WAYS[way][0])
    speeds, periods, travels = [], [], []
    with emulated.server:
        for k in range(kills):
            found = one_program(way, emulated, ways if k == 0 else 0)
            speeds, periods = speeds + found[0], periods + found[1]
            travels.append(found[2])
    return {
        "speed_mean": round(float(np.mean(speeds)), 4),
        "speed_spread": round(float(np.std(speeds)), 4),
        "speed_range": [round(float(v), 4) for v in (np.min(speeds), np.max(speeds))],
        "step_period": {f"p{q}": round(float(np.percentile(periods, q)), 4) for q in (50, 99)},
        "steps": len(periods),
        "travel_after_kill": [round(float(each), 4) for each in travels],
        "load": round(os.getloadavg()[0], 1),
    }


def one_program(way: str, emulated: Emulated, ways: int) -> tuple[list, list, float]:
    """Speeds, periods, and the way after the kill, of one program."""
    words = [sys.executable, __file__, "--move", way, "--ways", str(ways), "--ports", *map(str, emulated.ports)]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    speeds, periods, steps, first, k = [], [], 0, 0, 0
    for line in program.stdout:
        word = line.strip()
        if word == "way":
            steps = 0
        elif word == "end":
            k += 1
        else:
            steps += 1
            if steps > RUN_UP:
                periods.append(float(word))
            if steps == RUN_UP:
                first = len(emulated.noted)
            if steps == STEPS - 2:
                way_of = np.diff(emulated.commanded(first), axis=0)
                speeds += (np.linalg.norm(way_of, axis=1) / ITP).tolist()
            if k == ways and steps == STEPS // 2:
                break
    else:
        raise RuntimeError("the program has ended by itself")
    at = emulated.cell.plant.tool
    program.kill()
    program.wait()
    time.sleep(STOOD)
    stood = emulated.cell.plant.tool
    time.sleep(STOOD)
    assert np.linalg.norm(emulated.cell.plant.tool - stood) < 1e-3, "the arm does not stand"
    return speeds, periods, float(np.linalg.norm(stood - at))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--ways", type=int, default=5)
    words.add_argument("--way", choices=[*WAYS], help="one of them only")
    words.add_argument("--kills", type=int, default=5)
    words.add_argument("--move", choices=[*WAYS], help=argparse.SUPPRESS)
    words.add_argument("--ports", type=int, nargs=2, help=argparse.SUPPRESS)
    words.add_argument("--out", type=Path)
    arguments = words.parse_args()
    if arguments.move is not None:
        move(*arguments.ports, arguments.move, arguments.ways)
        return
    results = {}
    for way in [arguments.way] if arguments.way else WAYS:
        results[way] = measure(way, arguments.ways, arguments.kills)
        print(way, results[way], flush=True)
    if arguments.out is not None:
        config = {"ways": arguments.ways, "steps_of_a_way": STEPS, "kills": arguments.kills}
        content = {"config": config, "results": results, "provenance": clean_provenance(provenance())}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
