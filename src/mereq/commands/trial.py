"""`mereq trial`: runs of a blind trial, one per call; the methods stay hidden until all runs are finished."""

import traceback
from pathlib import Path

from rich.console import Console

from mereq.commands.opening import recording, resume_or_create
from mereq.commands.output import command, words
from mereq.commands.supervise import check_pace, serve_session
from mereq.core.errors import MereqError, StillBlind
from mereq.store.links import inside
from mereq.trials.plan import BlindRun, Trial
from mereq.trials.trial_store import TrialStore
from mereq.web.server import listen
from mereq.web.session import Session


def trial(
    file: Path,
    out: Path | None,
    *,
    accept_loss: bool = False,
    hz: float | None,
    host: str,
    port: int,
    browser: bool,
    console: Console,
) -> None:
    """Execute the next run of a trial, or continue the interrupted one."""
    check_pace(hz)
    planned = Trial.read(file)
    out = out or Path("runs/trials") / file.stem
    again = command("mereq", "trial", file, "--out", out)
    with TrialStore.begin(out, planned, accept_loss=accept_loss) as store:
        if left := store.left():
            number, n_runs = left[0].number, len(planned.runs)
            console.print(
                words(
                    (planned.file.title, "bold"),
                    f", participant {planned.file.participant}: run {number} of {n_runs}, {left[0].spec.task}. Its "
                    "method is revealed when all runs are finished.",
                )
            )
            _execute(
                left[0],
                store,
                again,
                accept_loss=accept_loss,
                hz=hz,
                host=host,
                port=port,
                browser=browser,
                console=console,
            )
            left = store.left()
    if left:
        text = f"{len(left)} of {len(planned.runs)} runs left. Continue with:  {again}"
    else:
        text = f"All {len(planned.runs)} runs are finished. Methods and results:  {command('mereq', 'report', out)}"
    console.print(words(f"\n{text}"), soft_wrap=True)


def _execute(
    run: BlindRun,
    trial: TrialStore,
    again: str,
    *,
    accept_loss: bool,
    hz: float | None,
    host: str,
    port: int,
    browser: bool,
    console: Console,
) -> None:
    """Execute one run until its end, or until the person stops."""
    directory = trial.run_directory(run)
    with (
        listen(host, port) as listening,
        recording(resume_or_create(directory, run.spec, console, accept_loss=accept_loss)) as writer,
    ):
        session = Session(run.spec, writer, pace=hz, blind=trial.trial.file.wait)
        try:
            serve_session(session, listening, browser, console, writer=writer, out=trial.directory, resume_with=again)
        except MereqError:
            raise
        except Exception as error:
            log = inside(trial.directory, directory.with_name(f"{directory.name}.failed.txt"))
            log.write_text(traceback.format_exc(), encoding="utf-8")
            raise StillBlind(
                f"The program has an error, and cannot continue this run. The error may reveal the method, so it is "
                f"written to {log}, for another person than the participant to read."
            ) from error
