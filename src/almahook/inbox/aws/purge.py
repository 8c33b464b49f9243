"""Deleting finished events, and everything that belongs to them, for ever."""

from collections.abc import Iterator, Sequence

from almahook.inbox.aws import index, keys
from almahook.inbox.aws.document import Document, deleted, is_finished
from almahook.inbox.aws.log import Log
from almahook.inbox.aws.objects import REFERENCE, Objects
from almahook.inbox.aws.runs import Runs
from almahook.inbox.aws.table import ConflictError, Delete, Item, Table, batches

_KNOWN = ("seq", "profile", "action", "event", "event_id", "subject", "received_at", "time")
_TOGETHER = 50


class Purge:
    """Deletes in steps, each of which can be the last: what is left is found again.

    First a document says that the event is being deleted, so that nobody gives it a run any more.
    Then everything goes that belongs to it, and at last document and event together.
    """

    def __init__(self, table: Table, objects: Objects, log: Log, runs: Runs) -> None:
        self._table = table
        self._objects = objects
        self._log = log
        self._runs = runs

    def events(self, *, before: float, limit: int) -> int:
        """Delete at most so many finished events received before a time, the oldest first."""
        done = 0
        for number in self._log.pages():
            if done >= limit:
                break
            page = self._log.page(number, only=(*_KNOWN, REFERENCE))
            if not page:
                self._log.pass_over(number)
            old = sorted(
                (item for item in page if item["received_at"] < before),
                key=lambda item: (item["received_at"], item["seq"]),
            )
            for some in batches(old, _TOGETHER):
                done += self._delete_finished(some, limit - done)
                if done >= limit:
                    break
        return done

    def _delete_finished(self, events: Sequence[Item], limit: int) -> int:
        seqs = [int(item["seq"]) for item in events]
        documents = self._runs.get_many(seqs)
        pending = {key[1] for key in self._table.get_many(keys.pending(seq) for seq in seqs)}
        chosen: list[tuple[Item, Document]] = []
        for item, seq in zip(events, seqs, strict=True):
            document = documents.get(seq) or _unhandled(item)
            is_over = is_finished(document) and keys.number(seq) not in pending
            if len(chosen) < limit and is_over and (marked := self._mark(document)) is not None:
                chosen.append((item, marked))
        for item, document in chosen:
            self._delete_belongings(item, document)
        for some in batches(chosen, _TOGETHER):
            self._table.transact(list(_last(document for _, document in some)))
        return len(chosen)

    def _mark(self, document: Document) -> Document | None:
        """Let nobody do anything to an event any more; None if somebody just has."""
        try:
            self._runs.mark_deleted(document)
        except ConflictError:
            return None
        return deleted(document)

    def _delete_belongings(self, item: Item, document: Document) -> None:
        seq = document.seq
        found = list(self._table.query(keys.work(seq), only=("pk", "sk", REFERENCE)))
        self._objects.forget([item, *found])
        gone: list[keys.Key] = [(one["pk"], one["sk"]) for one in found]
        gone.remove(keys.runs(seq))
        gone += index.entries(document)
        gone.append(keys.identity(item["profile"], item["action"], item["event"], item["event_id"]))
        if item["subject"]:
            gone.append((keys.subject(item["subject"]), keys.number(seq)))
        self._table.delete_many(gone)


def _unhandled(item: Item) -> Document:
    return Document(
        seq=int(item["seq"]), received_at=float(item["received_at"]), happened=item["time"]
    )


def _last(documents: Iterator[Document]) -> Iterator[Delete]:
    for document in documents:
        yield Delete(keys.runs(document.seq))
        yield Delete(keys.event(document.seq))
