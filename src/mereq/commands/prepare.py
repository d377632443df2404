"""`mereq prepare`: preparation of a policy family, for the method mereq-bayes."""

import json
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.output import command, words
from mereq.commands.terminal import prepare as prepare_machine
from mereq.commands.terminal import progress_bar
from mereq.core.errors import IncompatibleRun, RunExists, WrongValue
from mereq.maxent_rl.family_training import FamilySettings, FamilyTraining
from mereq.presets.registry import find_task
from mereq.runs.families import PRIOR
from mereq.runs.policies import checksum_of, name_policy, policy_of, task_of
from mereq.runs.spec import RunSpec
from mereq.store.atomic import writing
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.families import save_family
from mereq.store.locks import WriterLock
from mereq.store.provenance import provenance


def prepare(
    task: str,
    out: Path,
    *,
    prior: str | None,
    prior_kind: str | None,
    steps: int | None,
    limit: tuple[float, ...],
    seed: int,
    resume: bool,
    console: Console,
) -> None:
    """Prepare the policy family of a task's prior in phases, each of which is saved."""
    if seed < 0:
        raise WrongValue(f"--seed is {seed}, and must be at least 0.")
    if not out.name:
        raise WrongValue(f"--out is {str(out)!r}, and must be the name of a file without its suffix.")
    definition = find_task(task)
    name_policy(prior)
    spec = RunSpec.named(task=task, prior=prior, prior_kind=prior_kind)
    assert definition.family_settings is not None
    settings = _asked(definition.family_settings, steps, limit)
    policy = policy_of(spec, "prior")
    about = json.loads(
        json.dumps(
            {"task": task, "seed": seed, PRIOR: checksum_of(policy, task_of(spec)), "settings": asdict(settings)}
        )
    )
    out = out.absolute()
    with writing(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(out.with_name(f"{out.name}.lock"), f"preparing {out}")
    try:
        training = FamilyTraining(task_of(spec), policy, settings, seed=seed)
        with closing(training):
            curve = _resumed(training, out, about) if resume else _begun(out)
            prepare_machine(definition, console)
            again = _again(task, out, prior, prior_kind, steps, limit, seed)
            _run(training, out, about, curve, again, console)
    finally:
        if not out.with_name(f"{out.name}.json").exists():
            lock.file.unlink(missing_ok=True)  # nothing was prepared
        lock.release()
    use = command("mereq", "align", task, *_options({"prior": prior}), "--method", "mereq-bayes", "--family", out)
    console.print(words(f"The policy family is in {out}.safetensors and {out}.json. Use it with:  {use}"))


def _asked(settings: FamilySettings, steps: int | None, limit: tuple[float, ...]) -> FamilySettings:
    if steps is not None:
        settings = replace(settings, training=settings.training.lasting(steps))
    return replace(settings, limit=limit) if limit else settings


def _begun(out: Path) -> list[dict[str, float]]:
    if out.with_name(f"{out.name}.json").exists():
        raise RunExists(f"{out}.json already exists. Continue with --resume, or choose another --out.")
    return []


def _state(out: Path) -> Path:
    return out.with_name(out.name + ".state")


def _resumed(training: FamilyTraining, out: Path, about: dict[str, Any]) -> list[dict[str, float]]:
    saved = load_arrays(_state(out), kind="state")
    if saved.about.get("training") != about:
        raise IncompatibleRun(
            f"The preparation in {out} was started with another prior or other settings. Repeat its options, or choose "
            "another --out."
        )
    training.restore(saved.arrays)
    return saved.about["curve"]


def _run(
    training: FamilyTraining,
    out: Path,
    about: dict[str, Any],
    curve: list[dict[str, float]],
    again: str,
    console: Console,
) -> None:
    total = training.settings.n_steps
    begun, first = time.perf_counter(), training.steps
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task(
                f"preparing a family for {about['task']}", total=total, completed=training.steps, note=""
            )
            for done in training.run_phases():
                metrics = {k: float(f"{x:.4g}") for k, x in training.simulator_training.metrics.items()}
                curve.append({"steps": done, **{k: x for k, x in metrics.items() if np.isfinite(x)}})
                save_arrays(_state(out), training.state(), kind="state", about={"training": about, "curve": curve})
                entries = {"steps": done, "curve": curve, "provenance": provenance()}
                save_family(out, training.family, about={**about, **entries})
                left = (time.perf_counter() - begun) / (done - first) * (total - done)
                note = f"about {left:.0f} s left" if left else ""
                progress.update(bar, completed=done, note=note)
                loss = f"   loss {curve[-1]['loss']:.4f}" if "loss" in curve[-1] else ""
                progress.console.print(words(f"{done:>9,} of {total:,} steps{loss}   {note}"))
    except KeyboardInterrupt:
        console.print(words(f"\nStopped after {training.steps:,} steps. Continue with:  {again}"), soft_wrap=True)
        raise


def _again(
    task: str,
    out: Path,
    prior: str | None,
    prior_kind: str | None,
    steps: int | None,
    limit: tuple[float, ...],
    seed: int,
) -> str:
    given = {"prior": prior, "prior-kind": prior_kind, "steps": steps}
    limits = ["--limit", *limit] if limit else []
    return command("mereq", "prepare", task, "--out", out, "--seed", seed, *_options(given), *limits, "--resume")


def _options(given: dict[str, Any]) -> list[Any]:
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]
