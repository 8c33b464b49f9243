"""Many requests, one transaction: concurrent appends are stored together, a batch at a time.

While one batch is being synced to disk the next one gathers, so the batches grow with the load and
a lone event waits for nobody. An event loop hands over what one round of it brought in one piece.

Where a store can begin a batch without waiting, the event loop itself begins one after the other.
All else is done by one writer thread, which has to wait for Python's lock before and after each.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from almahook.errors import InboxError, InboxUnavailableError, OverloadedError

log = logging.getLogger("almahook.inbox")

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")


Told = Callable[[Sequence[R | BaseException]], None]
# Told with one result for each item, or with None if the thread is to store them.
Ended = Callable[[Sequence[R] | None], None]
After = Callable[[asyncio.AbstractEventLoop | None], None]
Begin = Callable[[Sequence[P], asyncio.AbstractEventLoop, Ended[R]], bool]


@dataclass(frozen=True, slots=True)
class _Group(Generic[T, P, R]):
    """Items that were handed over together.

    Attributes:
        prepared: What is committed; an error if it could not be made.
        told: Hears how each of them went, in order.
        loop: Where it is called; None for wherever they were stored.
    """

    items: Sequence[T]
    prepared: P | Exception
    told: Told[R]
    loop: asyncio.AbstractEventLoop | None


@dataclass(frozen=True, slots=True)
class _Gathered(Generic[T, R]):
    """What one round of an event loop has brought so far, and who waits for it."""

    items: list[T] = field(default_factory=list)
    futures: "list[asyncio.Future[R]]" = field(default_factory=list)


class GroupCommitter(Generic[T, P, R]):
    """Stores items in batches, each batch by one call of ``commit``.

    Args:
        prepare: Makes what is committed of items that came together, on the thread that hands
            them over: the writer needs Python's lock for as little as can be.
        commit: Stores what was prepared durably, and returns one result per item, in order.
        begin: Begins to, on an event loop and without waiting, and says whether it could; tells
            when that has ended.
        finish: Waits until what was begun has ended.
        after: Called after each batch of which something was stored, once all who wait for it were
            told, with the event loop that it was begun on; None for one of the thread's.
        max_batch: A batch with so many items takes no further ones. What was handed over together
            is stored together.
        max_pending: When so many items wait already, further ones are turned away.
    """

    def __init__(
        self,
        *,
        prepare: Callable[[Sequence[T]], P],
        commit: Callable[[Sequence[P]], Sequence[R]],
        begin: Begin[P, R] | None = None,
        finish: Callable[[], None] = lambda: None,
        after: After = lambda _: None,
        max_batch: int = 256,
        max_pending: int = 10_000,
    ) -> None:
        self._prepare = prepare
        self._commit = commit
        self._begin = begin
        self._finish = finish
        self._after = after
        self._max_batch = max_batch
        self._max_pending = max_pending
        self._queue: queue.SimpleQueue[_Group[T, P, R] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, _Gathered[T, R]] = {}
        # Handed over, and only the writer's by now.
        self._taken: deque[_Group[T, P, R]] = deque()
        # How many are the writer's, or will be.
        self._handed_over = 0
        # What an event loop has begun to store, and what waits for the end of that.
        self._begun: Sequence[_Group[T, P, R]] = ()
        self._behind: deque[_Group[T, P, R]] = deque()
        self._pending = 0
        self._closed = False
        self._gate = threading.Lock()
        self._has_ended = threading.Condition(self._gate)
        self._thread = threading.Thread(target=self._run, name="almahook-committer", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the next item would be turned away."""
        return self._pending >= self._max_pending

    @property
    def pending(self) -> int:
        """How many items wait to be stored."""
        return self._pending

    async def append(self, item: T) -> R:
        """Store an item from the event loop; return when it is on disk.

        Raises:
            OverloadedError: Too many items wait already.
            InboxUnavailableError: It could not be stored.
        """
        loop = asyncio.get_running_loop()
        gathered = self._gathered.get(loop)
        if gathered is None:
            gathered = self._gathered[loop] = _Gathered()
            loop.call_soon(self._hand_over, loop)
        future: asyncio.Future[R] = loop.create_future()
        gathered.items.append(item)
        gathered.futures.append(future)
        return await future

    def append_all(
        self, items: Sequence[T], told: Told[R], *, loop: asyncio.AbstractEventLoop | None = None
    ) -> int:
        """Store items that came together.

        Args:
            items: At least one.
            told: Called when they are on disk, or are not, with one result for each.
            loop: Where it is called; None for the writer's own thread.

        Returns:
            For how many there was room, from the first on; the others are not stored.

        Raises:
            InboxUnavailableError: The inbox is closing.
        """
        # Not within the gate, which the writer passes too.
        group = self._group(items, told, loop)
        with self._gate:
            if self._closed:
                raise InboxUnavailableError("The inbox is closing.")
            room = self._max_pending - self._pending
            if room < len(items):
                if room <= 0:
                    return 0
                group = self._group(items[:room], told, loop)
            self._pending += len(group.items)
            self._pass_on(group)
        return len(group.items)

    def offer(self, item: T) -> bool:
        """Store an item that nobody waits for; False when there is no room for it."""
        try:
            return self.append_all([item], _forget) > 0
        except InboxUnavailableError:
            return False

    def close(self) -> None:
        """Store what waits, then stop; later items are turned away."""
        with self._gate:
            is_first, self._closed = not self._closed, True
        if is_first:
            self._finish()
            with self._gate:
                # Another thread may just be about to tell of it.
                self._has_ended.wait_for(lambda: not self._begun)
                self._queue.put(None)
        self._thread.join()

    # Within the gate.

    def _pass_on(self, group: _Group[T, P, R]) -> None:
        """Let a group be stored: by the event loop, where that can be, or by the thread."""
        if self._begun and group.loop is self._begun[0].loop:
            self._behind.append(group)
        elif not self._try_to_begin([group]):
            self._leave_to_thread([group])

    def _try_to_begin(self, groups: Sequence[_Group[T, P, R]]) -> bool:
        """Begin to store groups of one event loop; say whether that could be done."""
        loop = groups[0].loop
        prepared = [one.prepared for one in groups if not isinstance(one.prepared, Exception)]
        can_begin = not (self._begun or self._handed_over or self._closed)
        if self._begin is None or loop is None or not can_begin or len(prepared) < len(groups):
            return False
        if not self._begin(prepared, loop, self._ended):
            return False
        self._begun = groups
        self._pending -= _number(groups)
        return True

    def _leave_to_thread(self, groups: Iterable[_Group[T, P, R]]) -> None:
        for group in groups:
            self._handed_over += 1
            self._queue.put(group)

    # Without the gate.

    def _ended(self, results: Sequence[R] | None) -> None:
        """Tell of what was begun, after having begun what waited for it."""
        with self._gate:
            groups, self._begun = self._begun, ()
            self._has_ended.notify_all()
            if results is None:
                self._pending += _number(groups)
                self._leave_to_thread(groups)
            batch = _batch_of(self._behind, self._max_batch)
            if batch and not self._try_to_begin(batch):
                self._leave_to_thread([*batch, *self._behind])
                self._behind.clear()
        if results is not None:
            self._tell_all(groups, results)
            self._after(groups[0].loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what a round has brought, in one piece: each piece costs the same."""
        gathered = self._gathered.pop(loop)
        try:
            taken = self.append_all(gathered.items, partial(_finish, gathered.futures), loop=loop)
        except InboxUnavailableError as error:
            _finish(gathered.futures, [error] * len(gathered.futures))
        else:
            left = gathered.futures[taken:]
            _finish(left, [OverloadedError() for _ in left])

    def _group(
        self, items: Sequence[T], told: Told[R], loop: asyncio.AbstractEventLoop | None
    ) -> _Group[T, P, R]:
        prepared: P | Exception
        try:
            prepared = self._prepare(items)
        except Exception as error:  # noqa: BLE001 - it may be one of the items only
            prepared = error
        return _Group(items, prepared, told, loop)

    def _run(self) -> None:
        is_open = True
        while is_open or self._taken:
            if not self._taken:
                is_open = self._take(self._queue.get())
            while is_open and not self._queue.empty():
                is_open = self._take(self._queue.get())
            self._commit_next()

    def _take(self, group: _Group[T, P, R] | None) -> bool:
        """Take what was handed over; False when no more will be."""
        if group is not None:
            self._taken.append(group)
        return group is not None

    def _commit_next(self) -> None:
        batch = _batch_of(self._taken, self._max_batch)
        if not batch:
            return
        with self._gate:
            self._pending -= _number(batch)
        results = self._store_together(batch)
        with self._gate:
            self._handed_over -= len(batch)
        self._tell_all(batch, results)
        if not all(isinstance(one, BaseException) for one in results):
            self._after(None)

    def _tell_all(
        self, groups: Sequence[_Group[T, P, R]], results: Sequence[R | BaseException]
    ) -> None:
        """Wake who waits, with one call for each group."""
        left = iter(results)
        for group in groups:
            _resolve(group, [*islice(left, len(group.items))])

    def _store_together(self, batch: list[_Group[T, P, R]]) -> Sequence[R | BaseException]:
        items = [item for group in batch for item in group.items]
        try:
            results = self._commit([_prepared(group) for group in batch])
            if len(results) != len(items):
                raise ValueError("there is not one result for each item")
        except InboxError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must hear of it
            if len(items) == 1:
                return [_unavailable(error)]
            # One item that cannot be stored must not take its neighbours down.
            return [self._store_alone(item) for item in items]
        return results

    def _store_alone(self, item: T) -> R | BaseException:
        try:
            (result,) = self._commit([self._prepare([item])])
        except InboxError as error:
            return error
        except Exception as error:  # noqa: BLE001 - as above
            return _unavailable(error)
        return result


def _number(groups: Iterable[_Group[T, P, R]]) -> int:
    return sum(len(group.items) for group in groups)


def _batch_of(waiting: deque[_Group[T, P, R]], most: int) -> list[_Group[T, P, R]]:
    """Take groups off, until there are so many items; one group at least."""
    batch: list[_Group[T, P, R]] = []
    number = 0
    while waiting and (not batch or number + len(waiting[0].items) <= most):
        batch.append(waiting.popleft())
        number += len(batch[-1].items)
    return batch


def _prepared(group: _Group[T, P, R]) -> P:
    if isinstance(group.prepared, Exception):
        raise group.prepared
    return group.prepared


def _forget(_: object) -> None:
    """Nobody waits for the result."""


def _unavailable(error: Exception) -> InboxUnavailableError:
    unavailable = InboxUnavailableError(f"The event could not be stored: {type(error).__name__}.")
    unavailable.__cause__ = error
    return unavailable


def _resolve(group: _Group[T, P, R], results: Sequence[R | BaseException]) -> None:
    if group.loop is None or is_running_here(group.loop):
        _tell(group.told, results)
        return
    # When the loop has closed nobody waits any more, and what is stored is stored.
    with suppress(RuntimeError):
        group.loop.call_soon_threadsafe(_tell, group.told, results)


def is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Say whether this is what an event loop calls."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _tell(told: Told[R], results: Sequence[R | BaseException]) -> None:
    try:
        told(results)
    except Exception as error:  # noqa: BLE001 - the writer goes on whatever becomes of an answer
        _tell_failed(error)


def _tell_failed(error: Exception) -> None:
    # A traceback's lines can hold what must not be logged.
    log.error("committer.callback_failed", extra={"fields": {"kind": type(error).__name__}})


def _finish(futures: "Sequence[asyncio.Future[R]]", results: Sequence[R | BaseException]) -> None:
    for future, result in zip(futures, results, strict=False):
        if future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
