"""The wheel, installed for each supported Python: two commands from an empty folder, then the quick tests.

`make matrix` runs this. It builds the wheel, looks for each Python (on PATH, then pyenv's, then uv's), makes an empty
environment outside the checkout, installs the wheel there (with constraints.txt where its versions exist for that
Python), and writes what came out to docs/matrix.md. It ends with a status that is not zero where something failed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "matrix.md"
VERSIONS = ("3.11", "3.12", "3.13")
QUICK = (
    *(f"tests/{name}" for name in ("exports", "presets", "properties", "runs", "trials")),
    "tests/test_public_interface.py",
)
PACKAGES = ("numpy", "jax", "numba", "mujoco", "scipy")
SHOW_VERSIONS = """
import sys
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in sys.argv[1:]))
"""
COMMAND_TIMEOUT = 1800.0  # [s], many times what the slowest takes


@dataclass
class Result:
    """What came out for one Python; what was not reached is empty."""

    version: str
    python: str = "not found"
    packages: str = ""
    constrained: str = ""
    commands: str = ""
    tests: str = ""
    seconds: str = ""
    failed: bool = False

    def row(self) -> str:
        """A line of the table."""
        cells = (self.python, self.packages, self.constrained, self.commands, self.tests, self.seconds)
        return f"| {self.version} | " + " | ".join(cells) + " |"


class Failed(Exception):
    """A command failed; its words are the end of its output."""


def run(command: Sequence[object], folder: Path, *, check: bool = True) -> str:
    """A command's output, with nothing of this checkout on Python's path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_TIMEOUT,
    )  # fmt: skip
    if check and done.returncode:
        raise Failed(done.stdout[-3000:])
    return done.stdout


def interpreters(version: str) -> Iterator[str]:
    """Programs that may be this Python: the command on PATH, pyenv's newest, uv's."""
    yield from filter(None, [shutil.which(f"python{version}")])
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = (pyenv / "versions").glob(f"{version}.*/bin/python")
    yield from map(str, sorted(found, key=_numbers_of, reverse=True))
    if uv := shutil.which("uv"):
        done = subprocess.run([uv, "python", "find", version], capture_output=True, text=True)
        yield from done.stdout.split()[:1] if done.returncode == 0 else []


def _numbers_of(path: Path) -> list[int]:
    """The numbers of a version such as 3.12.1, whose folder holds bin/python."""
    return [int(number) for number in re.findall(r"\d+", path.parents[1].name)]


