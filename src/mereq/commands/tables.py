"""Tables of results: drawn on a terminal, or as Markdown for other programs."""

from rich import box
from rich.table import Table as TerminalTable

from mereq.commands.output import PlainConsole, printable
from mereq.reports.tables import Table


def print_table(title: str, table: Table) -> None:
    """Print a table of a report: drawn on a terminal, otherwise as Markdown."""
    out = PlainConsole(soft_wrap=True)
    if not out.is_terminal:
        print(printable(f"{title}\n\n{table.markdown()}"))
        return
    out.print(title.replace("**", ""))
    shown = TerminalTable(box=box.SIMPLE_HEAD, header_style="bold")
    for name in table.header:
        shown.add_column(name)
    for line in table.lines:
        shown.add_row(*(cell.replace("**", "") for cell in line))
    PlainConsole().print(shown)
