"""How a batch of events becomes rows, each event once."""

import json
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Connection
from sys import intern
from typing import Any

from almahook.inbox.contract import Receipt
from almahook.inbox.event import NewEvent
from almahook.inbox.sqlite import rows
from almahook.inbox.sqlite.recent import Key
from almahook.inbox.sqlite.sql import ManyRows, load_queries
from almahook.inbox.sqlite.terms import Terms

_Q = load_queries()
_APPEND = ManyRows(_Q["append"])


def append(
    connection: Connection,
    terms: Terms,
    events: Sequence[NewEvent],
    *,
    with_bodies: bool = True,
) -> list[Receipt]:
    """Insert the events that are new; one receipt per event, in order.

    Without their bodies only if these are to be found elsewhere.

    No index of SQLite's keeps the keys apart. It is looked and inserted in one transaction, and
    only one process at a time has one that writes.
    """
    if not events:
        return []
    values = rows.event_values if with_bodies else rows.values_without_body
    keys = [_key(event) for event in events]
    known = _known(connection, terms, keys)
    new: dict[Key, NewEvent] = {}
    for place, (key, event) in enumerate(zip(keys, events, strict=True)):
        if place not in known:
            new.setdefault(key, event)
    seqs = _insert(connection, terms, new, values)
    return [
        Receipt(seq=known[place], duplicate=True)
        if place in known
        # The first of a key is the one that was inserted.
        else Receipt(seq=seqs[key], duplicate=new.pop(key, None) is None)
        for place, key in enumerate(keys)
    ]


def _key(event: NewEvent) -> Key:
    # Of all but the id there are few, and thousands of keys are in memory.
    return intern(event.profile), intern(event.action), intern(event.event), event.event_id


def _known(connection: Connection, terms: Terms, keys: Sequence[Key]) -> dict[int, int]:
    """Find the keys that are stored, by their place, with the numbers of their events."""
    found = terms.candidates(connection, keys)
    if not found:
        return {}
    packed = rows.pack((place, seq, *keys[place]) for place, seq in found)
    return dict(json.loads(connection.execute(_Q["known"], {"rows": packed}).fetchone()[0]))


def _insert(
    connection: Connection,
    terms: Terms,
    new: Mapping[Key, NewEvent],
    values: Callable[[NewEvent], tuple[Any, ...]],
) -> dict[Key, int]:
    if not new:
        return {}
    events = list(new.values())
    last = _APPEND.insert(connection, [values(event) for event in events])
    first = last - len(events) + 1
    seqs = {key: seq for seq, key in enumerate(new, first)}
    texts = [(seq, event.event_id, event.subject) for seq, event in enumerate(events, first)]
    terms.add(connection, seqs, texts)
    return seqs
