"""What every inbox does, and the life of an event in it.

    Alma ─▶ spool ─▶ collect ─▶ dispatch ─▶ lease ─▶ (handler) ─▶ settle
                                   │          ▲                      │
                                   │          └── waiting ◀── retry ─┤
                                   └─▶ unhandled        succeeded · skipped · parked

What is spooled is durable and costs little. Only when it is collected is it looked whether the
event was there already, and only then is it an event of the inbox. ``append`` does both at once.

A run is one handler's work on one event:

    waiting ──lease──▶ running ──settle──▶ succeeded | skipped | parked | waiting (retry)
       │                  └──lease ran out──▶ running (leased anew, under a new token)
       ├──a newer event about the same thing──▶ superseded
       └──a replay by a person──▶ cancelled
    parked ──the replay makes a new run, numbered one higher

Rules that every store keeps:

- What ``spool`` and ``append`` returned from is on disk, or as durable as the store promises.
- One event per key (profile, action, event, id), whoever appends it and however often at once.
- A result is taken only under the token its lease was given (fencing).
- Of runs in one lane, one at a time is leased, the oldest event first.

Times are seconds since the epoch, UTC, and are always arguments: a store reads no clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from almahook.inbox.event import NewEvent, StoredEvent
from almahook.protocol.value import Value

if TYPE_CHECKING:
    # Not every inbox has to do with one.
    from asyncio import AbstractEventLoop


class RunState(StrEnum):
    """Where a run stands; the values are stored."""

    WAITING = "waiting"  # due now or at a set time
    RUNNING = "running"  # leased to a worker
    SUCCEEDED = "succeeded"  # the handler returned
    SKIPPED = "skipped"  # the handler returned Skip
    PARKED = "parked"  # given up; waits for a person
    SUPERSEDED = "superseded"  # coalesced into the run of a newer event
    CANCELLED = "cancelled"  # replaced by a replay


OPEN_STATES = frozenset({RunState.WAITING, RunState.RUNNING})


class AttemptOutcome(StrEnum):
    """How one execution of a handler ended; the values are stored."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    RETRY = "retry"  # the handler asked for it
    FAILED = "failed"  # the handler raised
    GAVE_UP = "gave_up"  # the handler said that trying again is useless
    TIMED_OUT = "timed_out"
    LOST = "lost"  # the worker died or vanished while it ran


class Receipt(Value, frozen=True, kw_only=True):
    """Proof that an event is on disk; ``duplicate`` when it was already."""

    seq: int
    duplicate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What became of spooled events.

    Attributes:
        events: How many were new.
        duplicates: How many were in the inbox already.
    """

    events: int
    duplicates: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """One handler that is to run for an event.

    Attributes:
        lane: Runs of one handler in one lane run one at a time, oldest first; empty for none.
        coalesce: A newer event of the lane replaces waiting runs of older ones.
        due_at: Not before this time.
    """

    handler: str
    due_at: float
    lane: str = ""
    coalesce: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to execute a run until ``until``, under ``token``.

    Attributes:
        attempt: Counted from 1, this one included.
        number: 1 for the first run of an event, one higher for each replay.
    """

    run_id: int
    token: int
    handler: str
    number: int
    attempt: int
    until: float
    event: StoredEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One event's runs, taken by whoever wants to execute them at once.

    Attributes:
        runs: How many handlers the event has.
        leases: Those that are to be executed now.
        busy: Somebody else executes one of them at this moment.
    """

    runs: int
    leases: Sequence[Lease]
    busy: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One execution of a handler."""

    number: int
    started_at: float
    ended_at: float
    outcome: AttemptOutcome
    error: str = ""
    traceback: str = field(default="", repr=False)
    log: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """What becomes of a leased run; ``due_at`` counts when the state is waiting."""

    run_id: int
    token: int
    state: RunState
    attempt: Attempt
    due_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One handler's work on one event, as it stands."""

    id: int
    event_seq: int
    handler: str
    number: int
    state: RunState
    attempts: int
    created_at: float
    due_at: float
    settled_at: float | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """A request that was refused, with the reason in words.

    Attributes:
        size: Bytes of the whole body as far as it was read.
        body: Its beginning, or all of it, kept within the store's bound for a later recheck.
    """

    at: float
    profile: str
    method: str
    code: str
    reason: str
    status: int
    content_type: str = ""
    signature: str = field(default="", repr=False)
    size: int = 0
    body: bytes = field(default=b"", repr=False)
    id: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilter:
    """Which events to list; an empty field does not filter.

    Attributes:
        state: A run state, ``unhandled``, or ``pending`` (not dispatched yet).
        since: Received at or after, seconds since the epoch.
        until: Received before.
    """

    profile: str = ""
    action: str = ""
    event: str = ""
    event_id: str = ""
    subject: str = ""
    state: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """What is not finished.

    Attributes:
        pending: Events that are not dispatched yet, with those that are only spooled.
        oldest_at: When the oldest unfinished event was received; None when there is none.
        waiting: Runs that are due now or later.
        running: Runs that a worker holds.
        parked: Runs that wait for a person.
    """

    pending: int
    oldest_at: float | None
    waiting: int
    running: int
    parked: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Purged:
    """How much a purge deleted."""

    events: int
    rejections: int


