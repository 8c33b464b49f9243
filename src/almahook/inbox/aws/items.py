"""Between the contract's values and the table's items."""

from dataclasses import fields
from typing import Any

import msgspec

from almahook.inbox.aws import keys
from almahook.inbox.aws.document import Document, read, write
from almahook.inbox.aws.table import Item
from almahook.inbox.contract import Attempt, Rejection
from almahook.inbox.event import NewEvent, StoredEvent

_FLOATS = ("received_at",)
_REJECTION = tuple(field.name for field in fields(Rejection) if field.name not in {"id", "body"})


def at(key: keys.Key, **attributes: Any) -> dict[str, Any]:
    """Make an item."""
    return {"pk": key[0], "sk": key[1], **attributes}


def event_item(event: NewEvent, seq: int, body: Item) -> Item:
    """Write an event whose body is kept like this."""
    named = {name: getattr(event, name) for name in NewEvent.__struct_fields__ if name != "body"}
    return at(keys.event(seq), seq=seq, **named, **body)


def event_of(item: Item, body: bytes) -> StoredEvent:
    """Read an event."""
    named = {name: item[name] for name in StoredEvent.__struct_fields__ if name != "body"}
    floats = {name: float(item[name]) for name in _FLOATS}
    return StoredEvent(**{**named, **floats, "body": body})


def identity_of(event: NewEvent) -> keys.Key:
    """Return the place that an event has once."""
    return keys.identity(event.profile, event.action, event.event, event.event_id)


def document_item(document: Document) -> Item:
    """Write the runs of an event."""
    return at(keys.runs(document.seq), revision=document.revision, runs=write(document))


def document_of(item: Item) -> Document:
    """Read the runs of an event."""
    return read(item["runs"])


def attempt_bytes(attempt: Attempt) -> bytes:
    """Write an attempt."""
    return msgspec.json.encode(attempt)


def attempt_of(data: bytes) -> Attempt:
    """Read an attempt."""
    return msgspec.json.decode(data, type=Attempt)


def rejection_item(rejection: Rejection, number: int, body: Item) -> Item:
    """Write a refused request whose body is kept like this."""
    named = {name: getattr(rejection, name) for name in _REJECTION}
    return at(keys.rejection(number), id=number, **named, **body)


def rejection_of(item: Item, body: bytes) -> Rejection:
    """Read a refused request."""
    named = {name: item[name] for name in _REJECTION}
    return Rejection(**{**named, "at": float(item["at"]), "id": item["id"], "body": body})
