"""Whether two versions of the package infer the same theta and learn the same policies, bit for bit.

    python benchmarks/reliability/same_thetas.py OLD_CHECKOUT/src src --rounds 2

One short run of every task and method with each version, on this machine; compared are the rounds' intervention rates,
expert samples and theta, and the bytes of the policies. Version 0.1's option is called --iterations, its table too.
"""

import argparse
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

TASKS = ("highway", "bottle-pushing", "erasing", "pillow-grasping")
METHODS = ("mereq", "mereq-np", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft")
PROGRAM = "from mereq.cli import main; main()"


def result(source: Path, task: str, method: str, rounds: int, folder: Path) -> tuple[list, list[str]]:
    """Rounds (rate, samples, theta) and checksums of the policies of a run with the package in `source`."""
    version = (source / "mereq/__init__.py").read_text()
    option, table = ("--iterations", "iterations") if '"0.1.' in version else ("--rounds", "rounds")
    environment = os.environ | {"PYTHONPATH": str(source.resolve()), "OMP_NUM_THREADS": "1"}
    words = ["align", task, "--method", method, "--seed", "5", option, str(rounds), "--out", str(folder)]
    subprocess.run([sys.executable, "-c", PROGRAM, *words], env=environment, check=True, capture_output=True)
    with sqlite3.connect(folder / "run.sqlite") as database:
        found = database.execute(f"SELECT intervention_rate, expert_steps, theta FROM {table}").fetchall()
    files = sorted((folder / "checkpoints").glob("policy*.safetensors"))
    return found, [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="folder of the package of one version")
    parser.add_argument("new", type=Path, help="folder of the package of the other")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    options = parser.parse_args()
    different = 0
    for task in options.tasks:
        for method in options.methods:
            with tempfile.TemporaryDirectory() as folder:
                old, new = (
                    result(source, task, method, options.rounds, Path(folder) / name)
                    for name, source in (("old", options.old), ("new", options.new))
                )
            different += old != new
            print(f"{task:16} {method:13} {'equal' if old == new else 'DIFFERENT'}  {new[0][-1][2]}", flush=True)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
