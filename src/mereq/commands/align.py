"""`mereq align`: run Algorithm 1 into a run directory."""

import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.align.algorithm import Iteration
from mereq.align.method import Progress
from mereq.commands.terminal import progress_bar, round_columns, round_line, warm_up
from mereq.core.errors import RunExists
from mereq.experiments.runs import RunSpec
from mereq.experiments.store import RunStore
from mereq.interventions.rollout import SupervisedStep

DEFAULTS = {
    "task": "highway",
    "method": "mereq",
    "preset": "fast",
    "seed": 0,
    "n_iterations": 10,
    "rate_threshold": 0.0,
    "prior": "shipped",
    "expert": "shipped",
}


def align(out: Path, *, resume: bool, overwrite: bool, given: dict[str, Any], console: Console) -> None:
    """Run Algorithm 1 into a run directory."""
    given = {name: value for name, value in given.items() if value is not None}
    if resume:
        with RunStore.open(out) as store:
            recorded = RunSpec.from_config(store.starts()[-1].config)
        names = {name: getattr(recorded, name) for name in DEFAULTS}
        spec = RunSpec.named(**{**names, **given})
        if not given.keys() - {"n_iterations"}:
            spec = recorded.going_on(given.get("n_iterations", recorded.n_iterations))
        store = RunStore.resume(out, spec.config())
        _warn_of_other_code(store, console)
    else:
        spec = RunSpec.named(**{**DEFAULTS, **given})
        config = spec.config()
        if overwrite and out.exists():
            _delete_run(out)
        store = RunStore.create(out, config)
    warm_up(console)
    with store:
        try:
            _follow(spec, store, console)
        except KeyboardInterrupt:
            console.print(
                f"\nStopped. Everything so far is in {out}. Go on with:  mereq align --resume --out {out}",
                soft_wrap=True,
            )
            raise
    console.print(f"\nThe run is in {out}. Look at it with:  mereq show {out}", soft_wrap=True)


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
    if any(out.iterdir()) and not (out / "run.sqlite").exists():
        raise RunExists(f"{out} holds something that is not a run: it is not overwritten. Choose another --out.")
    shutil.rmtree(out)


def _follow(spec: RunSpec, store: RunStore, console: Console) -> None:
    """Run, with one line per finished round and a bar for the one under way."""
    names = spec.task_preset.task.feature_names
    columns = round_columns(names)
    console.print(f"[bold]{spec.method}[/] on [bold]{spec.task}[/], preset {spec.preset}, seed {spec.seed}")
    console.print("".join(f"{title:>{width}}" for title, width in columns), style="bold")
    for row in store.iterations():
        console.print(
            round_line(columns, row.index, row.intervention_rate, row.expert_steps, row.theta, row.seconds_waited),
            style="dim",
        )
    with progress_bar(console) as progress:
        bar = progress.add_task("", total=spec.settings.rollout_steps, note="")
        expert = supervised = 0
        for event in spec.events(store):
            if isinstance(event, SupervisedStep):
                supervised += 1
                expert += int(event.controller)
                progress.update(
                    bar,
                    description="supervised steps",
                    total=spec.settings.rollout_steps,
                    completed=supervised,
                    note=f"{expert} by the expert",
                )
            elif isinstance(event, Progress):
                progress.update(
                    bar,
                    description="policy updates",
                    total=event.of,
                    completed=event.step + 1,
                    note=f"|gradient| {event.gradient_norm:.3f}" if event.theta.size else f"loss {event.loss:.3f}",
                )
            elif isinstance(event, Iteration):
                expert = supervised = 0
                progress.console.print(
                    round_line(
                        columns,
                        event.index,
                        event.intervention_rate,
                        event.expert_steps,
                        event.theta,
                        event.seconds_waited,
                    )
                )
