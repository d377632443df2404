import pytest

from hidraw import Hidraw
from sittings import spec


@pytest.fixture(scope="module")
def browser():
    from browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def endless(tmp_path, browser):
    """A long round on the highway, with its page open, before it was started."""
    from browsing import sitting

    with sitting(tmp_path / "run", browser, spec(steps=2000)) as at:
        at.open()
        yield at


@pytest.fixture
def hidraw(tmp_path):
    """A place for a SpaceMouse that is plugged into this machine."""
    there = Hidraw(tmp_path / "root")
    yield there
    there.close()
