"""The wheel without extras, in an empty environment: what it needs, what works, and which extra a command asks for.

`make wheel` runs this. It ends with a status that is not zero where something failed.
"""

import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from matrix import Failed, build_wheel, install, run, say, try_commands

ASKED = {  # commands, and the extra that they ask for
    ("align", "bottle-pushing", "--rounds", "1", "--out", "arm"): "arm",
    ("supervise", "highway", "--out", "web"): "web",
    ("show", "run"): "figures",  # with the table, and the status 0
    ("report", "study"): "figures",
    ("export", "run", "--format", "minari", "--out", "minari"): "minari",
    ("export", "run", "--format", "lerobot", "--out", "lerobot"): "lerobot",
    ("align", "highway", "--track", "tensorboard", "--out", "curves"): "tensorboard",
}
WORK = (("tasks",), ("doctor",), ("check", "highway"), ("study",), ("show", "run", "--json"))


def sizes(site: Path) -> dict[str, float]:
    """Megabytes of each package in an environment, without pip and setuptools."""
    found = {}
    for package in distributions(path=[str(site)]):
        files = [Path(str(file.locate())) for file in package.files or ()]
        found[package.metadata["Name"]] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    return {name: size for name, size in found.items() if name not in ("pip", "setuptools")}


def main() -> None:
    """Build, install, count, and try."""
    with tempfile.TemporaryDirectory(prefix="mereq-wheel-") as temporary:
        folder = Path(temporary)
        wheel = build_wheel(folder)
        run([sys.executable, "-m", "venv", folder / "venv"], folder)
        python = folder / "venv/bin/python"
        install(python, wheel, folder, extras="")
        (site,) = (folder / "venv/lib").glob("python*/site-packages")
        found = sizes(site)
        say(f"{len(found)} packages, {sum(found.values()):.0f} MB:")
        say(", ".join(f"{name} {size:.0f}" for name, size in sorted(found.items(), key=lambda pair: -pair[1])))
        say(f"align, show --json: {try_commands(python, folder)}")
        mereq = python.with_name("mereq")
        for words in WORK:
            run([mereq, *words], folder)
        for words, extra in ASKED.items():
            told = " ".join(run([mereq, *words], folder, check=False).split())
            if "Traceback" in told or f"mereq[{extra}]" not in told:
                raise Failed(f"mereq {' '.join(words)} does not ask for the extra {extra}: {told[-600:]}")
            say(f"mereq {' '.join(words)}: asks for mereq[{extra}]")


if __name__ == "__main__":
    main()
