"""Which schema a database file has, read without changing it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from almahook.errors import InboxUnavailableError


def schema_of(path: Path) -> int:
    """Return the number of the newest migration that a file has had; 0 when there is no file.

    Raises:
        InboxUnavailableError: The file cannot be read, or is no database.
    """
    try:
        if not path.exists():
            return 0
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except (sqlite3.DatabaseError, OSError) as error:
        raise InboxUnavailableError(f"{path} cannot be read: {error}.") from error
    return number
