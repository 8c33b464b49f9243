"""What the commands write: data on standard output, everything said about it beside it."""

import sys
from collections.abc import Sequence
from textwrap import wrap

import typer

_WIDTH = 80
_LABEL = 13
_LISTED = 10


def plain(text: str) -> str:
    """Make one harmless line of a text: what does not print becomes an escape.

    A refused request comes from anybody, and could otherwise write to the terminal as it likes.
    """
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def plain_lines(text: str) -> list[str]:
    """Make harmless lines of a text that has several."""
    return [plain(line) for line in text.expandtabs().splitlines()]


def paragraph(text: str, *, indent: int = 0) -> list[str]:
    """Break a text into harmless lines of at most 80 columns, never within a word."""
    start = " " * indent
    return wrap(
        plain(" ".join(text.split())),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_on_hyphens=False,
        break_long_words=False,
    )


def fact(label: str, text: str) -> list[str]:
    """Write what is known beside its label; nothing when it is not known."""
    first, *more = paragraph(text, indent=_LABEL + 2) or [""]
    return [f"  {label:<{_LABEL}}{first.strip()}", *more] if text else []


def counted(number: int, what: str) -> str:
    """Write a number with what it counts: ``1 event``, ``1,200 events``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(numbers: Sequence[int]) -> str:
    """List numbers, but never a thousand of them."""
    shown = ", ".join(map(str, numbers[:_LISTED]))
    more = len(numbers) - _LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


def say(text: str = "") -> None:
    """Write a line of the output; what its encoding lacks becomes an escape."""
    typer.echo(_encodable(text, sys.stdout.encoding))


def remark(text: str) -> None:
    """Write a line for the person only, on standard error."""
    typer.echo(_encodable(text, sys.stderr.encoding), err=True)


def write_body(body: bytes) -> None:
    """Write a body: its bytes and nothing else, or harmless lines when a terminal shows them."""
    if sys.stdout.isatty():
        for line in plain_lines(body.decode("utf-8", "backslashreplace")):
            say(line)
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def _encodable(text: str, encoding: str | None) -> str:
    known = encoding or "utf-8"
    return text.encode(known, "backslashreplace").decode(known)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
