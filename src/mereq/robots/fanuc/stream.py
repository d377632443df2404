"""Stream Motion by airo-fanuc (option S636): its driver behind what an arm needs of it, its errors as sentences.

The driver streams a joint command every 8 ms, from a compiled thread, and shapes what it is told by limits of speed,
acceleration and jerk. Its joints are those of our chain: the third is counted from the second link's direction at rest,
and not from the horizontal as on the pendant and over RMI.
"""

import logging
import queue
import threading
import time
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongRobot
from mereq.robots.arm import ArmFault
from mereq.robots.cell_file import ArmEntry
from mereq.robots.fanuc.rmi_packets import FIRST_CODE, Packet, sentence_of
from mereq.tasks.arm import kinematics

logger = logging.getLogger("mereq")
CONNECTED = FIRST_CODE + 25  # another computer is connected, or this one was and is not forgotten yet
FREED = 5.0  # s in which a controller forgets that it was connected: 2.7 were measured
SETTLING = 2.0  # s for which motion must stay possible before the connection counts as made
FASTEST, ACCELERATION, JERK = 120.0, 1200.0, 24_000.0  # of each joint, what the driver lets pass [deg/s, /s^2, /s^3]
Joints = Float[np.ndarray, "6"]


class StreamState(NamedTuple):
    """What the controller and the driver reported last."""

    measured: Joints  # joint angles of our chain [rad]
    commanded: Joints  # that were sent last [rad]
    age: float  # of the controller's report [s]
    stands: bool  # whether nothing is commanded to move
    pendant_on: bool
    fault: str  # the driver's word for why it does not move; empty: nothing is wrong


class Stream(Protocol):
    """A connection over which joints are streamed. `brake` may be called from any thread."""

    def state(self) -> StreamState:
        """The present state. Returns at once."""
        ...

    def servo(self, joints: Joints, seconds: float) -> None:
        """Head for joint angles, in a time. Returns at once. Raises ArmFault."""
        ...

    def brake(self) -> None:
        """Brake, now. Returns at once."""
        ...

    def ask(self, packet: Packet, patience: float) -> Packet:
        """Answer of the controller to a command of RMI, which reports no error, within a time [s]. Raises ArmFault."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class AiroStream:
    """Stream Motion by airo-fanuc's driver, which connects when it is made. Nothing moves.

    The driver does not recover by itself: after a fault the robot is connected again, by the person's word.

    Raises:
        WrongRobot: airo-fanuc is not installed.
        ArmFault: there is no connection, or the controller refuses.
    """

    def __init__(self, entry: ArmEntry):
        try:
            airo: Any = import_module("airo_fanuc")
            rmi_client: Any = import_module("airo_fanuc.rmi_client")
        except ImportError as error:
            raise WrongRobot('Stream Motion needs airo-fanuc, on Linux: pip install "mereq[fanuc]"') from error
        self._errors = (airo.FanucError, rmi_client.RmiError, OSError)
        self._hold = airo.driver.Mode.HOLD
        low, high = np.degrees(kinematics.JOINT_LIMITS).T
        profile = airo.RobotProfile.from_degrees(
            name="mereq",
            model="LR Mate 200iD/7L",
            velocity_limits_deg_s=[FASTEST] * 6,
            acceleration_limits_deg_s2=[ACCELERATION] * 6,
            jerk_limits_deg_s3=[JERK] * 6,
            position_limits_lower_deg=low,
            position_limits_upper_deg=high,
            source="mereq.robots.fanuc.stream: limits of the program, not of the arm",
        )
        config = airo.DriverConfig(profile=profile, rmi_port=entry.port, sm_port=entry.stream_port)
        policy = airo.DriverPolicy(
            config=config,
            connect_retries=1,
            bringup_settle_s=SETTLING,
            auto_recover=False,
            enable_gripper=False,
            enable_ownership=False,  # the controller has one session, and RMI refuses a second one before any motion
        )
        until = time.monotonic() + FREED
        while True:
            try:
                self._driver: Any = airo.FanucDriver(entry.address, policy)
                return
            except self._errors as error:
                if str(CONNECTED) not in str(error):
                    raise ArmFault(
                        f"Stream Motion does not start at {entry.address}: {str(error)[:300]}. It needs option S636, "
                        "the pendant off, and no alarm"
                    ) from error
                if time.monotonic() > until:
                    raise ArmFault(sentence_of(CONNECTED)) from error
            time.sleep(0.1)

    def state(self) -> StreamState:
        """The present state."""
        found = self._driver.get_state()
        faulted = found["faulted"] or found["motion_inhibited"] or found["e_stopped"] or found["tp_enabled"]
        return StreamState(
            np.array(found["q_meas"], float),
            np.array(found["q_cmd"], float),
            found["rx_age_ms"] / 1000.0,
            type(self._hold)(int(found["mode"])) == self._hold,
            bool(found["tp_enabled"]),
            str(found["fault_reason"]) if faulted else "",
        )

    def servo(self, joints: Joints, seconds: float) -> None:
        """Head for joint angles, in a time."""
        try:
            self._driver.servo_j(joints, seconds)
        except self._errors as error:
            raise ArmFault(f"The arm takes no more commands ({str(error)[:200]})") from error

    def brake(self) -> None:
        """Brake, now."""
        self._driver.stop_j()

    def ask(self, packet: Packet, patience: float) -> Packet:
        """Answer of the controller over the driver's own session: a controller has no second one.

        The driver has methods for some commands only, so its general one is used, which is not public. It may try again
        for half a minute when nothing answers, and is not waited for then.
        """
        name = next(iter(packet.values()))
        answers: queue.SimpleQueue[Packet | Exception] = queue.SimpleQueue()

        def exchange() -> None:
            try:
                answers.put(self._driver.rmi._exchange_with_retry(packet))
            except self._errors as error:
                answers.put(error)

        threading.Thread(target=exchange, name="rmi", daemon=True).start()
        try:
            answer = answers.get(timeout=patience)
        except queue.Empty:
            raise ArmFault(f"The controller did not answer {name} within {patience:g} s: check the cable") from None
        if isinstance(answer, Exception):
            number = getattr(answer, "error_id", None)
            told = sentence_of(number) if isinstance(number, int) and number else str(answer)[:200]
            raise ArmFault(f"{name}: {told}") from answer
        return answer

    def close(self) -> None:
        """Stop, and end the connection. Errors are not raised: the end is the end."""
        try:
            self._driver.close()
        except self._errors as error:
            logger.warning("Stream Motion did not end in order. %s", error)
