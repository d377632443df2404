"""A program that moves an arm until it is killed: `moving_arm.py PORT TERMINATION`, or `PORT cnt STREAM_PORT`."""

import sys
from dataclasses import replace

import numpy as np

from mereq.robots.cell_file import ArmEntry
from mereq.robots.clock import RealClock
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.fanuc.stream_arm import StreamArm
from patient_stream import be_patient

WORKSPACE = [[0.28, -0.25, 0.015], [0.78, 0.25, 0.25]]


def main(port: str, termination: str, stream_port: str = "") -> None:
    """One centimetre along x every 0.1 s, as an episode's steps are."""
    entry, clock = ArmEntry("127.0.0.1", WORKSPACE, port=int(port), override=100, termination=termination), RealClock()
    made = RmiArm(entry, None, clock)
    if stream_port:
        be_patient(setattr)
        made = StreamArm(replace(entry, wire="stream", stream_port=int(stream_port)), None, clock)
    with made as arm:
        target, due = arm.tool(), clock.now()
        while True:
            target = target + np.array([0.01, 0.0, 0.0])
            arm.send(target, 0.1)
            due += 0.1
            clock.sleep(due - clock.now())


if __name__ == "__main__":
    main(*sys.argv[1:])
