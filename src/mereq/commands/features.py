"""`mereq features`: features that a run's interventions ask for, and that the task's features cannot say."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.added_features import recorded_moves
from mereq.alignment.deep_inverse_rl import DeepImprover, DeepInverseRL
from mereq.alignment.missing_features import LEAST, LEVEL, missing_features
from mereq.alignment.two_part_alignment import TwoPartImprover
from mereq.commands.fit import fit_lines, fit_of, place, place_words
from mereq.commands.output import command
from mereq.commands.unused import refuse_other_names
from mereq.core.errors import CannotLoad
from mereq.irl.candidates import Candidate, Moves, library, values
from mereq.irl.unnamed_reward import resemblance
from mereq.presets.methods import known_method, method_named
from mereq.presets.named import ADDED, load_named
from mereq.presets.registry import definition_of, find_task
from mereq.runs.inference import RecordedInference
from mereq.runs.policies import name_policy, policy_of, task_of
from mereq.runs.recorded import spec_of
from mereq.store.run_store import RunReader
from mereq.trials.trial_store import refuse_blind

ALIKE, MOST_ALIKE = (
    0.3,
    3,
)  # smallest |correlation| of a candidate that the unnamed part is like, and how many are named


def features_report(
    directory: Path, *, task: str | None = None, prior: str | None = None, candidates: str | None = None
) -> dict[str, Any]:
    """Features that are offered for a run, with the interventions that ask for them, as JSON.

    Args:
        directory: of the run.
        task, prior: the user's code for the run's task and prior; it is imported.
        candidates: the user's own, file.py:NAME or package.module:NAME of a sequence of `Candidate`; it is imported.
    """
    refuse_blind(directory)
    with RunReader.open(directory) as reader:
        refuse_other_names(directory, reader.starts()[-1].config, task=task, prior=prior)
        if task is not None:
            find_task(task)
        name_policy(prior)
        more = () if candidates is None else _own(candidates)
        if isinstance(known_method(reader.starts()[-1].config.get("method", "")), DeepInverseRL):
            return _of_deep(reader, more)
        run = RecordedInference.of(reader)
    definition, out = definition_of(run.spec.task), directory.with_name(f"{directory.name}-more")
    found = missing_features(
        run.task,
        run.prior,
        run.family,
        run.improver,
        run.log,
        run_seed=run.spec.seed,
        learner=run.spec.settings.learner,
        names=definition.observation_names,
        own=(*definition.candidates, *more),
    )
    offered = []
    for h in found.offered.tolist():
        assert found.test is not None
        offered.append(
            {
                "name": found.candidates[h].name,
                "sign": "more" if found.test.z[h] > 0 else "less",
                "z": float(found.test.z[h]),
                "p": float(found.test.p[h]),
                "adjusted_p": float(found.test.adjusted[h]),
                "asked_for_by": [place(found.where[k]) for k in found.asking(h)],
            }
        )
    return {
        "interventions": len(found.where),
        "enough": found.test is not None,
        "candidates": len(found.candidates),
        "level": LEVEL,
        "offered": offered,
        "accept": [
            command("mereq", "align", f"{run.spec.task}{ADDED}{each['name']}", "--out", out) for each in offered
        ],
        "fit": fit_of(run),
        "unnamed": _unnamed(run, found.candidates),
    }


def _of_deep(reader: RunReader, own: tuple[Candidate, ...]) -> dict[str, Any]:
    """What the unnamed part of a run with `mereq-deep` is like. Without a policy family no candidate is tested."""
    spec = spec_of(reader)
    task, prior, definition = task_of(spec), policy_of(spec, "prior"), definition_of(spec.task)
    resume = reader.resume_point(prior)
    report: dict[str, Any] = {"offered": None, "fit": None, "unnamed": None}
    if resume.state is None:
        return report
    improver = method_named(spec.method).start(task, prior, spec.settings, seed=spec.seed)
    assert isinstance(improver, DeepImprover)
    with closing(improver):
        improver.restore(resume.state)
        unnamed = improver.unnamed_reward(resume.log)
    columns = recorded_moves(task, resume.log)
    offered = library(columns, task.actions, names=definition.observation_names, own=(*definition.candidates, *own))
    return report | {"unnamed": _alike(unnamed, columns, task.feature_names, offered)}


def _unnamed(run: RecordedInference, candidates: tuple[Candidate, ...]) -> list[dict[str, Any]] | None:
    """Features and candidates that the unnamed part of the reward is most like; None where there is none."""
    improver = run.improver
    if not isinstance(improver, TwoPartImprover):
        return None
    list(improver.improve(run.log, 0))
    if improver.unnamed is None:
        return None
    taken = improver.taken(run.log)
    columns = Moves(*(column[taken] for column in recorded_moves(run.task, run.log)))
    return _alike(improver.unnamed_reward(run.log), columns, run.task.feature_names, candidates)


def _alike(
    unnamed: np.ndarray, columns: Moves, names: tuple[str, ...], candidates: tuple[Candidate, ...]
) -> list[dict[str, Any]]:
    """Features and candidates that an unnamed reward is most like, in the same steps."""
    all_of = [*(Candidate(name, partial(_feature, i)) for i, name in enumerate(names)), *candidates]
    alike = resemblance(unnamed, values(all_of, columns))
    best = [i for i in np.argsort(-np.abs(alike)).tolist() if abs(alike[i]) >= ALIKE][:MOST_ALIKE]
    return [{"name": all_of[i].name, "correlation": float(alike[i])} for i in best]


def _feature(i: int, moves: Moves) -> np.ndarray:
    return moves.features[:, i]


def feature_lines(report: dict[str, Any]) -> list[str]:
    """The features in words."""
    if "enough" not in report:
        return _unnamed_lines(report["unnamed"]) or ["no round is finished yet"]
    n = report["interventions"]
    lines = [*(fit_lines(report["fit"]) if report["fit"] else []), *_unnamed_lines(report.get("unnamed"))]
    if not report["enough"]:
        return [*lines, f"{n} interventions are too few to look for missing features; at least {LEAST} are needed"]
    tested = f"{report['candidates']} candidates were tested against {n} interventions"
    if not report["offered"]:
        return [*lines, f"no feature is missing, as far as these interventions say ({tested})"]
    lines.append(f"the interventions ask for what the features cannot say ({tested}):")
    for each in report["offered"]:
        lines.append(
            f"  {each['sign']} of  {each['name']}   (z = {each['z']:.1f}, Holm's p = {each['adjusted_p']:.1g})"
        )
        lines += [f"    asked for in {place_words(where)}" for where in each["asked_for_by"]]
    lines.append("to accept the first one, add it to the task, as if its author had declared it:")
    lines.append(f"  {report['accept'][0]}")
    return lines


def _unnamed_lines(unnamed: list[dict[str, Any]] | None) -> list[str]:
    """What the unnamed part of the reward is like, in words."""
    if unnamed is None:
        return []
    if not unnamed:
        return ["the unnamed part of the reward is like no feature or candidate"]
    return [
        "the unnamed part of the reward is most like:",
        *(
            f"  {'more' if a['correlation'] > 0 else 'less'} of  {a['name']}   (correlation {a['correlation']:.2f})"
            for a in unnamed
        ),
    ]


def _own(source: str) -> tuple[Candidate, ...]:
    found = load_named(source, "candidates")
    if not isinstance(found, list | tuple) or not all(isinstance(each, Candidate) for each in found):
        raise CannotLoad(
            f"{source} is no sequence of candidates. Give a list or tuple of mereq.irl.candidates.Candidate."
        )
    return tuple(found)
