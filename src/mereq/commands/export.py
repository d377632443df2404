"""`mereq export`: recorded runs as a dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from mereq.commands.output import words
from mereq.commands.terminal import progress_bar
from mereq.exports import Episode, Recording, read_runs
from mereq.exports import export as write


def export(
    runs: Sequence[Path], format: str, out: Path, *, rounds: Sequence[int], overwrite: bool, console: Console
) -> None:
    """Write a dataset of the recorded steps of these runs."""
    recording = read_runs(runs, rounds=rounds)
    write(recording, format, out, overwrite=overwrite, episodes=_with_bar(recording, console))
    console.print(words(f"The dataset is in {out}. Its README.txt says how to load it."), soft_wrap=True)


def _with_bar(recording: Recording, console: Console) -> Iterator[Episode]:
    """Episodes of the recording, with a progress bar that counts their rounds."""
    with progress_bar(console) as progress:
        bar = progress.add_task("rounds", total=recording.n_rounds, note="")
        seen: set[tuple[int, int]] = set()
        for number, episode in enumerate(recording.episodes(), start=1):
            progress.update(bar, completed=len(seen), note=f"{number} episodes")
            seen.add((episode.run, episode.round))
            yield episode
