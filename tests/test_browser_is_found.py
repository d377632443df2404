"""The browser of the page's tests is found where systems keep it, installed where there is none, or asked for."""

import os
import sys
from pathlib import Path

import pytest

import browser


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any browser: an empty PATH and home, and a Playwright that starts what says that it works."""
    return Machine(tmp_path, monkeypatch)


class Machine:
    """Commands and applications by hand, each a shell script; what was installed and said is remembered."""

    def __init__(self, root: Path, monkeypatch):
        self.root, self.monkeypatch, self.bin = root, monkeypatch, root / "bin"
        self.bin.mkdir()
        self.log = root / "log"
        for variable in (browser.VARIABLE, "PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("HOME", str(root / "home"))
        monkeypatch.setattr(browser, "MACOS_APPLICATIONS", root / "Applications")
        monkeypatch.setattr("playwright.sync_api.sync_playwright", lambda: FakePlaywright(root / "cache" / "chrome"))
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(sys, "argv", ["browser.py"])
        self.user(1000)

    def user(self, number: int) -> None:
        self.monkeypatch.setattr(os, "geteuid", lambda: number)

    def program(self, path: Path, words: str = "echo works") -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{words}\n")
        path.chmod(0o755)
        return str(path)

    def playwright(self, **commands: str) -> None:
        """A Playwright whose sub-commands do this, and fail otherwise."""
        cases = "\n".join(f"{name.replace('_', '-')}) {words} ;;" for name, words in commands.items())
        script = f'echo playwright "$@" >> {self.log}\ncase "$1" in\n{cases}\n*) exit 9 ;;\nesac'
        self.monkeypatch.setattr(browser, "PLAYWRIGHT", (self.program(self.root / "playwright", script),))

    def apt(self, words: str = "") -> None:
        self.program(self.bin / "apt-get", f'echo apt-get "$@" >> {self.log}\n{words}')

    def brings(self, path: Path, words: str = "echo works") -> str:
        """Shell words that make a program."""
        return f"/bin/mkdir -p {path.parent}; echo '{words}' > {path}; /bin/chmod +x {path}"

    def done(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


class FakePlaywright:
    """Starts a program that says that it works, and no other."""

    def __init__(self, own: Path):
        self.executable_path, self.chromium, self.version = str(own), self, "1.2.3"

    def launch(self, *, executable_path: str, args: list[str], timeout: float) -> "FakePlaywright":
        assert args == list(browser.FLAGS)
        if not Path(executable_path).is_file() or "works" not in Path(executable_path).read_text():
            from playwright.sync_api import Error

            raise Error("it crashed\nwith a long log")
        return self

    def close(self) -> None:
        pass

    def __enter__(self) -> "FakePlaywright":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


@pytest.mark.parametrize("command", browser.COMMANDS)
def test_a_command_on_the_path(machine, command):
    program = machine.program(machine.bin / command)
    assert browser.installed() == [program]
    assert browser.found() == f"{program}, version 1.2.3"


@pytest.mark.parametrize("folder", ["Applications", "home/Applications"])
@pytest.mark.parametrize("name", ["Google Chrome", "Chromium", "Microsoft Edge"])
def test_an_application_of_macos(machine, monkeypatch, folder, name):
    program = machine.program(machine.root / folder / f"{name}.app/Contents/MacOS/{name}")
    assert browser.installed() == []
    monkeypatch.setattr(sys, "platform", "darwin")
    assert browser.installed() == [program]


@pytest.mark.parametrize("variable", ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"])
@pytest.mark.parametrize("path", browser.WINDOWS_PROGRAMS)
def test_a_program_of_windows(machine, monkeypatch, variable, path):
    program = machine.program(machine.root / "programs" / path)
    monkeypatch.setenv(variable, str(machine.root / "programs"))
    assert browser.installed() == []
    monkeypatch.setattr(sys, "platform", "win32")
    assert browser.installed() == [program]


def test_the_one_that_is_named_is_the_only_one(machine, monkeypatch):
    machine.program(machine.bin / "chromium")
    named = machine.program(machine.root / "mine")
    monkeypatch.setenv(browser.VARIABLE, named)
    assert browser.found() == f"{named}, version 1.2.3"
    machine.program(machine.root / "mine", "exit 1")
    machine.playwright(install=machine.brings(machine.root / "cache/chrome"))
    with pytest.raises(SystemExit, match=r"MEREQ_CHROMIUM names no browser: .*mine does not start \(it crashed\)"):
        browser.main()
    assert machine.done() == []  # nothing is installed beside what was named


def test_one_that_does_not_start_is_passed_over(machine):
    """Such as Ubuntu's command `chromium-browser`, which only tells of a snap."""
    machine.program(machine.bin / "chromium-browser", "exit 1")
    edge = machine.program(machine.bin / "microsoft-edge")
    assert browser.found().startswith(edge)


