"""`mereq doctor`: installed and missing parts, and their purposes."""

from rich.console import Console
from rich.table import Table

from mereq.commands.installation import examine, examine_supervision
from mereq.commands.output import words


def doctor(console: Console) -> bool:
    """Print the findings. Returns whether all required parts are present."""
    findings = examine() + examine_supervision()
    table = Table(box=None, header_style="bold")
    for column in ("", "what", "found", "for"):
        table.add_column(column)
    for finding in findings:
        mark = ("✓", "green") if finding.found else ("✗", "red") if finding.required else ("–", "yellow")
        table.add_row(words(mark), finding.what, finding.found or "not found", finding.needed_for)
    console.print(table)
    return all(finding.fine for finding in findings)
