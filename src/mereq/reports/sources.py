"""Sources of a study's numbers: what its runs share, in what they differ, and the line under a table that says so."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mereq.reports.summary import condition_labels, condition_of, conditions_of, task_name, tasks_of
from mereq.store.provenance import clean, clean_provenance, command_line, without_folders
from mereq.studies.study_store import StudyRun

NAMED_ELSEWHERE = {"task", "method", "preset", "seed", "feature_names", "env_spec"}  # shown in other places of a report


def source_line(runs: Sequence[StudyRun], planned: int | None = None) -> str:
    """Sentence under a table or figure: runs, seeds, version, commit, packages, machine, time and command."""
    sources = [run.provenance for run in runs]
    amount = f"{len(runs)} runs" if planned is None else f"{len(runs)} of {planned} planned runs"
    return f"From {amount}, {_seeds(runs)}; {_made_with(sources)}."


def evaluation_line(sources: Sequence[dict[str, Any]]) -> str:
    """Sentence about the sources of evaluations of policies, whose runs `source_line` describes."""
    return f"Their policies were evaluated with {_made_with(sources)}."


def differing_settings(runs: Sequence[StudyRun]) -> list[tuple[str, str]]:
    """Settings in which the runs differ, by dotted name, with their values: `0.1 (MEReQ); 1.0 (MEReQ-NP)`."""
    labels, several = condition_labels(conditions_of(runs)), len(tasks_of(runs)) > 1
    flat = [(run, _flat(run.config.fields)) for run in runs]
    found = []
    for name in sorted({name for _, config in flat for name in config} - NAMED_ELSEWHERE):
        having: dict[str, dict[str, None]] = {}  # an ordered set of conditions, by value
        for run, config in flat:
            value = without_folders(str(config.get(name, "none")))
            condition = labels[condition_of(run)] + (f" on {task_name(run.task)}" if several else "")
            having.setdefault(value, {})[condition] = None
        if len(having) > 1:
            found.append((name, "; ".join(f"{value} ({', '.join(where)})" for value, where in having.items())))
    return found


def full_record(runs: Sequence[StudyRun]) -> list[dict[str, Any]]:
    """Configuration and provenance of every run, for JSON. Of a path only the last part is kept."""
    return [
        {
            "task": without_folders(run.task),
            "method": run.method,
            "variant": run.variant,
            "preset": run.preset,
            "seed": run.seed,
            "seconds": run.seconds,
            "config": clean(run.config.fields),
            "provenance": clean_provenance(run.provenance),
        }
        for run in runs
    ]


def _made_with(sources: Sequence[dict[str, Any]]) -> str:
    """Text of versions, commits, packages, machines, days and commands."""
    parts = [
        "mereq " + _all(f"{o.get('mereq', 'unknown')}{_commit(o.get('git'))}" for o in sources),
        "Python " + _all(str(o.get("python", "unknown")) for o in sources),
        _all(", ".join(f"{name} {v}" for name, v in o.get("packages", {}).items() if v) for o in sources),
        _all(_machine(o.get("machine", {})) for o in sources),
        _days([str(o["time"]) for o in sources if "time" in o]),
        "made with " + _all(f"`{command_line(o)}`" for o in sources),
    ]
    return "; ".join(part for part in parts if part)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in config.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _all(texts: Iterable[str]) -> str:
    """The different texts, each once."""
    return " / ".join(dict.fromkeys(text for text in texts if text))


def _seeds(runs: Sequence[StudyRun]) -> str:
    seeds = sorted({run.seed for run in runs})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"


def _commit(git: dict[str, Any] | None) -> str:
    if not git or not git.get("commit"):
        return ""
    return f" at commit {git['commit'][:10]}{' with uncommitted changes' if git.get('dirty') else ''}"


def _machine(machine: dict[str, Any]) -> str:
    if not machine:
        return ""
    return f"{machine.get('usable_cores', '?')} cores of {machine.get('processor', '?')}, {machine.get('system', '?')}"


def _days(times: Sequence[str]) -> str:
    days = sorted({datetime.fromisoformat(time).date().isoformat() for time in times})
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
