"""`mereq export-policy`: a run's policy for use elsewhere."""

from pathlib import Path

import numpy as np
from rich.console import Console

from mereq.commands.unused import refuse_other_names
from mereq.core.errors import NoRun, UnknownName
from mereq.exports.policy import Described, PolicyFormat, export_policy
from mereq.presets.registry import find_task
from mereq.runs.policies import name_policy
from mereq.runs.recorded import load_method_policy
from mereq.store.run_store import RunReader
from mereq.trials.trial_store import refuse_blind

N_COMPARED = 1000  # observations at which the written policy is compared with the run's


def export(
    directory: Path,
    format: PolicyFormat,
    out: Path,
    *,
    after_round: int | None,
    task: str | None,
    prior: str | None,
    overwrite: bool,
    console: Console,
) -> None:
    """Write the policy after a round of a run, and compare it with the run's.

    Raises:
        NoRun: no round is finished.
        UnknownName: there is no such round.
        WrongValue: the run has another task or prior than the named one.
    """
    refuse_blind(directory)
    with RunReader.open(directory) as reader:
        refuse_other_names(directory, reader.starts()[-1].config, task=task, prior=prior)
        if task is not None:
            find_task(task)
        name_policy(prior)
        rounds = reader.rounds()
        if not rounds:
            raise NoRun(f"The run in {directory} has no finished round, so there is no policy to export yet.")
        index = len(rounds) - 1 if after_round is None else after_round
        if not 0 <= index < len(rounds):
            raise UnknownName("round", str(index), [str(row.index) for row in rounds])
        found, its_prior, policy = load_method_policy(reader, index)
        obs = np.concatenate([reader.rollout(row.index).obs for row in rounds])
        config, row = reader.starts()[-1].config, rounds[index]
    about = {
        "method": config["method"],
        "seed": config["seed"],
        "rounds": index + 1,
        "intervention_rate": row.intervention_rate,
        "expert_steps": row.expert_steps,
        "theta": [float(weight) for weight in row.theta],
        "prior": Path(config["prior"]).name if config.get("prior") else "the task's own",
    }
    chosen = np.random.default_rng(0).integers(len(obs), size=N_COMPARED)
    difference = export_policy(
        Described(policy, its_prior, found, about), format, out, obs[chosen].astype(np.float32), overwrite=overwrite
    )
    console.print(
        f"The policy is in {out}, read back and compared with the run's at {N_COMPARED} of its observations: largest "
        f"difference {difference:.1e}. README.md says how to use it.",
        soft_wrap=True,
    )