def test_playwrights_own_is_the_last(machine):
    own = machine.program(machine.root / "cache/chrome")
    assert browser.found().startswith(own)
    command = machine.program(machine.bin / "google-chrome")
    assert browser.found().startswith(command)


def test_playwright_installs_one(machine, capsys):
    machine.playwright(install=machine.brings(machine.root / "cache/chrome"))
    machine.apt()
    machine.user(0)
    browser.main()
    assert machine.done() == ["playwright install chromium"]
    said = capsys.readouterr().err
    steps = ["there is no Chrome", "MEREQ_CHROMIUM", "Installing Playwright's Chromium", "cache/chrome, version 1.2.3"]
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)


def test_root_installs_the_libraries_that_playwrights_lacks(machine):
    chrome = machine.root / "cache/chrome"
    machine.playwright(install=machine.brings(chrome, "lacks"), install_deps=machine.brings(chrome))
    machine.apt()
    machine.user(0)
    browser.main()
    assert machine.done() == ["playwright install chromium", "playwright install-deps chromium"]


def test_root_installs_debians_where_playwrights_cannot_be_downloaded(machine, capsys):
    machine.playwright(install="echo Downloading; echo Error: no such host; exit 1")
    machine.apt(f'[ "$1" = update ] || {{ {machine.brings(machine.bin / "chromium")}; }}')
    machine.user(0)
    browser.main()
    assert machine.done() == [
        "playwright install chromium",
        "apt-get update -q",
        "apt-get install -y -q chromium",
    ]
    said = capsys.readouterr().err
    assert "This failed: Error: no such host" in said
    assert "bin/chromium, version 1.2.3" in said


def test_who_is_not_root_is_told_what_to_do(machine, capsys):
    machine.playwright(install="echo Error: no such host; exit 1")
    machine.apt()
    with pytest.raises(SystemExit, match=r"No browser could be installed: Error: no such host\. Install Google Chrome"):
        browser.main()
    assert machine.done() == ["playwright install chromium"]


@pytest.mark.parametrize("failing", ["update", "install"])
def test_root_is_told_what_to_do_where_apt_fails(machine, failing):
    machine.playwright(install="exit 1")
    machine.apt(f'[ "$1" != {failing} ] || {{ echo "Get:1 x"; echo "E: Unable to fetch"; exit 100; }}')
    machine.user(0)
    with pytest.raises(SystemExit, match=r"could be installed: E: Unable to fetch\. .* MEREQ_CHROMIUM"):
        browser.main()


def test_what_was_installed_and_does_not_start_is_no_browser(machine):
    machine.playwright(install=machine.brings(machine.root / "cache/chrome", "lacks"))
    with pytest.raises(SystemExit, match="what was installed does not start"):
        browser.main()


def test_a_download_that_hangs_is_ended(machine, monkeypatch):
    monkeypatch.setattr(browser, "INSTALL_TIMEOUT", 0.2)
    machine.playwright(install="exec /bin/sleep 60")
    with pytest.raises(SystemExit, match=r"not done after 0\.2 s"):
        browser.main()


def test_a_first_look_needs_no_playwright(machine, monkeypatch, capsys):
    """It is made before the set-up; it tells only of what is missing."""
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    browser.look()
    assert "MEREQ_CHROMIUM" in capsys.readouterr().err
    machine.program(machine.bin / "chromium")
    browser.look()
    assert capsys.readouterr().err == ""
