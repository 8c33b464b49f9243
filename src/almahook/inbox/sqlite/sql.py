"""The SQL of this store, read out of its .sql files."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from sqlite3 import complete_statement

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