Match = Callable[[StoredEvent], Sequence[Assignment]]
# What a store makes of events to spool them. It is the store's own.
Packed = Any


class Inbox(Protocol):
    """The store of events, runs, attempts, steps and rejections.

    Every method raises :class:`~almahook.errors.InboxUnavailableError` when the store cannot be
    read or written now: locked, disk full, gone.
    """

    def pack(self, events: Sequence[NewEvent]) -> Packed:
        """Write events as they are spooled, one at least; it takes neither a lock nor the disk."""

    def spool(self, packed: Sequence[Packed]) -> None:
        """Store packed events durably, at the least cost.

        ``collect`` makes them events of the inbox.
        """

    def begin_spool(
        self,
        packed: Sequence[Packed],
        loop: "AbstractEventLoop",
        ended: Callable[[bool], None],
    ) -> bool:
        """Begin to store packed events without waiting; False where that cannot be done now.

        Args:
            packed: One at least.
            loop: The event loop that this is called on.
            ended: Called once, mostly there, with whether they are stored. If not, ``spool`` tells
                why, or succeeds.
        """

    def finish_spool(self) -> None:
        """Wait until what was begun has ended."""

    def collect(self, *, limit: int) -> Collected:
        """Append about ``limit`` spooled events, oldest first; say what became of them."""

    def tidy(self, *, limit: int) -> int:
        """Do what can wait until there is time, about ``limit`` events of it; return how many.

        Nobody sees a difference, but that it is 0 once nothing is left to do.
        """

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Store events durably, each once; one receipt per event, in order."""

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Record refused requests, oldest forgotten first."""

    def dispatch(self, match: Match, *, limit: int) -> int:
        """Make the runs of the oldest events not dispatched; return how many events."""

    def claim(
        self, seq: int, match: Match, *, now: float, until: float, due: bool = False
    ) -> Claim:
        """Make an event's runs if it has none, and lease those that have not succeeded.

        With ``due``, what is parked or due later is left as it is. Whether the event counts as
        dispatched from then on, or only after the next ``dispatch``, is the store's affair.

        Raises:
            NotFoundError: There is no such event.
        """

    def lease(self, slots: Mapping[str, int], *, now: float, until: float) -> list[Lease]:
        """Lease due runs, at most ``slots[handler]`` of each handler, the longest due first."""

    def renew(self, leases: Sequence[Lease], *, until: float) -> None:
        """Hold leases longer; those that are no longer ours are passed over."""

    def release(self, leases: Sequence[Lease]) -> None:
        """Give leases back that were not begun, as if they had never been taken."""

    def expired(self, *, now: float, until: float) -> list[Lease]:
        """Take over the runs whose lease ran out, under new tokens, for the caller to settle."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record results; False where the lease was no longer the caller's."""

    def load_step(self, lease: Lease, name: str) -> bytes | None:
        """Return the kept result of a step of this run, or None."""

    def save_step(self, lease: Lease, name: str, result: bytes) -> None:
        """Keep a step's result durably.

        A step that was done is done, whoever has the run by now: a result that comes too late is
        kept for the next attempt, unless that has kept its own.

        Raises:
            StaleLeaseError: The lease is no longer ours.
        """

    def replay(
        self, seq: int, assignments: Sequence[Assignment], *, fresh: bool | None, now: float
    ) -> list[Run]:
        """Make new runs for an event, numbered one higher; what still waited is cancelled.

        ``fresh`` decides whether finished steps are forgotten; None keeps them unless the
        previous run had succeeded.

        Raises:
            NotFoundError: There is no such event.
        """

    def event(self, seq: int) -> StoredEvent:
        """Return one event.

        Raises:
            NotFoundError: There is no such event.
        """

    def events(
        self, where: EventFilter, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[StoredEvent]:
        """List events, newest first; with ``after``, oldest first (to follow what arrives).

        Where many write at once, an event may turn up a moment after one with a higher number.
        """

    def runs(self, seqs: Sequence[int]) -> list[Run]:
        """Return all runs of these events, oldest first."""

    def attempts(self, run_id: int) -> list[Attempt]:
        """Return the attempts of a run, oldest first."""

    def rejections(
        self, *, limit: int, before: int | None = None, profile: str = ""
    ) -> list[Rejection]:
        """List refused requests, newest first."""

    def forget_rejections(self, ids: Sequence[int]) -> None:
        """Delete refused requests, for example once they were taken in after all."""

    def backlog(self) -> Backlog:
        """Count what is not finished; its cost does not grow with what is."""

    def tally(self) -> Mapping[RunState, int]:
        """Count all runs by state; reads every run, so it is for reports and not for polling."""

    def version(self) -> int:
        """A number that changes once there is what anybody has written; cheap enough to poll."""

    def purge(self, *, before: float, limit: int) -> Purged:
        """Delete at most ``limit`` finished events received before a time, and old rejections."""

    def close(self) -> None:
        """Let go of everything the store holds open."""
