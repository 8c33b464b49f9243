"""The runs of events in the table: read, decided upon in memory, written if nobody else has."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from almahook.inbox.aws import index, items, keys
from almahook.inbox.aws.document import Document, RunRecord, coalesced, deleted, dispatched
from almahook.inbox.aws.table import Check, Item, Put, Table, Write, until_agreed
from almahook.inbox.contract import Assignment, RunState

T = TypeVar("T")

# A superseded run takes three items of a transaction, and there are 100.
_MOST_SUPERSEDED = 15


@dataclass(frozen=True, slots=True)
class Planned:
    """A document with its first runs, not written yet.

    Attributes:
        superseded: Documents as they were and as they become, whose runs these supersede.
        guards: What makes of two who coalesce in one lane one try again.
    """

    before: Document
    after: Document
    superseded: Sequence[tuple[Document, Document]]
    guards: Sequence[Write]

    @property
    def gone(self) -> set[int]:
        """The runs that are superseded."""
        return {
            document.id_of(run)
            for before, document in self.superseded
            for run in document.runs
            if run not in before.runs
        }


class Runs:
    """The documents of the table, and what follows from them."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._handlers: set[str] = set()

    def get(self, seq: int) -> Document | None:
        """Return the runs of an event; None when it never had any."""
        item = self._table.get(keys.runs(seq))
        return None if item is None else items.document_of(item)

    def get_many(self, seqs: Iterable[int]) -> dict[int, Document]:
        """Return the runs of those events that have had any."""
        found = self._table.get_many(keys.runs(seq) for seq in seqs)
        return {document.seq: document for document in map(items.document_of, found.values())}

    def everything(self) -> Iterator[Document]:
        """Yield the runs of all events; it reads the whole table."""
        return map(items.document_of, self._table.scan("runs", only=["runs"]))

    def change(self, seq: int, decide: Callable[[Document], tuple[Document, T]], default: T) -> T:
        """Put a document in the place of an event's, as it was decided on what is there.

        When the event has no runs, or is being purged, nothing is decided, and it is the default
        that is returned.
        """

        def attempt() -> T:
            document = self.get(seq)
            if document is None or document.is_deleted:
                return default
            after, result = decide(document)
            self.write(document, after)
            return result

        return until_agreed(attempt)

    def write(self, before: Document, after: Document, *more: Write) -> None:
        """Write a document, its entries, and what else belongs to it.

        Raises:
            ConflictError: The one before is no longer what is there.
        """
        self._write([(before, after)], more)

    def first_write(self, planned: Planned, *more: Write) -> None:
        """Write a document that has got its first runs, and those whose runs it supersedes.

        Raises:
            ConflictError: One of them is no longer what is there, or another run has come into one
                of the lanes.
        """
        pairs = list(planned.superseded)
        while len(pairs) > _MOST_SUPERSEDED:
            # What supersedes them is still pending, so that nothing is lost if it ends here.
            self._write(pairs[:_MOST_SUPERSEDED], ())
            pairs = pairs[_MOST_SUPERSEDED:]
        self._write([(planned.before, planned.after), *pairs], [*planned.guards, *more])

    def plan(self, before: Document, assignments: Sequence[Assignment]) -> Planned:
        """Make the first runs of an event, and leave one that waits where they coalesce."""
        after = dispatched(before, assignments)
        read: dict[int, Document] = {}
        written: dict[int, Document] = {}
        guards: dict[keys.Key, Write] = {}
        for run in after.runs[len(before.runs) :]:
            if not run.coalesce:
                continue
            lane = keys.lane(run.handler, run.lane)
            if (key := keys.guard(lane)) not in guards:
                guards[key] = self._guard(key)
            places = [(int(one["seq"]), int(one["place"])) for one in self._table.query(lane)]
            read |= self.get_many({seq for seq, _ in places} - read.keys())
            others = _waiting({**read, **written}, places)
            after, superseded = coalesced(after, run, others)
            written |= {document.seq: document for document in superseded}
        pairs = [(read[seq], document) for seq, document in written.items()]
        return Planned(before, after, pairs, list(guards.values()))

    def has_turn(self, document: Document, run: RunRecord, gone: Iterable[int] = ()) -> bool:
        """Say whether nobody of its lane runs or goes before; who is superseded does not count."""
        if not run.lane:
            return True
        run_id = document.id_of(run)
        lane = keys.lane(run.handler, run.lane)
        holder = self._table.get(keys.lock(lane))
        if holder is not None and _run_id(holder) != run_id:
            return False
        passed_over = {run_id, *gone}
        last = keys.in_lane(document.happened, run_id)
        ahead = self._table.query(lane, last=last, page=len(passed_over) + 1)
        return all(_run_id(entry) in passed_over for entry in ahead)

    def next_in(self, lane: str) -> int | None:
        """Return the run whose turn it is; None while one is executed, or there is none."""
        if self._table.get(keys.lock(lane)) is not None:
            return None
        return next((_run_id(entry) for entry in self._table.query(lane, page=1)), None)

    def due(self, handler: str, *, now: float) -> Iterator[Item]:
        """Yield the entries of a handler's due runs, the longest due first."""
        last = f"{keys.due(now)}#\U0010ffff"
        return self._table.query(keys.waiting(handler), last=last, page=100)

    def entries(self, partition: str) -> Iterator[Item]:
        """Yield all entries of a partition."""
        return self._table.query(partition)

    def handlers(self) -> list[str]:
        """Return the names of all handlers that have had runs."""
        return [str(item["sk"]) for item in self._table.query(keys.HANDLERS)]

    def mark_deleted(self, document: Document) -> None:
        """Let nothing be done to an event any more.

        Raises:
            ConflictError: Somebody has just done something to it.
        """
        put = _put(deleted(document))
        self._table.put(put.item, is_new=put.is_new, revision=put.revision)

    def _guard(self, key: keys.Key) -> Put:
        """Move a lane's counter on, so that of two who coalesce in it at once one tries again."""
        item = self._table.get(key)
        revision = None if item is None else int(item["revision"])
        return Put(
            items.at(key, revision=(revision or 0) + 1), is_new=item is None, revision=revision
        )

    def _write(self, pairs: Sequence[tuple[Document, Document]], more: Sequence[Write]) -> None:
        writes: list[Write] = []
        for before, after in pairs:
            if after != before:
                self._know_handlers(after)
                writes.append(_put(after))
                if before.revision == 0:
                    # Where there is none, a purge may just have deleted it, with its event.
                    writes.append(Check(keys.event(after.seq)))
                writes += index.writes(before, after)
        self._table.transact([*writes, *more])

    def _know_handlers(self, document: Document) -> None:
        """Keep the names of handlers, so that the backlog knows where runs wait."""
        names = {run.handler for run in document.runs} - self._handlers
        self._table.put_many([items.at((keys.HANDLERS, name)) for name in names])
        self._handlers |= names


def _waiting(
    documents: Mapping[int, Document], places: Sequence[tuple[int, int]]
) -> list[tuple[Document, RunRecord]]:
    found = [
        (documents[seq], documents[seq].at(place)) for seq, place in places if seq in documents
    ]
    return [
        (document, run)
        for document, run in found
        if run is not None and run.state is RunState.WAITING
    ]


def _put(document: Document) -> Put:
    """Write a document if it is still what was read."""
    stored = replace(document, revision=document.revision + 1)
    if document.revision == 0:
        return Put(items.document_item(stored), is_new=True)
    return Put(items.document_item(stored), revision=document.revision)


def _run_id(entry: Item) -> int:
    return keys.run_id(int(entry["seq"]), int(entry["place"]))
