"""The SQL of this store, read out of its .sql files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from sqlite3 import Connection, complete_statement
from typing import Any

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_HERE = files("almahook.inbox.sqlite")


def load_queries() -> Mapping[str, str]:
    """Read ``queries.sql``: each query under its ``-- name --`` line."""
    parts = _NAME.split(_HERE.joinpath("queries.sql").read_text("utf-8"))
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def for_rows(insert: str, number: int) -> str:
    """Write an INSERT of one row as one of several."""
    values = insert[insert.rindex("(") :]
    return insert + f", {values}" * (number - 1)


class ManyRows:
    """An INSERT of one row, by statements of many: each step gives Python's lock away once.

    There are three, since each is prepared once, and another for each number of rows would not be.
    """

    def __init__(self, insert: str) -> None:
        self._statements = {number: for_rows(insert, number) for number in (64, 8, 1)}

    def insert(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows; return the number of the last one, 0 if there is none."""
        start = last = 0
        for number, statement in self._statements.items():
            while len(rows) - start >= number:
                values = chain.from_iterable(rows[start : start + number])
                last = connection.execute(statement, [*values]).lastrowid or 0
                start += number
        return last


def load_migrations() -> Mapping[int, str]:
    """Read the migrations by number, in order."""
    found = sorted(_HERE.joinpath("migrations").iterdir(), key=lambda path: path.name)
    return {int(path.name[:4]): path.read_text("utf-8") for path in found if _is_sql(path.name)}


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if complete_statement(statement):
            yield statement
            statement = ""


def _is_sql(name: str) -> bool:
    return name.endswith(".sql")
