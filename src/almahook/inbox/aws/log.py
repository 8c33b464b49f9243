"""Reading events: one, many, or page by page in their order."""

from collections.abc import Iterable, Iterator, Sequence

from almahook.errors import NotFoundError
from almahook.inbox.aws import items, keys
from almahook.inbox.aws.objects import Objects
from almahook.inbox.aws.table import Item, Table
from almahook.inbox.event import StoredEvent

_SEQ = "seq"
_FIRST = "first_page"

# A page that has become empty is passed over once so many newer ones have begun, so that no event
# that got its number long ago and is still being written is ever passed over.
_PAGES_KEPT = 100


class Log:
    """The events of the table in the order of their numbers."""

    def __init__(self, table: Table, objects: Objects) -> None:
        self._table = table
        self._objects = objects

    def event(self, seq: int) -> StoredEvent:
        """Return an event.

        Raises:
            NotFoundError: There is no such event.
        """
        if (item := self._table.get(keys.event(seq))) is None:
            raise NotFoundError(f"There is no event {seq} in the inbox.")
        return self.load(item)

    def events(self, seqs: Iterable[int]) -> dict[int, StoredEvent]:
        """Return those of the events that there are."""
        return {int(item[_SEQ]): self.load(item) for item in self.items(list(seqs))}

    def items(self, seqs: Sequence[int]) -> list[Item]:
        """Return the items of those events that there are, in the order that was asked for."""
        wanted = [keys.event(seq) for seq in seqs]
        found = self._table.get_many(wanted)
        return [found[key] for key in wanted if key in found]

    def load(self, item: Item) -> StoredEvent:
        """Return the event of an item, with its body wherever that is."""
        return items.event_of(item, self._objects.load(item))

    def newest_first(self, *, before: int | None, page: int) -> Iterator[Item]:
        """Yield all events below a number, the newest first."""
        first, last = self._pages()
        if before is not None:
            last = min(last, before // keys.EVENTS_PER_PAGE)
        below = keys.number(before - 1) if before else ""
        if before is not None and before < 1:
            return
        for number in range(last, first - 1, -1):
            pk = keys.page(number)
            if below:
                yield from self._table.query(pk, last=below, newest_first=True, page=page)
            else:
                yield from self._table.query(pk, newest_first=True, page=page)

    def oldest_first(self, *, after: int, page: int, only: Sequence[str] = ()) -> Iterator[Item]:
        """Yield all events above a number, the oldest first."""
        first, last = self._pages()
        for number in range(max(first, after // keys.EVENTS_PER_PAGE), last + 1):
            yield from self._table.query(
                keys.page(number), first=keys.number(after + 1), page=page, only=only
            )

    def pages(self) -> range:
        """Return the pages that may hold events."""
        first, last = self._pages()
        return range(first, last + 1)

    def page(self, number: int, *, only: Sequence[str]) -> list[Item]:
        """Return a page of events, with these attributes alone."""
        return list(self._table.query(keys.page(number), only=only))

    def pass_over(self, number: int) -> None:
        """Begin behind a page from now on, if it is the first and old enough: it is empty."""
        first, last = self._pages()
        if number == first and last - first >= _PAGES_KEPT:
            self._table.add(keys.COUNTERS, _FIRST, 1)

    def _pages(self) -> tuple[int, int]:
        counters = self._table.get(keys.COUNTERS) or {}
        return int(counters.get(_FIRST, 0)), int(counters.get(_SEQ, 0)) // keys.EVENTS_PER_PAGE
