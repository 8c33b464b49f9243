"""Many requests, one transaction: concurrent appends are stored together by one writer thread.

While one batch is being synced to disk the next one gathers, so the batches grow with the load and
a lone event waits for nobody. An event loop hands over what one round of it brought in one piece:
each piece wakes the writer, which takes Python's lock from the loop.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from almahook.errors import InboxError, InboxUnavailableError, OverloadedError

log = logging.getLogger("almahook.inbox")

T = TypeVar("T")
R = TypeVar("R")


Done = Callable[[R | BaseException], None]


class _Group(Generic[T, R]):
    """Items that were handed over together, and who hears of each.

    Attributes:
        loop: Where that is told; None for the writer's own thread.
    """

    __slots__ = ("dones", "items", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.items: list[T] = []
        self.dones: list[Done[R]] = []

    def add(self, item: T, done: Done[R]) -> None:
        """Take one more."""
        self.items.append(item)
        self.dones.append(done)

    def tell(self, results: Sequence[R | BaseException]) -> None:
        """Let everybody know how it went, one result per item."""
        for done, result in zip(self.dones, results, strict=True):
            try:
                done(result)
            except Exception as error:  # noqa: BLE001 - the others of the batch wait for theirs
                _tell_failed(error)


def _tell_failed(error: Exception) -> None:
    # A traceback's lines can hold what must not be logged.
    log.error("committer.callback_failed", extra={"fields": {"kind": type(error).__name__}})


class GroupCommitter(Generic[T, R]):
    """Stores items in batches, each batch by one call of ``commit``.

    Args:
        commit: Stores a batch durably, and returns one result per item, in order.
        max_batch: How many items one batch holds at most.
        max_pending: When so many items wait already, further ones are turned away.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[T]], Sequence[R]],
        *,
        max_batch: int = 256,
        max_pending: int = 10_000,
    ) -> None:
        self._commit = commit
        self._max_batch = max_batch
        self._max_pending = max_pending
        self._queue: queue.SimpleQueue[_Group[T, R] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, _Group[T, R]] = {}
        # Handed over, and only the writer's by now.
        self._taken: deque[_Group[T, R]] = deque()
        self._pending = 0
        self._closed = False
        self._gate = threading.Lock()
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
        future: asyncio.Future[R] = loop.create_future()
        self.append_then(item, partial(_finish, future), loop=loop)
        return await future

    def append_then(self, item: T, done: Done[R], *, loop: asyncio.AbstractEventLoop) -> None:
        """Store an item; when it is on disk, or is not, ``done`` is called on the event loop.

        Raises:
            OverloadedError: Too many items wait already.
            InboxUnavailableError: The inbox is closing.
        """
        with self._gate:
            self._admit()
            group = self._gathered.get(loop)
            if group is None:
                group = self._gathered[loop] = _Group(loop)
                loop.call_soon(self._hand_over, loop)
            group.add(item, done)
            if len(group.items) >= self._max_batch:
                self._queue.put(self._gathered.pop(loop))

    def submit(self, item: T) -> "Future[R]":
        """Store an item from a thread; the future is done when it is on disk.

        Raises:
            OverloadedError: Too many items wait already.
        """
        future: Future[R] = Future()
        # It will be stored, so it cannot be cancelled.
        future.set_running_or_notify_cancel()
        self._put(item, partial(_finish, future))
        return future

    def offer(self, item: T) -> bool:
        """Store an item that nobody waits for; False when there is no room for it."""
        try:
            self._put(item, _forget)
        except InboxUnavailableError:
            return False
        return True

    def close(self) -> None:
        """Store what waits, then stop; later items are turned away."""
        with self._gate:
            if not self._closed:
                self._closed = True
                for gathered in self._gathered.values():
                    self._queue.put(gathered)
                self._gathered = {}
                self._queue.put(None)
        self._thread.join()

    def _put(self, item: T, done: Done[R]) -> None:
        group: _Group[T, R] = _Group(None)
        group.add(item, done)
        with self._gate:
            self._admit()
            self._queue.put(group)

    def _admit(self) -> None:
        if self._closed:
            raise InboxUnavailableError("The inbox is closing.")
        if self.is_full:
            raise OverloadedError
        self._pending += 1

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            if group := self._gathered.pop(loop, None):
                self._queue.put(group)

    def _run(self) -> None:
        is_open = True
        while is_open or self._taken:
            if not self._taken:
                is_open = self._take(self._queue.get())
            while is_open and not self._queue.empty():
                is_open = self._take(self._queue.get())
            if batch := self._next_batch():
                self._commit_batch(batch)

    def _take(self, group: _Group[T, R] | None) -> bool:
        """Take what was handed over; False when no more will be."""
        if group is not None:
            self._taken.append(group)
        return group is not None

    def _next_batch(self) -> list[_Group[T, R]]:
        """Take as many groups as fit; none is larger than a batch."""
        batch: list[_Group[T, R]] = []
        left = self._max_batch
        while self._taken and len(self._taken[0].items) <= left:
            batch.append(self._taken.popleft())
            left -= len(batch[-1].items)
        with self._gate:
            self._pending -= self._max_batch - left
        return batch

    def _commit_batch(self, batch: list[_Group[T, R]]) -> None:
        """Store a batch; then wake who waits, with one call for each group."""
        results = iter(self._store([item for group in batch for item in group.items]))
        for group in batch:
            _resolve(group, [*islice(results, len(group.items))])

    def _store(self, items: list[T]) -> Sequence[R | BaseException]:
        try:
            results = self._commit(items)
            if len(results) != len(items):
                raise ValueError("there is not one result for each item")
        except InboxError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must hear of it
            if len(items) == 1:
                return [_unavailable(error)]
            # One item that cannot be stored must not take its neighbours down.
            return [result for item in items for result in self._store([item])]
        return results


def _forget(_: object) -> None:
    """Nobody waits for the result."""


def _unavailable(error: Exception) -> InboxUnavailableError:
    unavailable = InboxUnavailableError(f"The event could not be stored: {type(error).__name__}.")
    unavailable.__cause__ = error
    return unavailable


def _resolve(group: _Group[T, R], results: Sequence[R | BaseException]) -> None:
    if group.loop is None:
        group.tell(results)
        return
    # When the loop has closed nobody waits any more, and what is stored is stored.
    with suppress(RuntimeError):
        group.loop.call_soon_threadsafe(group.tell, results)


def _finish(future: "asyncio.Future[R] | Future[R]", result: R | BaseException) -> None:
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
