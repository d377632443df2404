"""Cameras behind one interface: RealSense, OpenCV (V4L2), a file, the emulator's.

A camera reports when each picture was taken, on this machine's monotonic clock.
"""

import contextlib
import json
import socket
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt8

from mereq.core.errors import RobotLost, WrongRobot
from mereq.robots.cell_file import CameraEntry
from mereq.robots.sight.pose import Intrinsics

PATIENCE = 2.0  # s without a picture after which a camera counts as lost
TYPICAL_DELAY = 0.04  # s from the middle of an exposure to its arrival, where the camera's own time is not known
LONGEST_DELAY = 0.5  # s; a larger one is a wrong clock
ASK = b"."  # for the emulator's next picture: unrequested pictures would grow old in buffers
HEADER = struct.Struct("!d")  # time of a picture of the emulator's camera


class Frame(NamedTuple):
    """A picture, and when it was taken [s]."""

    picture: UInt8[np.ndarray, "height width 3"]
    taken: float


class Camera(Protocol):
    """A colour camera. It is entered before anything else is asked."""

    def intrinsics(self) -> Intrinsics:
        """Projection."""
        ...

    def __enter__(self) -> Any:
        """Start the pictures."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """End the pictures."""
        ...

    def read(self) -> Frame:
        """The next picture.

        Raises:
            RobotLost: none comes.
        """
        ...


def camera_of(entry: CameraEntry) -> Camera:
    """The camera that a cell's file names.

    Raises:
        WrongRobot: there is no such kind of camera, or its package is not installed.
    """
    kind, _, rest = entry.source.partition(":")
    if kind == "realsense":
        return RealSenseCamera(entry, recording=rest or None)
    if kind == "opencv" and rest.isdecimal():
        return OpenCvCamera(entry, int(rest))
    if kind == "file" and rest:
        return FileCamera(Path(rest))
    if kind == "emulator" and rest.isdecimal():
        return EmulatedCamera(int(rest))
    raise WrongRobot(
        f"There is no camera {entry.source!r}. Known: realsense, realsense:RECORDING, opencv:NUMBER, file:NAME.npz, "
        "emulator:PORT."
    )


class RealSenseCamera:
    """Colour pictures of a RealSense, or of a recording of one."""

    def __init__(self, entry: CameraEntry, recording: str | None = None):
        try:
            import pyrealsense2  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise WrongRobot('A RealSense needs its library: pip install "mereq[sight]"') from error
        self._library: Any = pyrealsense2
        self._entry, self._recording = entry, recording

    def __enter__(self) -> "RealSenseCamera":
        """Start the colour stream, with the size and the rate of the file."""
        rs, entry = self._library, self._entry
        config = rs.config()
        if self._recording:
            if not Path(self._recording).is_file():
                raise RobotLost(f"there is no recording {self._recording}")
            config.enable_device_from_file(self._recording, repeat_playback=False)
        else:
            if entry.serial:
                config.enable_device(entry.serial)
            config.enable_stream(rs.stream.color, *entry.size, rs.format.rgb8, entry.rate)
        self._pipeline = rs.pipeline()
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            which = f" {entry.serial}" if entry.serial else ""
            raise RobotLost(f"the RealSense{which} does not start ({error}): check its USB 3 cable") from error
        found = profile.get_stream(rs.stream.color).as_video_stream_profile().get_intrinsics()
        inverse = found.model == rs.distortion.inverse_brown_conrady  # close to none for a D435
        self._intrinsics = Intrinsics(
            (found.fx, found.fy),
            (found.ppx + 0.5, found.ppy + 0.5),  # librealsense counts from the middle of the first pixel
            (found.width, found.height),
            (0.0,) * 5 if inverse else tuple(found.coeffs),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the stream."""
        with contextlib.suppress(RuntimeError):  # it is unplugged
            self._pipeline.stop()

    def intrinsics(self) -> Intrinsics:
        """Projection that the camera reports."""
        return self._intrinsics

    def read(self) -> Frame:
        """The next picture. Its time is the camera's, where that is comparable with the machine's."""
        rs = self._library
        try:
            colour = self._pipeline.wait_for_frames(int(1000 * PATIENCE)).get_color_frame()
        except RuntimeError as error:
            raise RobotLost(f"the camera does not answer ({error})") from error
        now, delay = time.monotonic(), TYPICAL_DELAY
        domain = colour.get_frame_timestamp_domain()
        if domain in (rs.timestamp_domain.global_time, rs.timestamp_domain.system_time):
            delay = time.time() - colour.get_timestamp() / 1000.0
        taken = now - (delay if 0.0 <= delay <= LONGEST_DELAY else TYPICAL_DELAY)
        return Frame(np.asanyarray(colour.get_data()).copy(), taken)


