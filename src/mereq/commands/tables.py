"""Tables of results: drawn on a terminal, or as Markdown for other programs."""

from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable

from mereq.reports.tables import Table


def print_table(title: str, table: Table) -> None:
    """Print a table of a report: drawn on a terminal, otherwise as Markdown."""
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        print(f"{title}\n\n{table.markdown()}")
        return
    out.print(title.replace("**", ""))
    shown = TerminalTable(box=box.SIMPLE_HEAD, header_style="bold")
    for name in table.header:
        shown.add_column(name)
    for line in table.lines:
        shown.add_row(*(cell.replace("**", "").replace("[", r"\[") for cell in line))
    Console(highlight=False).print(shown)
