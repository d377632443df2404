"""Opening of the page in a browser, without its address on a command line, which every user can read."""

import html
import os
import threading
import webbrowser
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mereq.commands.installation import has_windows
from mereq.store.links import inside

FILE = "open_page.html"  # readable for its owner only


@contextmanager
def opened_in_browser(address: str, directory: Path) -> Generator[None, None, None]:
    """Context in which a browser opens the page, if this machine can show windows.

    The browser is given a file in the run's directory, which leads on to the address and is deleted at the end. The
    program does not wait for the browser, which may stay in the foreground.

    Raises:
        CannotWrite: the file is a link.
    """
    if not has_windows():
        yield
        return
    file = _page_that_leads_to(address, directory)
    threading.Thread(target=webbrowser.open, args=(file.as_uri(),), name="browser", daemon=True).start()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _page_that_leads_to(address: str, directory: Path) -> Path:
    file = inside(directory, directory.absolute() / FILE)
    file.unlink(missing_ok=True)
    place = html.escape(address)
    content = (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>mereq</title>'
        f'<meta http-equiv="refresh" content="0; url={place}"><a href="{place}">The page of this run</a>\n'
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(content)
    return file
