"""`mereq tasks`: the tasks, their features and weights."""

from rich.console import Console
from rich.table import Table

from mereq.presets.registry import HUMAN_TASKS, TASKS


def list_tasks(console: Console) -> None:
    """Print the tasks."""
    table = Table(box=None, header_style="bold")
    for column in ("task", "feature", "prior", "expert"):
        table.add_column(column, justify="left" if column in ("task", "feature") else "right")
    for name, preset in TASKS.items():
        rows = zip(preset.task.feature_names, preset.theta_prior, preset.theta_expert, strict=True)
        for index, (feature, prior, expert) in enumerate(rows):
            wanted = "you" if name in HUMAN_TASKS else f"{expert:g}"
            table.add_row(name if index == 0 else "", feature, f"{prior:g}", wanted)
        words = f", for a person: mereq supervise {name}" if name in HUMAN_TASKS else ""
        table.add_row("", f"[dim]{preset.summary}{words}[/]", "", "")
    console.print(table)
