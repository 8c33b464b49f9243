"""The contract as a small model in memory, which the life-cycle test compares a store with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from almahook.inbox import (
    OPEN_STATES,
    Assignment,
    Backlog,
    NewEvent,
    Receipt,
    RunState,
    StoredEvent,
)
from almahook.testing.inbox_contract.given import to

HANDLERS = ("plain", "ordered", "coalescing")


def match(event: StoredEvent) -> Sequence[Assignment]:
    """Give an event the handlers that its action names."""
    return [
        *(to("plain")(event) if "PLAIN" in event.action else ()),
        *(to("ordered", in_lane=True)(event) if "ORDERED" in event.action else ()),
        *(to("coalescing", coalesce=True, wait_s=30)(event) if "COALESCED" in event.action else ()),
    ]


@dataclass(kw_only=True)
class ModelRun:
    """A run; ``id`` is the store's, which the order of equals goes by."""

    seq: int
    handler: str
    number: int
    lane: str
    happened: str
    due_at: float
    state: RunState = RunState.WAITING
    attempts: int = 0
    until: float = 0.0
    id: int = 0

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands in its lane."""
        return (self.happened, self.id)


@dataclass
class Model:
    """What an inbox must hold."""

    events: dict[int, NewEvent] = field(default_factory=dict)
    dispatched: set[int] = field(default_factory=set)
    runs: dict[tuple[int, str, int], ModelRun] = field(default_factory=dict)
    steps: dict[tuple[int, str, int], bytes] = field(default_factory=dict)

    def append(self, events: Sequence[NewEvent], receipts: Sequence[Receipt]) -> None:
        """Check the receipts of a batch."""
        known = {event.event_id: seq for seq, event in self.events.items()}
        newest = max(known.values(), default=0)
        for event, receipt in zip(events, receipts, strict=True):
            assert receipt.duplicate == (event.event_id in known)
            if receipt.duplicate:
                assert receipt.seq == known[event.event_id]
            else:
                assert receipt.seq > newest
                newest = known[event.event_id] = receipt.seq
                self.events[receipt.seq] = event

    def ids(self) -> set[str]:
        """Return the ids of all events."""
        return {event.event_id for event in self.events.values()}

    def dispatch(self, limit: int) -> list[int]:
        """Make the runs of the oldest pending events; return their numbers."""
        seqs = self.pending()[:limit]
        for seq in seqs:
            self.make_runs(seq)
            self.dispatched.add(seq)
        return seqs

    def pending(self) -> list[int]:
        """Return the events that are not dispatched."""
        return sorted(set(self.events) - self.dispatched)

    def make_runs(self, seq: int) -> None:
        """Make the first runs of an event where there are none."""
        for given in match(_stored(seq, self.events[seq])):
            if (seq, given.handler, 1) not in self.runs:
                self._coalesce(self._add(seq, given, number=1, due_at=given.due_at), given)

    def _add(self, seq: int, given: Assignment, *, number: int, due_at: float) -> ModelRun:
        run = ModelRun(
            seq=seq,
            handler=given.handler,
            number=number,
            lane=given.lane,
            happened=self.events[seq].time,
            due_at=due_at,
        )
        self.runs[seq, given.handler, number] = run
        return run

    def _coalesce(self, run: ModelRun, given: Assignment) -> None:
        if not given.coalesce:
            return
        others = [
            other
            for other in self._lane(run)
            if other is not run and other.state is RunState.WAITING
        ]
        if any(other.happened > run.happened for other in others):
            run.state = RunState.SUPERSEDED
            return
        for other in others:
            other.state = RunState.SUPERSEDED
        run.due_at = min([run.due_at, *(other.due_at for other in others)])

    def _lane(self, run: ModelRun) -> list[ModelRun]:
        return [
            other
            for other in self.runs.values()
            if run.lane and (other.handler, other.lane) == (run.handler, run.lane)
        ]

    def has_turn(self, run: ModelRun) -> bool:
        """Say whether nobody of its lane runs or goes before."""
        return not any(
            other.state is RunState.RUNNING
            or (other.state is RunState.WAITING and other.place < run.place)
            for other in self._lane(run)
            if other is not run
        )

    def leasable(self, handler: str, now: float) -> list[ModelRun]:
        """Return what may be leased, the longest due first."""
        due = [
            run
            for run in self.runs.values()
            if run.handler == handler
            and run.state is RunState.WAITING
            and run.due_at <= now
            and self.has_turn(run)
        ]
        return sorted(due, key=lambda run: (run.due_at, run.id))

    def newest(self, seq: int) -> dict[str, ModelRun]:
        """Return the newest run of each handler of an event."""
        runs = sorted(self.runs.values(), key=lambda run: run.number)
        return {run.handler: run for run in runs if run.seq == seq}

    def replay(self, seq: int, given: Assignment, *, now: float) -> ModelRun:
        """Cancel what is open and make the next run."""
        previous = self.newest(seq).get(given.handler)
        run = self._add(seq, given, number=previous.number + 1 if previous else 1, due_at=now)
        if previous is None:
            return run
        kept = self.steps.get((seq, given.handler, previous.number))
        if kept is not None and previous.state is not RunState.SUCCEEDED:
            self.steps[seq, given.handler, run.number] = kept
        if previous.state in OPEN_STATES:
            previous.state = RunState.CANCELLED
        return run

    def purge(self, *, before: float, limit: int) -> list[int]:
        """Forget the oldest finished events; return their numbers."""
        busy = {run.seq for run in self.runs.values() if run.state in OPEN_STATES}
        old = [seq for seq in self.dispatched - busy if self.events[seq].received_at < before]
        gone = sorted(old, key=lambda seq: (self.events[seq].received_at, seq))[:limit]
        for seq in gone:
            del self.events[seq]
        self.dispatched -= set(gone)
        self.runs = {key: run for key, run in self.runs.items() if key[0] in self.events}
        return gone

    def backlog(self) -> Backlog:
        """Count what is not finished."""
        in_state = {state: self._count(state) for state in RunState}
        replaced = sum(
            run.state is RunState.PARKED and (seq, handler, number + 1) in self.runs
            for (seq, handler, number), run in self.runs.items()
        )
        unfinished = {run.seq for run in self.runs.values() if run.state in OPEN_STATES}
        oldest = [self.events[seq].received_at for seq in unfinished | set(self.pending())]
        return Backlog(
            pending=len(self.pending()),
            oldest_at=min(oldest, default=None),
            waiting=in_state[RunState.WAITING],
            running=in_state[RunState.RUNNING],
            parked=in_state[RunState.PARKED] - replaced,
        )

    def _count(self, state: RunState) -> int:
        return sum(run.state is state for run in self.runs.values())

    def learn(self, ids: Iterable[tuple[int, str, int, int]]) -> None:
        """Take over the ids that the store gave to runs."""
        for seq, handler, number, run_id in ids:
            self.runs[seq, handler, number].id = run_id


def _stored(seq: int, event: NewEvent) -> StoredEvent:
    return StoredEvent(seq=seq, **msgspec.structs.asdict(event))
