"""Of a burst of events about one thing, which runs remain."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from sqlite3 import Connection
from typing import Any

from almahook.inbox.contract import Assignment, RunState
from almahook.inbox.event import StoredEvent
from almahook.inbox.sqlite.rows import pack

_REASON = "a newer event about the same thing replaced it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A run about to be written."""

    event_seq: int
    handler: str
    due_at: float
    lane: str
    happened: str
    created_at: float
    coalesce: bool
    number: int = 1
    state: RunState = RunState.WAITING

    @classmethod
    def of(cls, event: StoredEvent, assignment: Assignment) -> "Planned":
        """Plan a handler's run for an event."""
        return cls(
            event_seq=event.seq,
            handler=assignment.handler,
            due_at=assignment.due_at,
            lane=assignment.lane,
            happened=event.time,
            created_at=event.received_at,
            coalesce=assignment.coalesce,
        )

    def row(self) -> tuple[Any, ...]:
        """Return the values of the row."""
        return (
            self.event_seq,
            self.handler,
            self.number,
            self.state,
            self.due_at,
            self.lane,
            self.happened,
            self.created_at,
        )


def coalesce(
    connection: Connection, planned: Sequence[Planned], queries: Mapping[str, str]
) -> list[Planned]:
    """Leave one waiting run per coalescing lane: that of the newest event.

    It keeps the due time of the first, so that a burst which never ends is still handled.
    """
    lanes: dict[tuple[str, str], list[Planned]] = {}
    for plan in planned:
        if plan.coalesce and plan.lane:
            lanes.setdefault((plan.handler, plan.lane), []).append(plan)
    result = [plan for plan in planned if not (plan.coalesce and plan.lane)]
    for burst in lanes.values():
        if new := _without_assigned(connection, burst, queries):
            result += _one_lane(connection, new, queries)
    return sorted(result, key=lambda plan: plan.event_seq)


def _without_assigned(
    connection: Connection, burst: Sequence[Planned], queries: Mapping[str, str]
) -> list[Planned]:
    """Leave out the events that were claimed or replayed before: no run replaces itself."""
    asked = {"seqs": pack(plan.event_seq for plan in burst), "handler": burst[0].handler}
    assigned = set(json.loads(connection.execute(queries["assigned"], asked).fetchone()[0]))
    return [plan for plan in burst if plan.event_seq not in assigned]


def _one_lane(
    connection: Connection, burst: Sequence[Planned], queries: Mapping[str, str]
) -> list[Planned]:
    lane = {"handler": burst[0].handler, "lane": burst[0].lane}
    waiting = connection.execute(queries["waiting_in_lane"], lane).fetchall()
    passed, newest = _newest(burst, [(row["happened"], row["due_at"]) for row in waiting])
    superseded = [replace(plan, state=RunState.SUPERSEDED) for plan in passed]
    if newest is None:
        return superseded
    replaced = {"ids": pack(row["id"] for row in waiting), "now": newest.created_at}
    connection.execute(queries["supersede"], {**replaced, "reason": _REASON})
    return [*superseded, newest]


def _newest(
    burst: Sequence[Planned], waiting: Sequence[tuple[str, float]]
) -> tuple[list[Planned], Planned | None]:
    """Return who is replaced, and who remains; None if that is one that waits already.

    It is as if they came one by one, so that it makes no difference how many are dispatched at
    once: who is older than the one that waits by then does not count.

    Args:
        burst: Those that come, in order.
        waiting: When those that wait happened, the newest first, and when they are due.
    """
    happened = waiting[0][0] if waiting else ""
    due = min([due_at for _, due_at in waiting], default=inf)
    passed: list[Planned] = []
    newest: Planned | None = None
    for plan in burst:
        if plan.happened < happened:
            passed.append(plan)
            continue
        passed += [newest] if newest else []
        happened, due = plan.happened, min(due, plan.due_at)
        newest = replace(plan, due_at=due)
    return passed, newest