def interpreter(version: str) -> str | None:
    """The first program that is this Python and runs: pyenv has commands of versions that are switched off."""
    question = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    for program in interpreters(version):
        done = subprocess.run([program, "-c", question], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:
            return program
    return None


def build_wheel(folder: Path) -> Path:
    """A wheel of the checkout's files as they are now, built from a copy, so that nothing old gets into it."""
    copy, listed = folder / "copy", run(["git", "ls-files", "-co", "--exclude-standard", "-z"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    run([sys.executable, "-m", "venv", folder / "build"], folder)
    pip = [folder / "build/bin/python", "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "wheel", "-q", "--no-deps", "-w", folder, copy], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(python: Path, wheel: Path, folder: Path, extras: str = "[test]") -> str:
    """Install the wheel with extras; gives whether the constraints could be kept."""
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}{extras}"]
    try:
        run([*pip, "-c", ROOT / "constraints.txt"], folder)
    except Failed as failure:
        say(f"Not with the constraints:\n{_last_lines(str(failure), 3)}")
        run(pip, folder)
        return "no"
    return "yes"


def try_commands(python: Path, folder: Path) -> str:
    """Align the highway for a round and show it, from an empty folder; gives what was seen."""
    empty = folder / "empty"
    empty.mkdir()
    mereq = [python.with_name("mereq")]
    run([*mereq, "align", "highway", "--seed", "1", "--rounds", "1", "--out", folder / "run"], empty)
    shown = run([*mereq, "show", folder / "run", "--json"], empty)
    (only,) = json.loads(shown[shown.index("{") :])["rounds"]
    if list(empty.iterdir()) or not only["expert_samples"] or not only["theta"]:
        raise Failed(f"`mereq show` says {only}; in the empty folder: {list(empty.iterdir())}")
    return f"rate {only['intervention_rate']:.3f}, {only['expert_samples']} expert samples"


def try_tests(python: Path, folder: Path) -> str:
    """Run the quick tests on the installed package; gives pytest's counts."""
    where = run([python, "-c", "import mereq; print(mereq.__file__)"], ROOT)
    if "site-packages" not in where:
        raise Failed(f"the tests would run on {where}")
    run([python, "-m", "pytest", "--version"], folder)
    told = run([python, "-m", "pytest", "-n", "2", f"--basetemp={folder / 'pytest'}", *QUICK], ROOT, check=False)
    found = re.findall(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+) in [\d.]+s", told, re.MULTILINE)
    if not found or re.search(r"\d+ (failed|error)", found[-1]):
        say(_last_lines(told, 60))
    if not found:
        raise Failed("pytest gave no counts")
    return found[-1]


def tried(version: str, wheel: Path, folder: Path) -> Result:
    """One Python, from an empty environment to the tests."""
    result, begun = Result(version), time.monotonic()
    program = interpreter(version)
    if program is None:
        return result
    try:
        run([program, "-m", "venv", folder / "venv"], folder)
        python = folder / "venv" / "bin" / "python"
        result.python = run([python, "-c", "import platform; print(platform.python_version())"], folder).strip()
        result.constrained = install(python, wheel, folder)
        versions = (
            f"from importlib.metadata import version as v; print(', '.join(f'{{n}} {{v(n)}}' for n in {PACKAGES}))"
        )
        result.packages = run([python, "-c", versions], folder).strip()
        result.commands = "failed"
        result.commands = try_commands(python, folder)
        result.tests = "failed"
        result.tests = try_tests(python, folder)
        result.failed = bool(re.search(r"\d+ (failed|error)", result.tests))
    except (Failed, subprocess.TimeoutExpired) as failure:
        say(f"Python {version}: {failure}")
        result.failed = True
    result.seconds = f"{time.monotonic() - begun:.0f}"
    return result


def page(results: Sequence[Result], wheel: Path) -> str:
    """The results as a page of the documentation."""
    header = "| Python | found | packages | with constraints.txt | align, show | quick tests | seconds in all |"
    lines = [
        "# The last run of `make matrix`",
        "",
        f"{date.today().isoformat()}, `{wheel.name}`, on {sys.platform}. For each Python, the wheel was installed into",
        "an empty environment outside the checkout, `mereq align highway --seed 1 --rounds 1` and",
        f"`mereq show run --json` ran from an empty folder, then pytest on the installed package: "
        f"{', '.join(f'`{name}`' for name in QUICK)}.",
        "",
        header,
        "|---" * 7 + "|",
        *(result.row() for result in results),
    ]
    return "\n".join(lines) + "\n"


def _last_lines(text: str, number: int) -> str:
    return "\n".join(text.strip().splitlines()[-number:])


def say(words: str) -> None:
    """Tell what is going on, at once."""
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """Try every Python, or those that are named; print the table and keep it."""
    versions, results = sys.argv[1:] or VERSIONS, []
    with tempfile.TemporaryDirectory(prefix="mereq-matrix-", ignore_cleanup_errors=True) as temporary:
        wheel = build_wheel(Path(temporary))
        for version in versions:
            say(f"Python {version} ...")
            (folder := Path(temporary) / version).mkdir()
            results.append(tried(version, wheel, folder))
            shutil.rmtree(folder)
            say(results[-1].row())
    PAGE.write_text(page(results, wheel))
    print(PAGE.read_text())
    if any(result.failed for result in results) or all(not result.seconds for result in results):
        raise SystemExit("Something failed: see above.")


if __name__ == "__main__":
    main()
