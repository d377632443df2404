"""The latest view for the page. Only one view is kept, so a slow page misses some."""

import asyncio
from threading import Lock
from typing import Any

from mereq.web.views import View


class LatestView:
    """Exchange of the latest view: one thread puts views, the server's event loop waits for the next one."""

    def __init__(self):
        self._lock = Lock()
        self._number = 0
        self._view: Any = {}  # a View after the first `put`
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, view: View) -> None:
        """Replace the view."""
        with self._lock:
            self._number, self._view = self._number + 1, view
            if self._waiting is not None:
                loop, changed = self._waiting
                if not loop.is_closed():
                    loop.call_soon_threadsafe(changed.set)

    async def after(self, number: int) -> tuple[int, View]:
        """The latest view and its number, as soon as its number exceeds `number`. For one reader."""
        while True:
            with self._lock:
                if self._number > number:
                    return self._number, self._view
                changed = asyncio.Event()
                self._waiting = (asyncio.get_running_loop(), changed)
            await changed.wait()
