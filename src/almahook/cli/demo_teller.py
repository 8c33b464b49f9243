"""How the demonstration tells what happens: numbered scenes, and who does what in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

_INDENT = 3
_NAME = 10
_READABLE_WIDTH = 100

Step = Callable[[int], None]


class Teller:
    """Writes to one console, in words for somebody who sees all this for the first time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._width = min(console.width, _READABLE_WIDTH)
        self._scenes = 0

    def scene(self, title: str) -> None:
        """Announce what comes next, in one sentence."""
        self._scenes += 1
        self.gap()
        self._lines(Text(title, style="bold"), f"{self._scenes}".ljust(_INDENT))

    def act(self, who: str, does: str) -> None:
        """Say who does what."""
        self._lines(Text(does), " " * _INDENT + who.ljust(_NAME))

    def note(self, text: str) -> None:
        """Say something that nobody does."""
        self._lines(Text(text, style="dim"), " " * _INDENT)

    def verdict(self, text: str, *, is_good: bool) -> None:
        """Say whether it went as it must."""
        style = "bold green" if is_good else "bold red"
        self._lines(Text(text, style=style), " " * _INDENT)

    def copy(self, text: str) -> None:
        """Show lines that are to be copied, and so are never broken."""
        for line in text.splitlines():
            self.console.print(" " * (_INDENT + _NAME) + line, soft_wrap=True, markup=False)

    def table(self, table: Table) -> None:
        """Show a table."""
        self.console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))

    def gap(self) -> None:
        """Leave a line between two episodes of a scene."""
        self.console.print()

    @contextmanager
    def progress(self, does: str, total: int) -> Iterator[Step]:
        """Show how far it is: a bar on a terminal, otherwise a line each tenth."""
        if self.console.is_interactive:
            with self._bar() as bar:
                task = bar.add_task(does, total=total)
                yield lambda done: bar.update(task, completed=done)
        else:
            yield _Tenths(self, does, total)

    def _bar(self) -> Progress:
        return Progress(
            TextColumn(" " * _INDENT + "{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            console=self.console,
        )

    def _lines(self, text: Text, start: str) -> None:
        """Write text beside its start, and what does not fit below it."""
        for line in text.wrap(self.console, self._width - len(start)):
            line.rstrip()
            self.console.print(Text.assemble((start, "cyan"), line), soft_wrap=True)
            start = " " * len(start)


class _Tenths:
    def __init__(self, teller: Teller, does: str, total: int) -> None:
        self._teller = teller
        self._does = does
        self._total = total
        self._told = 0

    def __call__(self, done: int) -> None:
        tenth = done * 10 // self._total
        if tenth > self._told:
            self._told = tenth
            self._teller.act("", f"{self._does} {done:,} of {self._total:,}")
