"""Many requests, one transaction: concurrent appends are stored together by one writer thread.

While one batch is being synced to disk the next one gathers, so the batches grow with the load and
a lone event waits for nobody. An event loop hands over what one round of it brought in one piece:
each piece wakes the writer, which takes Python's lock from the loop.
"""

import asyncio
import logging
import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from almahook.errors import InboxError, InboxUnavailableError, OverloadedError

log = logging.getLogger("almahook.inbox")

T = TypeVar("T")
R = TypeVar("R")


Done = Callable[[R | BaseException], None]


@dataclass(slots=True)
class _Pending(Generic[T, R]):
    item: T
    done: "Done[R]"
    loop: asyncio.AbstractEventLoop | None


_Result = tuple[_Pending[T, R], R | BaseException]


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
        self._queue: queue.SimpleQueue[list[_Pending[T, R]] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Pending[T, R]]] = {}
        # Handed over, and only the writer's by now.
        self._taken: deque[_Pending[T, R]] = deque()
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
            gathered = self._gathered.setdefault(loop, [])
            gathered.append(_Pending(item, done, loop))
        if len(gathered) == 1:
            loop.call_soon(self._hand_over, loop)

    def submit(self, item: T) -> "Future[R]":
        """Store an item from a thread; the future is done when it is on disk.

        Raises:
            OverloadedError: Too many items wait already.
        """
        future: Future[R] = Future()
        # It will be stored, so it cannot be cancelled.
        future.set_running_or_notify_cancel()
        self._put(_Pending(item, partial(_finish, future), None))
        return future

    def offer(self, item: T) -> bool:
        """Store an item that nobody waits for; False when there is no room for it."""
        try:
            self._put(_Pending(item, _forget, None))
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

    def _put(self, pending: _Pending[T, R]) -> None:
        with self._gate:
            self._admit()
            self._queue.put([pending])

    def _admit(self) -> None:
        if self._closed:
            raise InboxUnavailableError("The inbox is closing.")
        if self.is_full:
            raise OverloadedError
        self._pending += 1

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            if gathered := self._gathered.pop(loop, None):
                self._queue.put(gathered)

    def _run(self) -> None:
        is_open = True
        while is_open or self._taken:
            if not self._taken:
                is_open = self._take(self._queue.get())
            while is_open and not self._queue.empty():
                is_open = self._take(self._queue.get())
            if batch := self._next_batch():
                _resolve(self._store(batch))

    def _take(self, group: list[_Pending[T, R]] | None) -> bool:
        """Take what was handed over; False when no more will be."""
        self._taken.extend(group or ())
        return group is not None

    def _next_batch(self) -> list[_Pending[T, R]]:
        size = min(len(self._taken), self._max_batch)
        with self._gate:
            self._pending -= size
        return [self._taken.popleft() for _ in range(size)]

    def _store(self, batch: list[_Pending[T, R]]) -> list[_Result[T, R]]:
        try:
            results = self._commit([pending.item for pending in batch])
            return list(zip(batch, results, strict=True))
        except InboxError as error:
            return [(pending, error) for pending in batch]
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must hear of it
            if len(batch) == 1:
                return [(batch[0], _unavailable(error))]
            # One item that cannot be stored must not take its neighbours down.
            return [result for pending in batch for result in self._store([pending])]


def _forget(_: object) -> None:
    """Nobody waits for the result."""


def _unavailable(error: Exception) -> InboxUnavailableError:
    unavailable = InboxUnavailableError(f"The event could not be stored: {type(error).__name__}.")
    unavailable.__cause__ = error
    return unavailable


def _resolve(results: Sequence[_Result[T, R]]) -> None:
    """Wake who waits; each event loop is called once for the whole batch."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Result[T, R]]] = defaultdict(list)
    for pending, result in results:
        if pending.loop is None:
            pending.done(result)
        else:
            by_loop[pending.loop].append((pending, result))
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_finish_all, waiting)
        except RuntimeError:
            # The loop has closed: nobody waits any more, and what is stored is stored.
            continue


def _finish_all(results: Sequence[_Result[T, R]]) -> None:
    for pending, result in results:
        try:
            pending.done(result)
        except Exception as error:  # noqa: BLE001 - the others of the batch wait for theirs
            log.error("committer.callback_failed", extra={"fields": {"kind": type(error).__name__}})  # noqa: TRY400 - a traceback's lines can hold what must not be logged


def _finish(future: "asyncio.Future[R] | Future[R]", result: R | BaseException) -> None:
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
