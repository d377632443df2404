"""The page of `mereq supervise` as a teleoperator of LeRobot.

The page's dead man's switch holds here, too: a page that is closed, hidden or silent asks for nothing, and so does one
that does not show the newest picture. Then every axis is 0, and the person is not in control.
"""

import logging
import threading
import time
from base64 import b64encode
from contextlib import ExitStack
from io import BytesIO
from secrets import token_urlsafe
from typing import Any

import numpy as np
from lerobot.lerobot_types import RobotAction
from lerobot.teleoperators.teleoperator import Teleoperator
from lerobot.teleoperators.utils import TeleopEvents
from lerobot.utils.decorators import check_if_already_connected, check_if_not_connected
from PIL import Image

from lerobot_teleoperator_mereq.config_mereq_page import MereqPageConfig
from mereq.core.actions import Box
from mereq.core.view import Picture, axis_controls
from mereq.tasks.rendered_view import QUALITY, as_picture
from mereq.web.controls import Controls
from mereq.web.latest_view import LatestView
from mereq.web.server import listen, make_server
from mereq.web.views import Hello, View

LOOK = 0.05  # s between two looks at the input, for what the page shows about it
START = 10.0  # s that the server may need to start
TITLE = "LeRobot"
logger = logging.getLogger(__name__)


class MereqPage(Teleoperator):
    """A person at mereq's page. `get_action` gives the axes that they ask for now."""

    config_class = MereqPageConfig
    name = "mereq_page"

    def __init__(self, config: MereqPageConfig):
        super().__init__(config)
        self.config = config
        self._page: _Page | None = None
        self._closing = ExitStack()
        self.address = ""  # of the page, with its token, while connected

    @property
    def action_features(self) -> dict[str, type]:
        """The axes."""
        return dict.fromkeys(self.config.axes, float)

    @property
    def feedback_features(self) -> dict[str, type]:
        """A picture that the page shows: an array (height, width, 3) of uint8."""
        return {"picture": np.ndarray}

    @property
    def is_connected(self) -> bool:
        """Whether the page is served."""
        return self._page is not None

    @check_if_already_connected
    def connect(self, calibrate: bool = True) -> None:
        """Serve the page, and tell its address."""
        with ExitStack() as closing:
            listening = closing.enter_context(listen(self.config.host, self.config.port))
            page, token = _Page(self.config.axes), token_urlsafe(24)
            server = make_server(page, listening, token=token)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True)
            thread.start()
            closing.callback(thread.join, START)
            closing.callback(setattr, server, "should_exit", True)
            end = time.monotonic() + START
            while not server.started:
                if time.monotonic() > end or not thread.is_alive():
                    raise ConnectionError(f"The page could not be served on {self.config.host}:{self.config.port}.")
                time.sleep(LOOK)
            looks = threading.Thread(target=page.run, name="looks", daemon=True)
            looks.start()
            closing.callback(looks.join, START)
            closing.callback(page.stop)
            self.address = f"http://{self.config.host}:{listening.getsockname()[1]}/?token={token}"
            logger.info("The page is at %s", self.address)
            self._page, self._closing = page, closing.pop_all()

    @property
    def is_calibrated(self) -> bool:
        """True: there is nothing to calibrate."""
        return True

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def configure(self) -> None:
        """Nothing to configure."""

    @check_if_not_connected
    def get_action(self) -> RobotAction:
        """The axes that the person asks for now; all 0 while they are not in control."""
        assert self._page is not None
        values = self._page.asked()
        return {name: float(value) for name, value in zip(self.config.axes, self.config.scale * values, strict=True)}

    @check_if_not_connected
    def get_teleop_events(self) -> dict[TeleopEvents, bool]:
        """Whether the person is in control; LeRobot's recording of interventions asks for it."""
        assert self._page is not None
        return {
            TeleopEvents.IS_INTERVENTION: self._page.in_control,
            TeleopEvents.TERMINATE_EPISODE: False,
            TeleopEvents.SUCCESS: False,
            TeleopEvents.RERECORD_EPISODE: False,
        }

    @check_if_not_connected
    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Show the picture of the robot's camera on the page."""
        assert self._page is not None
        if "picture" in feedback:
            self._page.show(as_picture(feedback["picture"]))

    @check_if_not_connected
    def disconnect(self) -> None:
        """Close the page."""
        self._page, self.address = None, ""
        self._closing.close()


class _Page:
    """What the server of the page needs: input, what is shown, and an end."""

    over = False

    def __init__(self, axes: list[str]):
        self.actions = Box(len(axes))
        self._keys = axis_controls(axes).keys
        self.controls, self.latest_view = Controls(pace=1.0), LatestView()
        self._frame, self._picture, self._ended = 0, None, threading.Event()
        self._lock, self._shown = threading.Lock(), None
        self.put()

    @property
    def in_control(self) -> bool:
        """Whether the person is in control now."""
        return self.controls.state(time.monotonic()).engaged

    def asked(self) -> np.ndarray:
        """Action that the person asks for."""
        engaged, operator = self.in_control, self.controls.take()
        if not engaged or operator.action is None:
            return np.zeros(self.actions.size)
        return np.asarray(operator.action, np.float64)

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, which the page has to acknowledge."""
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=QUALITY)
        shown: Picture = {"draw": "image", "source": f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"}
        with self._lock:
            self._frame, self._picture = self._frame + 1, shown
        self.controls.show(self._frame, time.monotonic())
        self.put()

    def run(self) -> None:
        """Keep what is shown about the input up to date."""
        while not self._ended.wait(LOOK):
            self.put()

    def stop(self) -> None:
        """End `run`."""
        self._ended.set()

    def hello(self) -> Hello:
        """The axes and their keys."""
        keys = [{"codes": list(k.codes), "label": k.label, "shown": k.shown, "action": k.action} for k in self._keys]
        summary = "Enter takes over, Escape hands back; without a key nothing moves"
        return {
            "kind": "hello",
            "task": TITLE,
            "summary": summary,
            "features": [],
            "keys": keys,
            "device": None,
            "delta": 0.0,
        }

    def put(self) -> None:
        """Put the complete view."""
        with self._lock:
            state, frame, picture = self.controls.state(time.monotonic()), self._frame, self._picture
        view: View = {
            "kind": "view", "frame": frame, "picture": picture, "paused": state.paused, "awaits": None,
            "engaged": state.engaged, "pace": state.pace, "felt": state.felt, "readings": [], "phase": "supervising",
            "words": "", "directory": "", "round": 0, "of_rounds": 1, "step": 0, "of_steps": 1, "episode": 0,
            "step_of_episode": 0, "last": None, "basic": None, "residual": None, "yours": 0, "taken_back": 0,
            "can_retract": False, "samples": 0, "rounds": [], "progress": None, "version": None,
        }  # fmt: skip
        if view != self._shown:
            self._shown = view
            self.latest_view.put(view)
