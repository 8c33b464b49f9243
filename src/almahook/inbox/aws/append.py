"""Stores events, each once: an item that exists once for each key decides, in one transaction."""

from collections.abc import Iterator, Sequence

from almahook.inbox.aws import items, keys
from almahook.inbox.aws.objects import REFERENCE, Objects
from almahook.inbox.aws.table import ConflictError, Item, Put, Table, batches, until_agreed
from almahook.inbox.contract import Receipt
from almahook.inbox.event import NewEvent

# Of four items at most; a transaction may have 100 items and 4 MB, and a body in an item 64 KB.
_MOST = 24

_SEQ = "seq"


class Appender:
    """Appends events to the table."""

    def __init__(self, table: Table, objects: Objects) -> None:
        self._table = table
        self._objects = objects

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Store events, each once; one receipt per event, in order."""
        unique: dict[keys.Key, NewEvent] = {}
        for event in events:
            unique.setdefault(items.identity_of(event), event)
        stored: dict[keys.Key, Receipt] = {}
        for batch in batches(list(unique.items()), _MOST):
            stored |= self._append(dict(batch))
        receipts = []
        for event in events:
            identity = items.identity_of(event)
            receipts.append(stored[identity])
            stored[identity] = Receipt(seq=stored[identity].seq, duplicate=True)
        return receipts

    def _append(self, events: dict[keys.Key, NewEvent]) -> dict[keys.Key, Receipt]:
        bodies = {
            identity: self._objects.keep(event.body, owner=repr(identity))
            for identity, event in events.items()
        }
        # Only numbers are lost when what follows fails. They are given last, so that an event is
        # there soon after it has its number, and seldom behind a later one.
        last = self._table.add(keys.COUNTERS, _SEQ, len(events))
        numbered = dict(zip(events, range(last - len(events) + 1, last + 1), strict=True))
        there: dict[keys.Key, int] = {}

        def write_new() -> None:
            puts = [
                (identity, put)
                for identity, event in events.items()
                if identity not in there
                for put in _puts(event, numbered[identity], bodies[identity])
            ]
            try:
                self._table.transact([put for _, put in puts])
            except ConflictError as conflict:
                for place, item in conflict.there.items():
                    there[puts[place][0]] = item[_SEQ]
                raise

        until_agreed(write_new)
        for identity, seq in there.items():
            self._forget_unused(bodies[identity], seq)
        return {
            identity: Receipt(seq=there.get(identity, seq), duplicate=identity in there)
            for identity, seq in numbered.items()
        }

    def _forget_unused(self, body: Item, seq: int) -> None:
        """Delete the body of a duplicate, unless the event that is there has the same."""
        if REFERENCE not in body:
            return
        event = self._table.get(keys.event(seq)) or {}
        if event.get(REFERENCE) != body[REFERENCE]:
            self._objects.forget([body])


def _puts(event: NewEvent, seq: int, body: Item) -> Iterator[Put]:
    """Yield the items of an event; the first decides whether it is new."""
    yield Put(items.at(items.identity_of(event), seq=seq), is_new=True)
    yield Put(items.event_item(event, seq, body))
    yield Put(items.at(keys.pending(seq), seq=seq, received_at=event.received_at))
    if event.subject:
        yield Put(items.at((keys.subject(event.subject), keys.number(seq)), seq=seq))
