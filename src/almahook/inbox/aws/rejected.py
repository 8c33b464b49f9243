"""Refused requests, bounded in number and in size."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from almahook.inbox.aws import items, keys
from almahook.inbox.aws.objects import REFERENCE, Objects
from almahook.inbox.aws.table import Item, Table
from almahook.inbox.contract import Rejection

_KEY = ("pk", "sk", REFERENCE)
_COUNTER = "rejections"


class Rejected:
    """The refused requests of the table."""

    def __init__(self, table: Table, objects: Objects, *, kept: int, body_bytes: int) -> None:
        self._table = table
        self._objects = objects
        self._kept = kept
        self._body_bytes = body_bytes

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Record refused requests, oldest forgotten first."""
        if not rejections:
            return
        last = self._table.add(keys.COUNTERS, _COUNTER, len(rejections))
        numbered = list(zip(rejections, range(last - len(rejections) + 1, last + 1), strict=True))
        self._table.put_many([self._item(one, number) for one, number in numbered[-self._kept :]])
        too_old = keys.number(max(last - self._kept, 0))
        self._delete(list(self._table.query(keys.REJECTIONS, last=too_old, only=_KEY)))

    def newest_first(self, *, limit: int, before: int | None, profile: str) -> Iterator[Rejection]:
        """Yield refused requests, newest first."""
        last = {} if before is None else {"last": keys.number(max(before - 1, 0))}
        found = self._table.query(keys.REJECTIONS, newest_first=True, page=max(limit, 1), **last)
        for item in found:
            if limit < 1:
                return
            if profile in ("", item["profile"]):
                limit -= 1
                yield items.rejection_of(item, self._objects.load(item))

    def forget(self, ids: Sequence[int]) -> None:
        """Delete refused requests."""
        found = self._table.get_many(keys.rejection(number) for number in ids)
        self._delete(list(found.values()))

    def purge(self, *, before: float, limit: int) -> int:
        """Delete at most so many that came before a time; return how many."""
        old = [
            item
            for item in self._table.query(keys.REJECTIONS, only=(*_KEY, "at"))
            if item["at"] < before
        ][:limit]
        self._delete(old)
        return len(old)

    def _item(self, rejection: Rejection, number: int) -> Item:
        body = rejection.body[: self._body_bytes]
        kept = self._objects.keep(body, owner=repr(keys.rejection(number)))
        return items.rejection_item(replace(rejection, body=body), number, kept)

    def _delete(self, found: Sequence[Item]) -> None:
        self._objects.forget(found)
        self._table.delete_many([(item["pk"], item["sk"]) for item in found])
