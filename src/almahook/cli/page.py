"""How the commands write to a person: plain lines of 80 columns, in colour on a terminal."""

from textwrap import wrap
from typing import Literal

import typer

from almahook.cli.output import plain, remark, say

State = Literal["ok", "warning", "problem"]

_COLOURS = {
    "ok": typer.colors.GREEN,
    "warning": typer.colors.YELLOW,
    "problem": typer.colors.RED,
}
_WIDTH = 80
_LABEL = 9


class Page:
    """Writes wrapped text; what is to be copied is never wrapped.

    Args:
        to_stderr: Write beside the output instead of into it.
    """

    def __init__(self, *, to_stderr: bool = False) -> None:
        self._err = to_stderr

    def finding(self, state: State, text: str, *, fix: str = "") -> None:
        """Write a sentence under its state, and below it what to do."""
        label = typer.style(state.ljust(_LABEL), fg=_COLOURS[state], bold=True)
        first, *more = _wrapped(text, _WIDTH - _LABEL) or [""]
        self._say(label + first)
        for line in more:
            self._say(" " * _LABEL + line)
        if fix:
            self.note(f"Fix: {fix}")

    def note(self, text: str) -> None:
        """Write a sentence below a finding."""
        for line in _wrapped(text, _WIDTH - _LABEL):
            self._say(" " * _LABEL + line)

    def text(self, text: str = "") -> None:
        """Write a paragraph."""
        for line in _wrapped(text, _WIDTH) or [""]:
            self._say(line)

    def copy(self, text: str, *, indent: int = 2) -> None:
        """Write lines that are to be copied."""
        for line in text.splitlines():
            self._say(" " * indent + line)

    def _say(self, line: str) -> None:
        (remark if self._err else say)(line)


def _wrapped(text: str, width: int) -> list[str]:
    # What a server answers is shown too, and a URL that is broken over two lines cannot be copied.
    return wrap(plain(text), width, break_long_words=False, break_on_hyphens=False)
