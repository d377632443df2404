"""Options that would have no effect beside the others: refused with a sentence, before anything is done."""

from pathlib import Path
from typing import Any

from mereq.core.errors import WrongValue
from mereq.presets.named import recorded_name, without_added

Unused = tuple[Any, str]  # whether an option without an effect is given, and the sentence about it


def refuse_unused(*unused: Unused) -> None:
    """Refuse the first option that is given and would have no effect.

    Raises:
        WrongValue: the sentence about it.
    """
    for given, sentence in unused:
        if given:
            raise WrongValue(sentence)


def refuse_unused_with_resume(*, resume: bool, overwrite: bool, accept_loss: bool) -> None:
    """Refuse options about an existing run that contradict each other, or have none to be about.

    Raises:
        WrongValue: one of them is given.
    """
    refuse_unused(
        (
            resume and overwrite,
            "--resume continues the run in --out, and --overwrite deletes it: leave one out.",
        ),
        (
            accept_loss and not resume,
            "--accept-loss has no effect on a new run, which has no recorded steps yet. Add --resume, or leave it out.",
        ),
    )


def refuse_other_names(directory: Path, config: dict[str, Any], *, task: str | None, prior: str | None) -> None:
    """Refuse names of a task and of a prior that a recorded run does not have: their code would not be used.

    Raises:
        WrongValue: the run has another one, or none that has to be named.
    """
    for option, name in (("task", task), ("prior", prior)):
        recorded = config.get(option)
        known = {recorded, without_added(recorded)[0]} if recorded else set()
        if name is not None and recorded_name(name) not in known:
            its = f"the {option} {recorded}" if recorded else f"no {option} that has to be named"
            raise WrongValue(f"The run in {directory} has {its}, and --{option} names {name}.")
