"""The board: what the page should show now. One view deep: a page that is slow misses some."""

import asyncio
from threading import Lock
from typing import Any

from mereq.web.views import View


class LatestView:
    """The latest view. One thread puts, the server's event loop waits for the next one."""

    def __init__(self):
        self._lock = Lock()
        self._number = 0
        self._view: Any = {}  # a View after the first `put`
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, view: View) -> None:
        """Replace what is there."""
        with self._lock:
            self._number, self._view = self._number + 1, view
            if self._waiting is not None:
                loop, news = self._waiting
                if not loop.is_closed():
                    loop.call_soon_threadsafe(news.set)

    async def after(self, number: int) -> tuple[int, View]:
        """The latest view and its number, as soon as there is one that comes after `number`. For one reader."""
        while True:
            with self._lock:
                if self._number > number:
                    return self._number, self._view
                news = asyncio.Event()
                self._waiting = (asyncio.get_running_loop(), news)
            await news.wait()
