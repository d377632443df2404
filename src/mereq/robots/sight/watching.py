"""A thread that reads a camera and tells a tracker of each picture."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from mereq.core.errors import RobotLost
from mereq.robots.sight.cameras import Camera
from mereq.robots.sight.pose import Intrinsics
from mereq.robots.sight.tracker import Tracker

ENDING = 3.0  # s for the thread to end


class Sight(Protocol):
    """What sees the table."""

    def tracker(self) -> Tracker:
        """The tracker. Only while the sight is entered.

        Raises:
            RobotLost: the camera has failed.
        """
        ...

    def __enter__(self) -> "Sight":
        """Begin to look."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Stop looking."""
        ...


class CameraSight:
    """Sight by a camera, with a thread of its own."""

    def __init__(self, camera: Camera, track: Callable[[Intrinsics], Tracker]):
        self._camera, self._track = camera, track
        self._failure: Exception | None = None
        self._closed = threading.Event()

    def __enter__(self) -> "CameraSight":
        """Start the camera and the thread."""
        self._camera.__enter__()
        self._tracker, self._failure = self._track(self._camera.intrinsics()), None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(self._closed,), name="camera", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread, then the camera."""
        self._closed.set()
        self._thread.join(ENDING)
        self._camera.__exit__(kind, error, trace)

    def tracker(self) -> Tracker:
        """The tracker, while the camera works."""
        if self._failure is not None:
            raise RobotLost(str(self._failure)) from self._failure
        return self._tracker

    def _look(self, closed: threading.Event) -> None:
        while not closed.is_set():
            try:
                self._tracker.see(*self._camera.read())
            except Exception as failure:  # raised again in `tracker`'s caller
                self._failure = failure
                return