class OpenCvCamera:
    """A camera of OpenCV's, such as a webcam by V4L2. Its projection is in the file."""

    def __init__(self, entry: CameraEntry, number: int):
        try:
            import cv2  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise WrongRobot("This camera needs OpenCV: pip install opencv-python-headless") from error
        if entry.intrinsics is None:
            raise WrongRobot(
                f"The camera {entry.source} does not report its projection: give `focal` and `centre` [px] in [camera]"
            )
        self._library: Any = cv2
        self._entry, self._number, self._intrinsics = entry, number, entry.intrinsics

    def __enter__(self) -> "OpenCvCamera":
        """Open the camera with the size of the file."""
        cv2 = self._library
        self._capture = cv2.VideoCapture(self._number)
        for which, value in zip(
            (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_BUFFERSIZE),
            (*self._entry.size, self._entry.rate, 1),
            strict=True,
        ):
            self._capture.set(which, value)
        if not self._capture.isOpened():
            raise RobotLost(f"OpenCV finds no camera {self._number}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the camera."""
        self._capture.release()

    def intrinsics(self) -> Intrinsics:
        """Projection that the file states."""
        return self._intrinsics

    def read(self) -> Frame:
        """The next picture."""
        fine, picture = self._capture.read()
        if not fine:
            raise RobotLost("the camera does not answer")
        if picture.shape[:2] != (self._entry.size[1], self._entry.size[0]):
            height, width = picture.shape[:2]
            raise RobotLost(f"the camera gives {width} x {height} pictures, and `size` says {self._entry.size}")
        return Frame(np.ascontiguousarray(picture[:, :, ::-1]), time.monotonic() - TYPICAL_DELAY)


class FileCamera:
    """Pictures of a file (npz: `pictures`, `times`, `focal`, `centre`), one after the other at their times."""

    def __init__(self, file: Path):
        self._file = file

    def __enter__(self) -> "FileCamera":
        """Read the file."""
        try:
            with np.load(self._file, allow_pickle=False) as content:
                self._pictures, self._times = content["pictures"], content["times"]
                focal, centre = content["focal"], content["centre"]
        except (OSError, ValueError, KeyError) as error:
            raise RobotLost(f"{self._file} is no file of pictures ({error})") from error
        height, width = self._pictures.shape[1:3]
        self._intrinsics = Intrinsics(
            (float(focal[0]), float(focal[1])), (float(centre[0]), float(centre[1])), (width, height)
        )
        self._began, self._next = time.monotonic(), 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def intrinsics(self) -> Intrinsics:
        """Projection that the file states."""
        return self._intrinsics

    def read(self) -> Frame:
        """The next picture, at its time."""
        if self._next >= len(self._pictures):
            raise RobotLost("the file has no more pictures")
        number, self._next = self._next, self._next + 1
        due = self._began + float(self._times[number] - self._times[0])
        time.sleep(max(0.0, due - time.monotonic()))
        return Frame(self._pictures[number], time.monotonic())


class EmulatedCamera:
    """The emulator's camera, over this machine's loopback. Its clock is this machine's."""

    def __init__(self, port: int):
        self._port = port

    def __enter__(self) -> "EmulatedCamera":
        """Connect, and read the projection."""
        try:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
            self._stream = self._socket.makefile("rb")
            about = json.loads(self._stream.readline())
        except (OSError, ValueError) as error:
            raise RobotLost(f"no emulated camera answers at port {self._port} ({error}): start the emulator") from error
        width, height = about["size"]
        self._shape = (height, width, 3)
        self._intrinsics = Intrinsics(tuple(about["focal"]), tuple(about["centre"]), (width, height))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._socket.close()

    def intrinsics(self) -> Intrinsics:
        """Projection that the emulator reports."""
        return self._intrinsics

    def read(self) -> Frame:
        """The next picture."""
        size = int(np.prod(self._shape))
        try:
            self._socket.sendall(ASK)
            header = self._stream.read(HEADER.size)
            pixels = self._stream.read(size)
        except OSError as error:
            raise RobotLost(f"the camera does not answer ({error})") from error
        if len(header) < HEADER.size or len(pixels) < size:
            raise RobotLost("the emulated camera has ended")
        (taken,) = HEADER.unpack(header)
        return Frame(np.frombuffer(pixels, np.uint8).reshape(self._shape), taken)
