"""Choice of one number of each method for the benchmark: the variant with the lowest own rate at the end of its runs.

python benchmarks/experiments/benchmark_choice.py STUDY [STUDY ...]

For instance runs/studies/benchmark-tuning-highway. A run counts with the mean of its last five own rates; the variant
of a method with the lowest mean over its runs is marked. Of several tasks, each counts the same.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from mereq.reports.summary import method_name
from mereq.runs.finished import is_finished
from mereq.store.run_store import RunReader
from mereq.studies.study_store import StudyStore

LAST = 5  # own rates of each run


def last_own_rates(study: Path) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Mean of the last own rates of each finished run, by method and variant, and by task."""
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with StudyStore.open(study) as store:
        for run in store.runs():
            with RunReader.open(study / "runs" / run.name) as reader:
                if is_finished(reader.rounds(), len(run.rounds)) and (rates := reader.own_rates()):
                    last = [each.own_rate for each in rates[-LAST:]]
                    found[run.method, run.variant][run.task].append(float(np.mean(last)))
    return found


def main() -> None:
    """Print the own rates, and mark the choice of each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+")
    for study in parser.parse_args().studies:
        rates = last_own_rates(study)
        means = {name: float(np.mean([np.mean(each) for each in tasks.values()])) for name, tasks in rates.items()}
        for method in dict.fromkeys(name for name, _ in means):
            mine = {variant: mean for (name, variant), mean in means.items() if name == method}
            best = min(mine, key=lambda variant: mine[variant])
            runs = {variant: sum(map(len, rates[method, variant].values())) for variant in mine}
            words = [f"{v} {mine[v]:.3f} ({runs[v]} runs){' <-' if v == best else ''}" for v in mine]
            print(f"{study.name}, {method_name(method)}: {', '.join(words)}")


if __name__ == "__main__":
    main()
