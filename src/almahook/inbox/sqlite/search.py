"""Listing events by what is known of them."""

from sqlite3 import Connection
from typing import Any

from almahook.errors import ConfigurationError
from almahook.inbox.contract import EventFilter, RunState
from almahook.inbox.event import StoredEvent
from almahook.inbox.sqlite.recent import id_term, subject_term
from almahook.inbox.sqlite.rows import event_of

_EXACT = ("profile", "action", "event")
_INDEXED = {"event_id": id_term, "subject": subject_term}
_PENDING = "seq > (SELECT dispatched FROM progress)"
_UNHANDLED = (
    "seq <= (SELECT dispatched FROM progress)"
    " AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = seq)"
)

# A run that was replayed waits for nobody any more.
_PARKED = (
    "seq IN (SELECT event_seq FROM runs AS r WHERE state = 'parked' AND NOT EXISTS ("
    "SELECT 1 FROM runs AS n WHERE n.event_seq = r.event_seq AND n.handler = r.handler"
    " AND n.number > r.number))"
)

_BY_TERM = (
    "seq IN (SELECT event_seq FROM terms"
    " WHERE level IN (SELECT level FROM levels WHERE level > 0) AND term = :{name}_term"
    " UNION ALL SELECT seq FROM events"
    " WHERE seq > (SELECT gone FROM levels WHERE level = 0) AND {name} = :{name})"
    " AND {name} = :{name}"
)


def find_events(
    connection: Connection,
    where: EventFilter,
    *,
    limit: int,
    before: int | None,
    after: int | None,
) -> list[StoredEvent]:
    """List events by key, not by offset, so that the cost of a page does not grow."""
    values: dict[str, Any] = {"limit": limit, "before": before, "after": after}
    conditions = [*_conditions(where, values), *_page(before, after)]
    order = "ASC" if after is not None else "DESC"
    clause = " AND ".join(conditions) or "true"
    # Only the fixed texts of this module are joined; every value is a parameter.
    query = f"SELECT * FROM events WHERE {clause} ORDER BY seq {order} LIMIT :limit"  # noqa: S608
    return [event_of(row) for row in connection.execute(query, values)]


def _page(before: int | None, after: int | None) -> list[str]:
    return [
        text
        for text, given in (("seq < :before", before), ("seq > :after", after))
        if given is not None
    ]


def _conditions(where: EventFilter, values: dict[str, Any]) -> list[str]:
    conditions = []
    for name in _EXACT:
        if value := getattr(where, name):
            values[name] = value
            conditions.append(f"{name} = :{name}")
    for name, term in _INDEXED.items():
        if value := getattr(where, name):
            values |= {name: value, f"{name}_term": term(value)}
            conditions.append(_BY_TERM.format(name=name))
    if where.since is not None:
        values["since"] = where.since
        conditions.append("received_at >= :since")
    if where.until is not None:
        values["until"] = where.until
        conditions.append("received_at < :until")
    if where.state:
        conditions.append(_state(where.state))
    return conditions


def _state(state: str) -> str:
    if state == "pending":
        return _PENDING
    if state == "unhandled":
        return _UNHANDLED
    if state not in set(RunState):
        known = ", ".join(["pending", "unhandled", *RunState])
        raise ConfigurationError(f"There is no state '{state}'. The states are: {known}.")
    if state == RunState.PARKED:
        return _PARKED
    # Written out and not a parameter: only so can a partial index serve.
    return f"seq IN (SELECT event_seq FROM runs WHERE state = '{state}')"  # noqa: S608
