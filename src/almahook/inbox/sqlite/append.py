"""How a batch of events becomes rows, each event once."""

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from almahook.inbox.contract import Receipt
from almahook.inbox.event import NewEvent
from almahook.inbox.sqlite import rows
from almahook.inbox.sqlite.sql import load_queries

_Q = load_queries()


def append(connection: Connection, events: Sequence[NewEvent]) -> list[Receipt]:
    """Insert the events that are new; one receipt per event, in order."""
    packed = rows.pack_events(events)
    stored = connection.execute(_Q["append"], packed)
    last = stored.lastrowid or 0
    if stored.rowcount == len(events):
        first = last - len(events) + 1
        return [Receipt(seq=first + n, duplicate=False) for n in range(len(events))]
    return _receipts_with_duplicates(connection, packed, new=stored.rowcount)


def _receipts_with_duplicates(
    connection: Connection, packed: Mapping[str, Any], *, new: int
) -> list[Receipt]:
    """Tell the events that were new from those that were there, also within the batch itself."""
    row = connection.execute(_Q["last_before"], {"new": new}).fetchone()
    last_before = row[0] if row else 0
    seqs = json.loads(
        connection.execute(_Q["seqs_of_keys"], {"rows": packed["rows"]}).fetchone()[0]
    )
    seen: set[int] = set()
    receipts = []
    for seq in seqs:
        receipts.append(Receipt(seq=seq, duplicate=seq <= last_before or seq in seen))
        seen.add(seq)
    return receipts
