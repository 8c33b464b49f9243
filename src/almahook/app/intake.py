"""What happens between a decision and its answer: an event is stored, a refusal is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from almahook.errors import InboxError
from almahook.inbox import GroupCommitter, Inbox, NewEvent, Packed, Receipt, Rejection
from almahook.inbox.committer import Ended, is_running_here
from almahook.protocol import Accepted, Failed, Handled, Stored, Unhandled
from almahook.receivers.reception import Refusal

Deliver = Callable[[int], Awaitable[Handled | Failed | Unhandled]]

_STORED = Stored()

# The method and the headers of a request can be anything.
_LONGEST_NAME = 100

# A flood of refusals gets this much memory and, with a pause after each batch, little of the disk
# and of the processor: more than are kept need not be written.
_REFUSALS_WAITING = 1000
_REFUSALS_AT_ONCE = 64
_PAUSE_S = 0.05
_PAUSE_IN_FLOOD_S = 0.25

# What is larger takes milliseconds to pack.
_LARGE_BYTES = 256 * 1024

# Where much comes, handlers wait for longer than this anyway.
_TOLD_EVERY_S = 0.01

# After a failure the next event is the only probe of the disk there is, so for longer than this
# nobody is told to send none.
_FAILING_S = 10.0


class Intake:
    """Stores events in batches, and keeps refusals beside them.

    Args:
        deliver: Runs the handlers of a stored event and says how it went; None in inbox mode.
        max_pending: When so many events wait to be stored, further ones are turned away.
        refusal_bytes: How much of a refused body is kept.
        clock: Seconds since the epoch.
        on_stored: Told when something was stored.
        on_not_recorded: Told of each refusal that there was no room for.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        deliver: Deliver | None,
        max_pending: int,
        refusal_bytes: int,
        clock: Callable[[], float],
        on_stored: Callable[[], None],
        on_not_recorded: Callable[[], None],
    ) -> None:
        self._inbox = inbox
        self._deliver = deliver
        self._refusal_bytes = refusal_bytes
        self._clock = clock
        self._on_not_recorded = on_not_recorded
        self._events: GroupCommitter[NewEvent, _Together, Receipt | Stored] = GroupCommitter(
            prepare=self._prepare,
            commit=self._store,
            begin=self._begin,
            finish=inbox.finish_spool,
            after=_Now(on_stored).tell,
            max_pending=max_pending,
        )
        self._rejections: GroupCommitter[Rejection, Sequence[Rejection], None] = GroupCommitter(
            prepare=list,
            commit=self._reject,
            max_batch=_REFUSALS_AT_ONCE,
            max_pending=_REFUSALS_WAITING,
        )
        self._failed_at: float | None = None
        self._closing = Event()

    @property
    def is_full(self) -> bool:
        """Whether the next event would be turned away."""
        return self._events.is_full

    @property
    def is_failing(self) -> bool:
        """Whether the last event, a moment ago, could not be stored."""
        failed_at = self._failed_at
        return failed_at is not None and 0 <= self._clock() - failed_at < _FAILING_S

    async def take_in(self, accepted: Accepted) -> Stored | Handled | Failed | Unhandled:
        """Store an event; in direct mode, run its handlers too.

        Raises:
            InboxUnavailableError: It could not be stored, or its handlers are running already.
        """
        receipt = await self._events.append(accepted)
        if self._deliver is not None and isinstance(receipt, Receipt):
            return await self._deliver(receipt.seq)
        return _STORED

    def store(
        self,
        accepted: Sequence[Accepted],
        told: Callable[[Sequence[Any]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> int:
        """Store events that came together, without a task for each.

        Args:
            accepted: What came, one message at least.
            told: Called with what became of each: it is stored, or an error.
            loop: Where that is called.

        Returns:
            For how many there was room, from the first on; the others are not stored.

        Raises:
            InboxUnavailableError: The inbox is closing.
        """
        # Without handlers to run, the committer tells this or an error of the inbox.
        return self._events.append_all(accepted, told, loop=loop)

    def record(self, refusal: Refusal) -> None:
        """Keep a refused request, if there is room: a flood must not cost more than refusing it."""
        if self._rejections.is_full or not self._rejections.offer(self._rejection(refusal)):
            self._on_not_recorded()

    def close(self) -> None:
        """Store what waits, then stop."""
        self._closing.set()
        self._events.close()
        self._rejections.close()

    def _rejection(self, refusal: Refusal) -> Rejection:
        return rejection(refusal, body_bytes=self._refusal_bytes)

    def _prepare(self, events: Sequence[NewEvent]) -> "_Together":
        """Pack events where they are at hand, unless others would wait for that."""
        is_small = max(len(event.body) for event in events) <= _LARGE_BYTES
        packed = self._inbox.pack(events) if is_small and self._deliver is None else None
        return _Together(events=events, packed=packed)

    def _store(self, groups: Sequence["_Together"]) -> Sequence[Receipt | Stored]:
        try:
            receipts = self._put(groups)
        except InboxError:
            self._failed_at = self._clock()
            raise
        self._failed_at = None
        return receipts

    def _begin(
        self,
        groups: Sequence["_Together"],
        loop: asyncio.AbstractEventLoop,
        ended: Ended[Receipt | Stored],
    ) -> bool:
        """Begin to spool what is packed."""
        packed = [group.packed for group in groups if group.packed is not None]
        if len(packed) < len(groups):
            return False
        return self._inbox.begin_spool(packed, loop, partial(self._spooled, groups, ended))

    def _spooled(
        self, groups: Sequence["_Together"], ended: Ended[Receipt | Stored], is_stored: bool
    ) -> None:
        if is_stored:
            self._failed_at = None
        ended(_stored(groups) if is_stored else None)

    def _put(self, groups: Sequence["_Together"]) -> Sequence[Receipt | Stored]:
        """Store as cheaply as is enough: only who runs the handlers at once needs a number."""
        if self._deliver is not None:
            return self._inbox.append([event for group in groups for event in group.events])
        self._inbox.spool([self._packed(group) for group in groups])
        return _stored(groups)

    def _packed(self, group: "_Together") -> Packed:
        return self._inbox.pack(group.events) if group.packed is None else group.packed

    def _reject(self, groups: Sequence[Sequence[Rejection]]) -> list[None]:
        rejections = [rejection for group in groups for rejection in group]
        self._inbox.reject(rejections)
        is_flood = len(rejections) == _REFUSALS_AT_ONCE
        self._closing.wait(_PAUSE_IN_FLOOD_S if is_flood else _PAUSE_S)
        return [None] * len(rejections)


class _Now:
    """Tells at once that something was stored, and in a flood every few milliseconds.

    Each telling wakes another process, which takes as long as three events do. What is stored in
    the milliseconds after one is told of when they are over.
    """

    def __init__(self, on_stored: Callable[[], None]) -> None:
        self._on_stored = on_stored
        self._is_early = False
        self._has_more = False

    def tell(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Tell, or let it wait on the event loop that this is called on."""
        if loop is None or not is_running_here(loop):
            self._on_stored()
        elif self._is_early:
            self._has_more = True
        else:
            self._tell_and_wait(loop)

    def _tell_and_wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._on_stored()
        self._is_early, self._has_more = True, False
        loop.call_later(_TOLD_EVERY_S, self._go_on, loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_early = False
        if self._has_more:
            self._tell_and_wait(loop)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Together:
    """Events that came together.

    Attributes:
        packed: As they are spooled; None where they are not, or not yet.
    """

    events: Sequence[NewEvent]
    packed: Packed


def _stored(groups: Sequence[_Together]) -> Sequence[Stored]:
    """Say of each event that it is stored."""
    return [_STORED] * sum(len(group.events) for group in groups)


def rejection(refusal: Refusal, *, body_bytes: int) -> Rejection:
    """Make the record of a refused request; it holds no more than is kept."""
    request, error = refusal.request, refusal.refused.error
    return Rejection(
        at=refusal.at,
        profile=refusal.profile,
        method=request.method[:_LONGEST_NAME],
        code=error.code,
        reason=error.message,
        status=refusal.refused.status,
        content_type=request.content_type[:_LONGEST_NAME],
        signature=(request.signature or "")[:_LONGEST_NAME],
        size=refusal.size,
        body=request.body[:body_bytes],
    )
