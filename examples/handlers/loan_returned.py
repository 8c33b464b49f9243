"""Keeps a small database of what has come back, for a page that shows what is on the shelf."""

import sqlite3
from contextlib import closing
from pathlib import Path

from almahook import Context, LoanEvent, Skip

DATABASE = Path("returned.sqlite")

TABLE = "CREATE TABLE IF NOT EXISTS returned (barcode TEXT PRIMARY KEY, at TEXT, library TEXT)"

# Events may come late and out of order: an older one does not overwrite a newer one.
NOTE = """
    INSERT INTO returned VALUES (?, ?, ?) ON CONFLICT (barcode) DO UPDATE
    SET at = excluded.at, library = excluded.library WHERE excluded.at > returned.at
"""


def process(event: LoanEvent, ctx: Context) -> Skip | None:
    """Note that the item is back; noting it twice changes nothing, so there is no ctx.once."""
    if not event.barcode:
        return Skip("the loan has no barcode")
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute(TABLE)
        database.execute(NOTE, (event.barcode, event.document.get("time"), event.library))
    ctx.log.info("an item is back at %s", event.get("library.desc"))
    return None
