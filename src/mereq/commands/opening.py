"""Opening a run directory for a command: a new one, or an old one to go on with."""

import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.core.errors import RunExists
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RUN, RunStore
from mereq.trials.trial_store import refuse_blind

NAMES = (
    *("task", "method", "preset", "seed", "n_rounds", "rate_threshold", "prior", "expert"),
    *("learning", "pace", "robot"),
)


def open_run(
    out: Path, *, resume: bool, overwrite: bool, given: dict[str, Any], defaults: dict[str, Any], console: Console
) -> tuple[RunSpec, RunStore]:
    """The run that a command line asks for, and its store, ready to record.

    given: what was said, by the names of `NAMES` and `changes` (see `RunSpec.changed`); None was not said.

    Raises:
        RunExists: something else is in `out`.
        IncompatibleRun: the run to go on with was another one.
        StillBlind: it is of a blind trial.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if resume:
        refuse_blind(out)
        with RunStore.open(out) as store:
            recorded = RunSpec.from_config(store.starts()[-1].config)
        spec = recorded.with_rounds(given.get("n_rounds", recorded.n_rounds))
        if given.keys() - {"n_rounds"}:
            spec = _named({name: getattr(recorded, name) for name in NAMES} | given)
        _tell_of_robot(spec, console)
        store = RunStore.resume(out, spec.config())
        _warn_of_other_code(store, console)
        return spec, store
    spec = _named(defaults | given)
    config = spec.config()
    _tell_of_robot(spec, console)
    if overwrite and out.exists():
        _delete_run(out)
    return spec, RunStore.create(out, config)


def go_on_or_begin(out: Path, spec: RunSpec, console: Console) -> RunStore:
    """The store of a run that is in `out` as far as it got, or is not there yet.

    Raises:
        RunExists: something else is in `out`.
        IncompatibleRun: the run to go on with was another one.
    """
    if not (out / RUN.file).is_file():
        return RunStore.create(out, spec.config())
    store = RunStore.resume(out, spec.config())
    _warn_of_other_code(store, console)
    return store


def _named(words: dict[str, Any]) -> RunSpec:
    changes = words.get("changes", {})
    spec = RunSpec.named(**{name: words[name] for name in NAMES})
    return spec.changed(changes) if changes else spec


def _tell_of_robot(spec: RunSpec, console: Console) -> None:
    """Say what supervised rollouts run on, if not in the simulation, and what follows from that."""
    if spec.robot:
        console.print(
            f"Supervised on the robot [bold]{spec.robot}[/], improved in the simulation. That cannot repeat the "
            "robot's episodes, so policy and expert are compared in new ones: settings.inference.starts = 'episodes', "
            f"kappa = {spec.settings.inference.kappa:g}.",
            soft_wrap=True,
        )


def _warn_of_other_code(store: RunStore, console: Console) -> None:
    """Say so when the run goes on with other code than it was started with: then it need not be exact."""
    *before, now = (start.provenance.get("git") or {} for start in store.starts())
    if any(start.get("commit") != now.get("commit") for start in before):
        console.print(
            "[yellow]The code has changed since this run was started: it goes on, but may not be what it would have "
            "been.[/]"
        )


def _delete_run(out: Path) -> None:
    """Delete a run directory, and nothing that is not one."""
    if any(out.iterdir()) and not (out / RUN.file).exists():
        raise RunExists(f"{out} holds something that is not a run: it is not overwritten. Choose another --out.")
    shutil.rmtree(out)
