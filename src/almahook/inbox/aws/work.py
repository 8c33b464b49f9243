"""Giving events their runs, and runs to those who execute them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice

from almahook.errors import NotFoundError
from almahook.inbox.aws import keys
from almahook.inbox.aws.document import (
    Document,
    RunRecord,
    changed,
    is_claimable,
    is_held,
    leased,
    new_document,
    released,
    renewed,
    taken_over,
)
from almahook.inbox.aws.log import Log
from almahook.inbox.aws.runs import Planned, Runs
from almahook.inbox.aws.table import ConflictError, Delete, Item, Table, until_agreed
from almahook.inbox.contract import OPEN_STATES, Assignment, Claim, Lease, Match, RunState
from almahook.inbox.event import StoredEvent

Held = tuple[Document, RunRecord]


class Work:
    """Dispatch, claims and leases."""

    def __init__(self, table: Table, log: Log, runs: Runs) -> None:
        self._table = table
        self._log = log
        self._runs = runs

    def dispatch(self, match: Match, *, limit: int) -> int:
        """Make the runs of the oldest events not dispatched; return their number."""
        while True:
            seqs = self._pending(limit)
            events = self._log.events(seqs)
            # All before the first is written, so that a match which raises leaves all of them.
            planned = [(event, match(event)) for _, event in sorted(events.items())]
            done = sum(self._dispatch(event, assignments) for event, assignments in planned)
            if done or not seqs:
                return done

    def claim(self, seq: int, match: Match, *, now: float, until: float, due: bool) -> Claim:
        """Make an event's runs if it has none, and lease those that may be executed now."""

        def attempt() -> Claim:
            # Anew each time: meanwhile a purge may have deleted it.
            event = self._log.event(seq)
            assignments = match(event)
            before = self._runs.get(seq) or new_document(event)
            if before.is_deleted:
                raise NotFoundError(f"There is no event {seq} in the inbox.")
            planned = self._runs.plan(before, assignments)
            taken = [
                leased(run, until=until)
                for run in planned.after.newest()
                if is_claimable(run, now=now, due=due)
                and self._runs.has_turn(planned.after, run, planned.gone)
            ]
            after = changed(planned.after, *taken)
            self._write(Planned(before, after, planned.superseded, planned.guards))
            return Claim(
                runs=len(after.newest()),
                leases=[_lease(event, after, run) for run in taken],
                busy=_is_busy(after, taken),
            )

        return until_agreed(attempt)

    def lease(self, slots: Mapping[str, int], *, now: float, until: float) -> list[Lease]:
        """Lease due runs, at most ``slots[handler]`` of each handler, the longest due first."""
        held: list[Held] = []
        for handler, free in slots.items():
            held += self._lease(handler, free, now=now, until=until)
        return self._leases(held)

    def expired(self, *, now: float, until: float) -> list[Lease]:
        """Take over the runs whose lease ran out, under new tokens."""

        def take(_: Document, run: RunRecord) -> RunRecord | None:
            is_lost = run.state is RunState.RUNNING and run.until < now
            return taken_over(run, until=until) if is_lost else None

        lost = [entry for entry in self._runs.entries(keys.RUNNING) if entry["until"] < now]
        taken = [self._take(entry, take) for entry in lost]
        return self._leases(held for held in taken if held is not None)

    def renew(self, leases: Sequence[Lease], *, until: float) -> None:
        """Hold leases longer; those that are no longer ours are passed over."""
        self._change_held(leases, lambda run: renewed(run, until=until))

    def release(self, leases: Sequence[Lease]) -> None:
        """Give leases back that were not begun."""
        self._change_held(leases, released)

    def _pending(self, limit: int) -> list[int]:
        found = self._table.query(keys.PENDING, page=max(limit, 1))
        return [int(entry["seq"]) for entry in islice(found, limit)]

    def _dispatch(self, event: StoredEvent, assignments: Sequence[Assignment]) -> bool:
        """Make an event's runs; say whether nobody else has."""

        def attempt() -> bool:
            before = self._runs.get(event.seq) or new_document(event)
            if before.is_dispatched or before.is_deleted:
                self._table.delete_many([keys.pending(event.seq)])
                return False
            try:
                self._write(self._runs.plan(before, assignments), once=True)
            except ConflictError:
                if self._table.get(keys.pending(event.seq)) is None:
                    return False
                raise
            return True

        return until_agreed(attempt)

    def _write(self, planned: Planned, *, once: bool = False) -> None:
        """Write an event's runs; it is no longer pending then, and ``once`` must have been."""
        before, after = planned.before, planned.after
        done = [] if before.is_dispatched else [Delete(keys.pending(before.seq), is_there=once)]
        if before.revision == 0 and not after.runs:
            # Without handlers there is nothing to write down but that it was asked.
            self._table.transact(done)
        else:
            self._runs.first_write(planned, *done)

    def _lease(self, handler: str, free: int, *, now: float, until: float) -> list[Held]:
        taken: list[Held] = []
        turns: dict[str, int | None] = {}

        def take(document: Document, run: RunRecord) -> RunRecord | None:
            is_due = run.state is RunState.WAITING and run.due_at <= now
            if not is_due or not self._runs.has_turn(document, run):
                return None
            return leased(run, until=until)

        entries = self._runs.due(handler, now=now) if free > 0 else ()
        for entry in entries:
            if len(taken) >= free:
                break
            lane = str(entry.get("lane", ""))
            if lane and lane not in turns:
                turns[lane] = self._runs.next_in(lane)
            if lane and turns[lane] != _run_id(entry):
                continue
            if (held := self._take(entry, take)) is not None:
                taken.append(held)
                turns[lane] = None
        return taken

    def _take(
        self, entry: Item, take: Callable[[Document, RunRecord], RunRecord | None]
    ) -> Held | None:
        """Change the run of an entry, if it can still be taken; return it as it is then."""

        def decide(document: Document) -> tuple[Document, Held | None]:
            run = document.at(int(entry["place"]))
            taken = None if run is None else take(document, run)
            if taken is None:
                return document, None
            after = changed(document, taken)
            return after, (after, taken)

        return self._runs.change(int(entry["seq"]), decide, None)

    def _change_held(
        self, leases: Sequence[Lease], change: Callable[[RunRecord], RunRecord]
    ) -> None:
        by_event: defaultdict[int, list[Lease]] = defaultdict(list)
        for lease in leases:
            by_event[keys.run_of(lease.run_id)[0]].append(lease)
        for seq, held in by_event.items():
            self._runs.change(seq, partial(_changed, leases=held, change=change), None)

    def _leases(self, held: Iterable[Held]) -> list[Lease]:
        held = list(held)
        events = self._log.events({document.seq for document, _ in held})
        return [
            _lease(events[document.seq], document, run)
            for document, run in held
            if document.seq in events
        ]


def _changed(
    document: Document, *, leases: Sequence[Lease], change: Callable[[RunRecord], RunRecord]
) -> tuple[Document, None]:
    for lease in leases:
        run = document.at(keys.run_of(lease.run_id)[1])
        if run is not None and is_held(run, lease.token):
            document = changed(document, change(run))
    return document, None


def _lease(event: StoredEvent, document: Document, run: RunRecord) -> Lease:
    return Lease(
        run_id=document.id_of(run),
        token=run.token,
        handler=run.handler,
        number=run.number,
        attempt=run.attempts,
        until=run.until,
        event=event,
    )


def _is_busy(document: Document, taken: Sequence[RunRecord]) -> bool:
    mine = {run.place for run in taken}
    return any(run.state in OPEN_STATES and run.place not in mine for run in document.newest())


def _run_id(entry: Item) -> int:
    return keys.run_id(int(entry["seq"]), int(entry["place"]))
