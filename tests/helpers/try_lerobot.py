"""LeRobot's own library, in an environment of its own, with exported datasets and policies (`make lerobot`).

LeRobot needs Python 3.12, and packages of several gigabytes. LEROBOT_PYTHON names an environment that has it.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import lerobot_files
from matrix import ROOT, build_wheel, interpreter, run, say

PLUGINS = ROOT / "plugins"


def environment(folder: Path) -> str:
    """Python of an environment with LeRobot: the one that is named, or a new one."""
    if named := os.environ.get("LEROBOT_PYTHON"):
        return named
    program = interpreter("3.12")
    if program is None:
        raise SystemExit("LeRobot needs Python 3.12, which was not found on PATH, by pyenv or by uv.")
    say("Installing LeRobot, which takes minutes and gigabytes ...")
    run([program, "-m", "venv", folder / "venv"], folder)
    python = folder / "venv/bin/python"
    run([python, "-m", "pip", "install", "-q", "lerobot[dataset]", "onnx", "onnxruntime"], folder)
    return str(python)


def main() -> None:
    """Write datasets and policies with this Python, and try them with LeRobot's."""
    with tempfile.TemporaryDirectory(prefix="mereq-lerobot-") as temporary:
        folder = Path(temporary)
        lerobot_files.datasets(folder / "files")
        lerobot_files.policies(folder / "files")
        python = environment(folder)
        wheel = build_wheel(folder)
        run([python, "-m", "pip", "install", "-q", f"{wheel}[web]"], folder)
        copies = shutil.copytree(PLUGINS, folder / "plugins")  # an installation leaves files where it builds
        plugins = sorted(copies.glob("lerobot_*"))
        run([python, "-m", "pip", "install", "-q", "--no-deps", *plugins], folder)
        told = run([python, Path(__file__).with_name("read_with_lerobot.py"), folder / "files"], folder)
        sys.stdout.write("\n".join(line for line in told.splitlines() if not line.startswith(" ")) + "\n")


if __name__ == "__main__":
    main()
