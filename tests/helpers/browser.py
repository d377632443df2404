"""The browser that the page's tests and benchmarks drive: where it is looked for, how it is installed, how it starts.

Any browser of Chromium's family does. `make test` runs this file before the tests: it looks for a browser, installs one
where there is none, and ends with a sentence and a status where that cannot be done. With `--look`, which needs nothing
but Python, it says beforehand that there is none.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this module also looks for a browser before there is a Playwright
    from playwright.sync_api import Browser, Playwright

VARIABLE = "MEREQ_CHROMIUM"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COMMANDS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "microsoft-edge-stable", "msedge",
)  # fmt: skip
MACOS_APPLICATIONS = Path("/Applications")
MACOS_NAMES = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS_PROGRAMS = (
    "Google/Chrome/Application/chrome.exe", "Chromium/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe",
)  # fmt: skip
NOTHING_INSTALLED = "there is no Chrome, Chromium or Edge on this machine"
WHAT_TO_DO = (
    "Install Google Chrome, Chromium or Microsoft Edge (Debian: apt-get install chromium), or name the program of one "
    f"in the environment variable {VARIABLE}, then run `make test` again."
)
PLAYWRIGHT = (sys.executable, "-m", "playwright")
START_TIMEOUT = 60_000.0  # [ms], many times what a start takes on a busy machine
INSTALL_TIMEOUT = 600.0  # [s], for one command
CONNECTION_TIMEOUT = 5_000  # [ms] until the download's host must have answered


class NoBrowser(Exception):
    """No browser starts on this machine, and why."""


def installed() -> list[str]:
    """Programs that may be a browser of Chromium's family, in the order in which they are tried.

    The one that MEREQ_CHROMIUM names is the only one; else those on PATH and in the application folders of macOS and
    Windows.
    """
    if named := os.environ.get(VARIABLE):
        return [named]
    applications = (str(path) for path in _applications() if path.is_file())
    return list(dict.fromkeys([*filter(None, map(shutil.which, COMMANDS)), *applications]))


def _applications() -> Iterator[Path]:
    """Where macOS and Windows keep browsers, whether or not there are any."""
    if sys.platform == "darwin":
        for folder in (MACOS_APPLICATIONS, Path.home() / "Applications"):
            yield from (folder / f"{name}.app" / "Contents" / "MacOS" / name for name in MACOS_NAMES)
    if sys.platform == "win32":
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
            if folder := os.environ.get(variable):
                yield from (Path(folder) / program for program in WINDOWS_PROGRAMS)


def start(playwright: "Playwright", flags: Sequence[str] = FLAGS) -> "tuple[str, Browser]":
    """The first program that starts, and its headless browser; Playwright's own Chromium is tried last.

    Raises:
        NoBrowser: None of them starts, or there is none.
    """
    from playwright.sync_api import Error

    programs, failures = installed(), []
    if not os.environ.get(VARIABLE) and Path(own := playwright.chromium.executable_path).is_file():
        programs.append(own)
    for program in programs:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=list(flags), timeout=START_TIMEOUT)
        except Error as error:
            failures.append(f"{program} does not start ({error.message.splitlines()[0]})")
        else:
            return program, browser
    raise NoBrowser("; ".join(failures) or NOTHING_INSTALLED)


@contextmanager
def chromium(flags: Sequence[str] = FLAGS) -> "Iterator[Browser]":
    """A headless browser, until the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            _, browser = start(playwright, flags)
        except NoBrowser as missing:
            raise SystemExit(f"No browser to drive: {missing}. {WHAT_TO_DO}") from None
        yield browser
        browser.close()


def found() -> str:
    """Program and version of the browser that starts on this machine.

    Raises:
        NoBrowser: None does.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program, browser = start(playwright)
        version = browser.version
        browser.close()
    return f"{program}, version {version}"


def install() -> str:
    """Install a browser in the first way that gives one which starts; gives its program and version.

    The ways are Playwright's own download and, for root on a system with apt-get, the libraries that this download may
    lack, then Debian's package.

    Raises:
        NoBrowser: No way does, and what went wrong with the last one.
    """
    download = (*PLAYWRIGHT, "install", "chromium")
    failure = _failure("Playwright's Chromium, into this user's cache (about 170 MB)", download)
    if failure and not apt_may_be_used():
        raise NoBrowser(failure)
    if not failure and (browser := _started()):
        return browser
    if apt_may_be_used():
        libraries = (*PLAYWRIGHT, "install-deps", "chromium")
        if (
            not failure
            and not _failure("the libraries that it needs, by apt-get", libraries)
            and (browser := _started())
        ):
            return browser
        package = (("apt-get", "update", "-q"), ("apt-get", "install", "-y", "-q", "chromium"))
        failure = _failure("the package chromium, by apt-get", *package)
        if not failure and (browser := _started()):
            return browser
    raise NoBrowser(failure or "what was installed does not start")


def apt_may_be_used() -> bool:
    """Whether this is root on Debian, Ubuntu or a relative of theirs."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _failure(what: str, *commands: Sequence[str]) -> str:
    """Run the commands that install `what`, and say so; gives what went wrong, or nothing."""
    _say(f"Installing {what} ...")
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(CONNECTION_TIMEOUT),
    }
    for command in commands:
        try:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", timeout=INSTALL_TIMEOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _told(f"not done after {INSTALL_TIMEOUT:g} s")
        if done.returncode:
            return _told(_reason(done.stdout) or f"exit status {done.returncode}")
    return ""


def _reason(output: str) -> str:
    """The first line of a command's output that tells of an error."""
    return next((line.strip() for line in output.splitlines() if re.match(r"\s*(E:|\w*Error:)", line)), "")


def _told(failure: str) -> str:
    _say(f"This failed: {failure}")
    return failure


def _started() -> str:
    """Program and version of the browser that starts now, or nothing."""
    try:
        return found()
    except NoBrowser as missing:
        _say(f"Installed, but {missing}.")
        return ""


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def look() -> None:
    """Say at once, before anything was set up, that a browser will have to be installed, and what to do else."""
    if not installed():
        _say(f"The page's tests drive a browser, and {NOTHING_INSTALLED}.")
        _say("After the set-up, one will be looked for in Playwright's cache, or installed. Should that fail:")
        _say(WHAT_TO_DO)


def main() -> None:
    """Find a browser, or install one, or end with a sentence and a status that is not zero."""
    try:
        browser = found()
    except NoBrowser as missing:
        if os.environ.get(VARIABLE):
            raise SystemExit(f"{VARIABLE} names no browser: {missing}. {WHAT_TO_DO}") from None
        _say(f"The page's tests drive a browser, and {missing}. One will be installed now. Should that fail:")
        _say(WHAT_TO_DO)
        try:
            browser = install()
        except NoBrowser as reason:
            raise SystemExit(f"No browser could be installed: {reason}. {WHAT_TO_DO}") from None
    _say(f"The page's tests drive {browser}.")


if __name__ == "__main__":
    look() if sys.argv[1:] == ["--look"] else main()
