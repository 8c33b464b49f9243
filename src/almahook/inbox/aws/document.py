"""The runs of one event, as one value; what is done to them is decided here, without a table.

A document is written on the condition that it is still the one that was read, so that whatever is
decided on it is decided once.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from almahook.inbox.aws import keys
from almahook.inbox.contract import OPEN_STATES, Assignment, Run, RunState, Settlement
from almahook.inbox.event import StoredEvent

SUPERSEDED = "a newer event about the same thing replaced it"
_REPLAYED = "replayed by a person"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run, with what nobody outside needs: its lane, its token, its lease's end."""

    place: int
    handler: str
    number: int = 1
    state: RunState = RunState.WAITING
    created_at: float
    due_at: float
    lane: str = ""
    coalesce: bool = False
    token: int = 0
    attempts: int = 0
    until: float = 0.0
    settled_at: float | None = None
    reason: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runs of an event.

    Attributes:
        happened: The event's time, which lanes are ordered by.
        revision: Counts the writes; 0 when it was never written.
        is_dispatched: It has been asked which handlers the event has.
        is_deleted: It is being purged: nothing may be done to it any more.
    """

    seq: int
    received_at: float
    happened: str
    runs: tuple[RunRecord, ...] = ()
    revision: int = 0
    is_dispatched: bool = False
    is_deleted: bool = False

    def id_of(self, run: RunRecord) -> int:
        """Return the number of a run."""
        return keys.run_id(self.seq, run.place)

    def at(self, place: int) -> RunRecord | None:
        """Return a run by its place; None when there is none."""
        return self.runs[place - 1] if 0 < place <= len(self.runs) else None

    def newest(self) -> list[RunRecord]:
        """Return of each handler the run that no replay has followed, oldest first."""
        newest = {run.handler: run for run in sorted(self.runs, key=lambda run: run.number)}
        return sorted(newest.values(), key=lambda run: run.place)

    def values(self) -> list[Run]:
        """Return the runs as the contract has them."""
        return [
            Run(
                id=self.id_of(run),
                event_seq=self.seq,
                handler=run.handler,
                number=run.number,
                state=run.state,
                attempts=run.attempts,
                created_at=run.created_at,
                due_at=run.due_at,
                settled_at=run.settled_at,
                reason=run.reason,
            )
            for run in self.runs
        ]


def new_document(event: StoredEvent) -> Document:
    """Make the document of an event that has no runs."""
    return Document(seq=event.seq, received_at=event.received_at, happened=event.time)


def changed(document: Document, *runs: RunRecord) -> Document:
    """Put runs in the place of those that they were."""
    by_place = {run.place: run for run in runs}
    kept = tuple(by_place.get(run.place, run) for run in document.runs)
    return replace(document, runs=kept)


def dispatched(document: Document, assignments: Sequence[Assignment]) -> Document:
    """Make the first run of each handler that has none."""
    known = {run.handler for run in document.runs}
    missing = [given for given in assignments if given.handler not in known]
    planned = [
        _planned(given, place=place, created_at=document.received_at)
        for place, given in enumerate(missing, start=len(document.runs) + 1)
    ]
    return replace(document, runs=(*document.runs, *planned), is_dispatched=True)


def _planned(given: Assignment, *, place: int, created_at: float) -> RunRecord:
    return RunRecord(
        place=place,
        handler=given.handler,
        created_at=created_at,
        due_at=given.due_at,
        lane=given.lane,
        coalesce=given.coalesce and bool(given.lane),
    )


def coalesced(
    document: Document, run: RunRecord, others: Iterable[tuple[Document, RunRecord]]
) -> tuple[Document, list[Document]]:
    """Leave one of a lane's waiting runs: that of the newest event.

    It keeps the due time of the first, so that a burst which never ends is still handled. The new
    run is this document's; the others wait in its lane.
    """
    others = list(others)
    if any(document.happened < other.happened for other, _ in others):
        return changed(document, _superseded(run, at=run.created_at)), []
    due_at = min([run.due_at, *(waiting.due_at for _, waiting in others)])
    replaced = [
        changed(other, _superseded(waiting, at=run.created_at)) for other, waiting in others
    ]
    return changed(document, replace(run, due_at=due_at)), replaced


def _superseded(run: RunRecord, *, at: float) -> RunRecord:
    return replace(run, state=RunState.SUPERSEDED, settled_at=at, reason=SUPERSEDED)


def is_claimable(run: RunRecord, *, now: float, due: bool) -> bool:
    """Say whether somebody who has the event may take this run, if it is its turn."""
    if run.state is RunState.RUNNING:
        return run.until < now
    if run.state is RunState.PARKED:
        return not due
    return run.state is RunState.WAITING and (not due or run.due_at <= now)


def leased(run: RunRecord, *, until: float) -> RunRecord:
    """Begin an attempt."""
    return replace(
        run,
        state=RunState.RUNNING,
        token=run.token + 1,
        attempts=run.attempts + 1,
        until=until,
        settled_at=None,
    )


def taken_over(run: RunRecord, *, until: float) -> RunRecord:
    """Give an attempt to somebody else."""
    return replace(run, token=run.token + 1, until=until)


def renewed(run: RunRecord, *, until: float) -> RunRecord:
    """Let an attempt take longer."""
    return replace(run, until=until)


def released(run: RunRecord) -> RunRecord:
    """Take an attempt back that was not begun."""
    return replace(run, state=RunState.WAITING, attempts=run.attempts - 1)


def is_held(run: RunRecord | None, token: int) -> bool:
    """Say whether this lease of the run is the one that counts."""
    return run is not None and run.state is RunState.RUNNING and run.token == token


def settled(document: Document, settlements: Sequence[Settlement]) -> tuple[Document, list[bool]]:
    """Take results, each under the token of its lease; say which were taken."""
    taken = []
    for given in settlements:
        run = document.at(keys.run_of(given.run_id)[1])
        if run is None or not is_held(run, given.token):
            taken.append(False)
            continue
        is_waiting = given.state is RunState.WAITING
        done = replace(
            run,
            state=given.state,
            due_at=given.due_at if is_waiting else run.due_at,
            settled_at=None if is_waiting else given.attempt.ended_at,
            reason=given.reason,
        )
        document = changed(document, done)
        taken.append(True)
    return document, taken


def replayed(
    document: Document, assignments: Sequence[Assignment], *, now: float
) -> tuple[Document, Mapping[int, RunRecord]]:
    """Make new runs, and cancel what they replace while it is open.

    Returns:
        The document, and by the place of each new run the one that it follows.
    """
    newest = {run.handler: run for run in document.newest()}
    previous: dict[int, RunRecord] = {}
    for given in assignments:
        place = len(document.runs) + 1
        made = replace(_planned(given, place=place, created_at=now), due_at=now, coalesce=False)
        if (before := newest.get(given.handler)) is not None:
            previous[place] = before
            made = replace(made, number=before.number + 1)
            document = changed(document, _cancelled(before, now=now))
        document = replace(document, runs=(*document.runs, made))
    return document, previous


def _cancelled(run: RunRecord, *, now: float) -> RunRecord:
    if run.state not in OPEN_STATES:
        return run
    return replace(
        run, state=RunState.CANCELLED, settled_at=now, reason=_REPLAYED, token=run.token + 1
    )


def deleted(document: Document) -> Document:
    """Let nothing be done to it any more."""
    return replace(document, is_deleted=True)


def is_finished(document: Document) -> bool:
    """Say whether none of its runs is open."""
    return not any(run.state in OPEN_STATES for run in document.runs)


_decoder = msgspec.json.Decoder(Document)


def write(document: Document) -> bytes:
    """Write a document as it is stored."""
    return msgspec.json.encode(document)


def read(text: bytes) -> Document:
    """Read a document as it was stored."""
    return _decoder.decode(text)
