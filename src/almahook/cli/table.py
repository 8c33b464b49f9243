"""Tables: as wide as the terminal, 80 columns and without colour anywhere else."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from almahook.cli.output import plain, say

_PIPED_WIDTH = 80

_COLOURS = {
    "parked": "red",
    "running": "cyan",
    "waiting": "yellow",
    "pending": "yellow",
    "unhandled": "magenta",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column.

    Attributes:
        is_number: Set to the right.
        is_whole: Never broken over two lines.
        from_width: Left out where there is less room.
    """

    title: str
    is_number: bool = False
    is_whole: bool = True
    from_width: int = 0


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    console = _console()
    shown = [place for place, one in enumerate(columns) if one.from_width <= console.width]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place in shown:
        column = columns[place]
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_whole,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(row[place]) for place in shown))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        say(line.rstrip())


def _console() -> Console:
    is_terminal = sys.stdout.isatty()
    return Console(
        # Whoever reads a pipe has no terminal whose width could be asked for.
        width=None if is_terminal else _PIPED_WIDTH,
        force_terminal=is_terminal,
        no_color=None if is_terminal else True,
        highlight=False,
    )


def _cell(text: str) -> Text:
    first = text.partition(",")[0].rpartition(" ")[2]
    return Text(plain(text), style=_COLOURS.get(first, ""))
