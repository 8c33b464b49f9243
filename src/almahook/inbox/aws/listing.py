"""Listing events by what is known of them, and counting what is not finished.

What an index knows is found by it: ids, subjects, and whatever is pending, open or parked. Every
other search reads the events one after the other, from where it begins until it has enough.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from almahook.errors import ConfigurationError
from almahook.inbox.aws import keys
from almahook.inbox.aws.log import Log
from almahook.inbox.aws.runs import Runs
from almahook.inbox.aws.table import Item, Table, batches
from almahook.inbox.contract import Backlog, EventFilter, RunState
from almahook.inbox.event import StoredEvent

_PENDING, _UNHANDLED = "pending", "unhandled"
_EXACT = ("profile", "action", "event", "event_id", "subject")

_PARTITIONS = {
    _PENDING: keys.PENDING,
    RunState.RUNNING: keys.RUNNING,
    RunState.PARKED: keys.PARKED,
}

# So many events are looked at together.
_TOGETHER = 50
_LARGEST_PAGE = 200


class Listing:
    """Searches and counts."""

    def __init__(self, table: Table, log: Log, runs: Runs) -> None:
        self._table = table
        self._log = log
        self._runs = runs

    def events(
        self, where: EventFilter, *, limit: int, before: int | None, after: int | None
    ) -> list[StoredEvent]:
        """List events, newest first; with ``after``, oldest first."""
        _require_state(where.state)
        candidates = self._candidates(where, limit, before=before, after=after)
        matching = (item for item in candidates if _matches(item, where))
        found = self._in_state(matching, where.state)
        return [self._log.load(item) for item in islice(found, limit)]

    def backlog(self, *, spooled: int) -> Backlog:
        """Count what is not finished: its entries are read, and nothing else."""
        pending = list(self._table.query(keys.PENDING))
        running = list(self._table.query(keys.RUNNING))
        waiting = [
            entry
            for handler in self._runs.handlers()
            for entry in self._table.query(keys.waiting(handler))
        ]
        received = [float(entry["received_at"]) for entry in (*pending, *running, *waiting)]
        return Backlog(
            pending=len(pending) + spooled,
            oldest_at=min(received, default=None),
            waiting=len(waiting),
            running=len(running),
            parked=sum(1 for _ in self._table.query(keys.PARKED)),
        )

    def _candidates(
        self, where: EventFilter, limit: int, *, before: int | None, after: int | None
    ) -> Iterator[Item]:
        """Yield the items of all events that may match, in the order that was asked for."""
        indexed = self._indexed(where)
        if indexed is None:
            page = min(max(limit, 1), _LARGEST_PAGE)
            if after is None:
                return self._log.newest_first(before=before, page=page)
            found = self._log.oldest_first(after=after, page=page)
            return (item for item in found if before is None or item["seq"] < before)
        low = -1 if after is None else after
        seqs = sorted(
            {seq for seq in indexed if low < seq and (before is None or seq < before)},
            reverse=after is None,
        )
        return (item for some in batches(seqs, _TOGETHER) for item in self._log.items(some))

    def _indexed(self, where: EventFilter) -> Iterable[int] | None:
        """Return the numbers that an index gives; None when none knows."""
        if where.event_id:
            return self._seqs(keys.event_id(where.event_id))
        if where.state in _PARTITIONS:
            return self._seqs(_PARTITIONS[where.state])
        if where.state == RunState.WAITING:
            handlers = self._runs.handlers()
            return (seq for one in handlers for seq in self._seqs(keys.waiting(one)))
        if where.subject:
            return self._seqs(keys.subject(where.subject))
        return None

    def _seqs(self, partition: str) -> Iterator[int]:
        return (int(item["seq"]) for item in self._table.query(partition))

    def _in_state(self, found: Iterator[Item], state: str) -> Iterator[Item]:
        """Leave out the events that are not in a state, unless their index has said so."""
        if not state:
            yield from found
            return
        while some := list(islice(found, _TOGETHER)):
            seqs = [int(item["seq"]) for item in some]
            is_in_state = self._states(seqs, state)
            yield from (item for item in some if item["seq"] in is_in_state)

    def _states(self, seqs: list[int], state: str) -> set[int]:
        """Return those of the events that are in a state."""
        documents = self._runs.get_many(seqs)
        if state in {_PENDING, _UNHANDLED}:
            entries = self._table.get_many(keys.pending(seq) for seq in seqs)
            pending = {int(entry["seq"]) for entry in entries.values()}
            with_runs = {seq for seq, document in documents.items() if document.runs}
            return pending if state == _PENDING else set(seqs) - pending - with_runs
        # A run that was replayed waits for nobody any more.
        is_parked = state == RunState.PARKED
        return {
            seq
            for seq, document in documents.items()
            if any(
                run.state == state for run in (document.newest() if is_parked else document.runs)
            )
        }


def _matches(item: Item, where: EventFilter) -> bool:
    """Say whether an event is what is looked for, its state aside."""
    if any((value := getattr(where, name)) and item[name] != value for name in _EXACT):
        return False
    if where.since is not None and item["received_at"] < where.since:
        return False
    return where.until is None or item["received_at"] < where.until


def _require_state(state: str) -> None:
    known = [_PENDING, _UNHANDLED, *RunState]
    if state and state not in known:
        told = ", ".join(known)
        raise ConfigurationError(f"There is no state '{state}'. The states are: {told}.")
