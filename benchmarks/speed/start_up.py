"""Seconds and memory until commands that only tell something have answered.

    python benchmarks/speed/start_up.py

The goal is 0.7 s on an idle machine, and 80 MB. Prints the median of several runs; the program is started anew each
time.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

COMMANDS = (["--version"], ["--help"], ["tasks"], ["doctor"], ["align", "--help"])
PROGRAM = "import sys; sys.argv = ['mereq', *sys.argv[1:]]; from mereq.cli import main; main()"


def measured(words: list[str], times: int) -> dict[str, float]:
    """Medians of wall-clock seconds, processor seconds and resident memory [MB]."""
    walls, cpus = [], []
    for _ in range(times + 1):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    memory = after.ru_maxrss / 1024  # of the largest child so far
    return {"seconds": statistics.median(walls[1:]), "cpu": statistics.median(cpus[1:]), "MB": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=7, help="runs of each command (default: 7)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = {" ".join(words): measured(words, options.times) for words in COMMANDS}
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{'mereq ...':16}{'seconds':>9}{'cpu':>7}{'MB':>7}")
    for name, row in found.items():
        print(f"{name:16}{row['seconds']:9.2f}{row['cpu']:7.2f}{row['MB']:7.0f}")


if __name__ == "__main__":
    main()
