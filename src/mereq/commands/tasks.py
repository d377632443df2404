"""`mereq tasks`: list of the tasks, with features and weights."""

from importlib import metadata

from rich.console import Console
from rich.table import Table

from mereq.commands.output import words
from mereq.presets.catalogue import CATALOGUE, ENTRY_POINTS


def list_tasks(console: Console) -> None:
    """Print the list of tasks."""
    table = Table(box=None, header_style="bold")
    for column in ("task", "feature", "prior", "expert"):
        table.add_column(column, justify="left" if column in ("task", "feature") else "right")
    for name, entry in CATALOGUE.items():
        weights = zip(entry.feature_names, entry.theta_prior, entry.theta_expert, strict=True)
        for index, (feature, prior, expert) in enumerate(weights):
            wanted = "you" if entry.for_a_person else f"{expert:g}"
            table.add_row(name if index == 0 else "", feature, f"{prior:g}", wanted)
        how = f", for a person: mereq supervise {name}" if entry.for_a_person else ""
        table.add_row("", words((f"{entry.summary}{how}", "dim")), "", "")
    for point in metadata.entry_points(group=ENTRY_POINTS):
        table.add_row(words(point.name), words((point.value, "dim")), "", "")
    console.print(table)
    console.print("\nYour own task: file.py:NAME or package.module:NAME of a TaskDefinition.", highlight=False)
