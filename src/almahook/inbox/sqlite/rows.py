"""Between the contract's values and the store's rows."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from sqlite3 import Row
from typing import Any

import msgspec

from almahook.inbox.contract import (
    Attempt,
    AttemptOutcome,
    Lease,
    Rejection,
    Run,
    RunState,
    Settlement,
)
from almahook.inbox.event import NewEvent, StoredEvent

# What is stored of an event, in the order of the table's columns; its number comes before.
event_values: Callable[[NewEvent], tuple[Any, ...]] = attrgetter(
    "profile",
    "action",
    "event",
    "event_id",
    "institution",
    "time",
    "subject",
    "content_type",
    "received_at",
    "secret_index",
    "body",
)
_COLUMNS = len(StoredEvent.__struct_fields__)
_encode = msgspec.json.Encoder().encode


def pack(rows: Iterable[Any]) -> str:
    """Write rows as the one JSON text that ``json_each`` reads."""
    return _encode(list(rows)).decode("utf-8")


def pack_leases(leases: Iterable[Lease]) -> str:
    """Write leases as pairs of run and token."""
    return pack((lease.run_id, lease.token) for lease in leases)


def pack_settlements(settlements: Iterable[Settlement]) -> str:
    """Write settlements as the parameters of the settle statement."""
    return pack(
        (
            settled.run_id,
            settled.token,
            settled.state,
            settled.due_at,
            None if settled.state is RunState.WAITING else settled.attempt.ended_at,
            settled.reason,
        )
        for settled in settlements
    )


def pack_attempts(settlements: Iterable[Settlement]) -> str:
    """Write the attempts of settlements as rows."""
    return pack(
        (
            settled.run_id,
            settled.attempt.number,
            settled.attempt.started_at,
            settled.attempt.ended_at,
            settled.attempt.outcome,
            settled.attempt.error,
            settled.attempt.traceback,
            json.dumps(list(settled.attempt.log)),
        )
        for settled in settlements
    )


def values_without_body(event: NewEvent) -> tuple[Any, ...]:
    """Return what is stored of an event whose body is elsewhere."""
    return (*event_values(event)[:-1], b"")


def event_of(row: Sequence[Any]) -> StoredEvent:
    """Read an event out of a row that begins with its columns."""
    # Looking for a column by its name takes as long as all the rest.
    return _stored(row[:_COLUMNS])


def stored(event: NewEvent, seq: int) -> StoredEvent:
    """Say under which number an event is stored."""
    return _stored((seq, *event_values(event)))


def _stored(values: Sequence[Any]) -> StoredEvent:
    seq, profile, action, event, event_id, institution, time, subject, *more = values
    content_type, received_at, secret_index, body = more
    # Spelled out it takes a tenth of what a mapping of the same values takes.
    return StoredEvent(
        seq=seq,
        profile=profile,
        action=action,
        event=event,
        event_id=event_id,
        institution=institution,
        time=time,
        subject=subject,
        content_type=content_type,
        received_at=received_at,
        secret_index=secret_index,
        body=body,
    )


def lease_of(row: Row, event: StoredEvent) -> Lease:
    """Read the lease of an event's run."""
    return Lease(
        run_id=row["run_id"],
        token=row["token"],
        handler=row["handler"],
        number=row["number"],
        attempt=row["attempts"],
        until=row["until"],
        event=event,
    )


def run_of(row: Row) -> Run:
    """Read a run."""
    return Run(
        id=row["id"],
        event_seq=row["event_seq"],
        handler=row["handler"],
        number=row["number"],
        state=RunState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        settled_at=row["settled_at"],
        reason=row["reason"],
    )


def attempt_of(row: Row) -> Attempt:
    """Read an attempt."""
    return Attempt(
        number=row["number"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=AttemptOutcome(row["outcome"]),
        error=row["error"],
        traceback=row["traceback"],
        log=json.loads(row["log"]),
    )


def rejection_of(row: Row) -> Rejection:
    """Read a rejection."""
    return Rejection(**{field.name: row[field.name] for field in fields(Rejection)})
