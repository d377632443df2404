"""`mereq trial`: a person supervises run after run, and nobody is told which method has its turn."""

import traceback
from pathlib import Path

from rich.console import Console

from mereq.commands.opening import resume_or_create
from mereq.commands.supervise import check_pace, sit
from mereq.core.errors import MereqError, StillBlind
from mereq.trials.plan import BlindRun, Trial
from mereq.trials.trial_store import TrialStore
from mereq.web.server import listen
from mereq.web.session import Session


def trial(
    file: Path, out: Path | None, *, hz: float | None, host: str, port: int, browser: bool, console: Console
) -> None:
    """Do the next run of a trial, or go on with the one that was interrupted."""
    check_pace(hz)
    planned = Trial.read(file)
    out = out or Path("runs/trials") / file.stem
    again = f"mereq trial {file} --out {out}"
    with TrialStore.begin(out, planned) as store:
        if left := store.left():
            number, all_of_them = left[0].number, len(planned.runs)
            console.print(
                f"[bold]{planned.file.title}[/], participant {planned.file.participant}: run {number} of "
                f"{all_of_them}, {left[0].spec.task}. It has a method that you will be told when all runs are finished."
            )
            _do(left[0], store, again, hz=hz, host=host, port=port, browser=browser, console=console)
            left = store.left()
    if left:
        words = f"{len(left)} of {len(planned.runs)} runs left. Go on with:  {again}"
    else:
        words = f"All {len(planned.runs)} runs are finished. What they were, and what came out:  mereq report {out}"
    console.print(f"\n{words}", soft_wrap=True)


def _do(
    run: BlindRun,
    trial: TrialStore,
    again: str,
    *,
    hz: float | None,
    host: str,
    port: int,
    browser: bool,
    console: Console,
) -> None:
    """One run, as far as the person goes on with it."""
    directory = trial.run_directory(run)
    with listen(host, port) as listening, resume_or_create(directory, run.spec, console) as writer:
        session = Session(run.spec, writer, pace=hz, blind=trial.trial.file.wait)
        try:
            sit(session, listening, browser, console, resume_with=again)
        except MereqError:
            raise
        except Exception as error:
            log = directory.with_name(f"{directory.name}.failed.txt")
            log.write_text(traceback.format_exc(), encoding="utf-8")
            raise StillBlind(
                f"The program has a mistake, and cannot go on with this run. What it is may tell the method, so it is "
                f"written in {log}, for somebody else than the participant to read."
            ) from error
