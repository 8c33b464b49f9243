"""What the table says of a document outside it: which of its runs wait, run, are parked.

These entries follow from the document alone, and are written in its transaction: they are right
whenever they are read, which no secondary index of DynamoDB's is.
"""

from collections.abc import Iterator, Mapping

from almahook.inbox.aws import keys
from almahook.inbox.aws.document import Document, RunRecord
from almahook.inbox.aws.table import Delete, Item, Put, Write
from almahook.inbox.contract import OPEN_STATES, RunState


def entries(document: Document) -> Mapping[keys.Key, Item]:
    """Return the entries of a document by their keys."""
    found = {
        (str(item["pk"]), str(item["sk"])): item
        for run in document.runs
        for item in _of_run(document, run)
    }
    for run in document.newest():
        if run.state is RunState.PARKED:
            item = _entry(document, run, keys.PARKED, keys.number(document.id_of(run)))
            found[keys.PARKED, str(item["sk"])] = item
    return found


def writes(before: Document, after: Document) -> Iterator[Write]:
    """Return what makes the entries of one document those of the other."""
    old, new = entries(before), entries(after)
    for key in old.keys() - new.keys():
        yield Delete(key)
    for key, item in new.items():
        if old.get(key) != item:
            # A lane's lock is taken by one run alone.
            yield Put(item, is_new=key[0] == "lock")


def _of_run(document: Document, run: RunRecord) -> Iterator[Item]:
    if run.state not in OPEN_STATES:
        return
    run_id = document.id_of(run)
    if run.state is RunState.WAITING:
        pk, sk = keys.waiting(run.handler), f"{keys.due(run.due_at)}#{keys.number(run_id)}"
        yield {**_entry(document, run, pk, sk), **_lane(run)}
    else:
        pk, sk = keys.RUNNING, keys.number(run_id)
        yield {**_entry(document, run, pk, sk), "until": run.until}
    if run.lane:
        lane = keys.lane(run.handler, run.lane)
        yield _entry(document, run, lane, keys.in_lane(document.happened, run_id))
        if run.state is RunState.RUNNING:
            yield _entry(document, run, *keys.lock(lane))


def _entry(document: Document, run: RunRecord, pk: str, sk: str) -> Item:
    return {
        "pk": pk,
        "sk": sk,
        "seq": document.seq,
        "place": run.place,
        "received_at": document.received_at,
    }


def _lane(run: RunRecord) -> Item:
    return {"lane": keys.lane(run.handler, run.lane)} if run.lane else {}
