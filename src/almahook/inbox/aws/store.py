"""The inbox contract on AWS: DynamoDB, with SQS in front of it and S3 beside it."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from almahook.errors import ConfigurationError, InboxError, InboxUnavailableError
from almahook.inbox.aws import keys, names, resources
from almahook.inbox.aws.append import Appender
from almahook.inbox.aws.clients import Clients
from almahook.inbox.aws.listing import Listing
from almahook.inbox.aws.log import Log
from almahook.inbox.aws.message import Again
from almahook.inbox.aws.objects import Objects
from almahook.inbox.aws.place import Place
from almahook.inbox.aws.purge import Purge
from almahook.inbox.aws.queue import Parked, Queue
from almahook.inbox.aws.rejected import Rejected
from almahook.inbox.aws.results import Results
from almahook.inbox.aws.runs import Runs
from almahook.inbox.aws.spool import SQSSpool, packed_events
from almahook.inbox.aws.table import Table
from almahook.inbox.aws.work import Work
from almahook.inbox.contract import (
    Assignment,
    Attempt,
    Backlog,
    Claim,
    Collected,
    EventFilter,
    Lease,
    Match,
    Packed,
    Purged,
    Receipt,
    Rejection,
    Run,
    RunState,
    Settlement,
)
from almahook.inbox.event import NewEvent, StoredEvent

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

log = logging.getLogger("almahook.inbox")

_CHANGES = "changes"


class AWSInbox:
    """The inbox of many functions and machines.

    What a method promises rests on consistent reads and conditional writes of one table. Only SQS
    counts what is spooled about, and gives it out in about its order.

    Args:
        name: Of the inbox, ``aws:<name>``; table, queues and bucket are called after it.
        queue_url: Known already, so that it is not asked for; likewise the next two.
        rejections_kept: How many refused requests are kept.
        rejection_body_bytes: How much of a refused body is kept.
        announces: A replay sends a message, for functions that run when there is one. A worker
            that looks for runs by itself needs none.

    Raises:
        ConfigurationError: The name cannot be one, or there is no region.
        MissingExtraError: The SDK is not installed.
    """

    def __init__(
        self,
        name: str,
        *,
        queue_url: str = "",
        dead_letter_queue_url: str = "",
        bucket: str = "",
        rejections_kept: int = 1000,
        rejection_body_bytes: int = 64 * 1024,
        announces: bool = True,
    ) -> None:
        require_name(name)
        self._clients = Clients()
        self._place = Place(
            self._clients,
            name,
            queue_url=queue_url,
            dead_letter_queue_url=dead_letter_queue_url,
            bucket=bucket,
        )
        table = Table(self._clients.get("dynamodb"), names.table_name(name))
        objects = Objects(lambda: self._clients.get("s3"), lambda: self._place.bucket)
        log, runs = Log(table, objects), Runs(table)
        self._table, self._log, self._runs = table, log, runs
        self._appender = Appender(table, objects)
        self._work = Work(table, log, runs)
        self._results = Results(table, objects, log, runs)
        self._listing = Listing(table, log, runs)
        self._purge = Purge(table, objects, log, runs)
        self._rejected = Rejected(
            table, objects, kept=rejections_kept, body_bytes=rejection_body_bytes
        )
        self._queue = Queue(self._clients, self._place, objects)
        self._parked = Parked(self._queue)
        self._announces = announces
        self._spool_lock = threading.Lock()
        self._spool: SQSSpool | None = None
        self._environment: dict[str, str] = {}

    def pack(self, events: Sequence[NewEvent]) -> Packed:
        """Write events as they are spooled, one at least; it takes neither a lock nor the disk."""
        return packed_events(events)

    def spool(self, packed: Sequence[Packed]) -> None:
        """Store packed events durably; ``collect`` makes them events of the inbox."""
        messages = [message for group in packed for message in group]
        if not messages:
            return
        with self._spool_lock:
            # What is temporary of the credentials changes.
            self._environment |= {**os.environ, **self._clients.credentials()}
            self._spool = self._spool or SQSSpool(
                queue_url=self._place.queue_url,
                bucket=self._place.bucket,
                environment=self._environment,
            )
            self._spool.put(messages)

    def begin_spool(
        self,
        packed: Sequence[Packed],  # noqa: ARG002 - as in the contract
        loop: "AbstractEventLoop",  # noqa: ARG002
        ended: Callable[[bool], None],  # noqa: ARG002
    ) -> bool:
        """Begin nothing: a thread sends it."""
        return False

    def finish_spool(self) -> None:
        """Wait for nothing, as nothing was begun."""

    def collect(self, *, limit: int) -> Collected:
        """Append about ``limit`` spooled events, oldest first; say what became of them."""
        new = duplicates = 0
        while new + duplicates < limit and (messages := self._queue.receive()):
            # An announcement is for functions: whoever collects looks for runs by itself.
            spooled = [one.said for one in messages if not isinstance(one.said, Again)]
            receipts = self.append(sorted(spooled, key=lambda event: event.received_at))
            self._queue.delete(messages)
            again = sum(receipt.duplicate for receipt in receipts)
            new, duplicates = new + len(receipts) - again, duplicates + again
        return Collected(events=new, duplicates=duplicates)

    def tidy(self, *, limit: int) -> int:  # noqa: ARG002 - the contract's
        """Do nothing: nothing waits here for there to be time."""
        return 0

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Store events durably, each once; one receipt per event, in order."""
        receipts = self._appender.append(events) if events else []
        if not all(receipt.duplicate for receipt in receipts):
            self._changed()
        return receipts

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Record refused requests, oldest forgotten first."""
        self._rejected.add(rejections)
        self._changed()

    def dispatch(self, match: Match, *, limit: int) -> int:
        """Make the runs of the oldest events not dispatched; return how many events."""
        if done := self._work.dispatch(match, limit=limit):
            self._changed()
        return done

    def claim(
        self, seq: int, match: Match, *, now: float, until: float, due: bool = False
    ) -> Claim:
        """Make an event's runs if it has none, and lease those that have not succeeded.

        It counts as dispatched from then on.

        Raises:
            NotFoundError: There is no such event.
        """
        claim = self._work.claim(seq, match, now=now, until=until, due=due)
        self._changed()
        return claim

    def lease(self, slots: Mapping[str, int], *, now: float, until: float) -> list[Lease]:
        """Lease due runs, at most ``slots[handler]`` of each handler, the longest due first."""
        if leases := self._work.lease(slots, now=now, until=until):
            self._changed()
        return leases

    def renew(self, leases: Sequence[Lease], *, until: float) -> None:
        """Hold leases longer; those that are no longer ours are passed over."""
        self._work.renew(leases, until=until)

    def release(self, leases: Sequence[Lease]) -> None:
        """Give leases back that were not begun, as if they had never been taken."""
        self._work.release(leases)
        self._changed()

    def expired(self, *, now: float, until: float) -> list[Lease]:
        """Take over the runs whose lease ran out, under new tokens, for the caller to settle."""
        return self._work.expired(now=now, until=until)

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record results; False where the lease was no longer the caller's."""
        taken = self._results.settle(settlements)
        if any(taken):
            self._changed()
        return taken

    def load_step(self, lease: Lease, name: str) -> bytes | None:
        """Return the kept result of a step of this run, or None."""
        return self._results.load_step(lease, name)

    def save_step(self, lease: Lease, name: str, result: bytes) -> None:
        """Keep a step's result durably.

        Raises:
            StaleLeaseError: The lease is no longer ours; what was done is kept all the same.
        """
        self._results.save_step(lease, name, result)

    def replay(
        self, seq: int, assignments: Sequence[Assignment], *, fresh: bool | None, now: float
    ) -> list[Run]:
        """Make new runs for an event, numbered one higher; what still waited is cancelled.

        They are announced in the queue, and the event leaves the dead-letter queue.

        Raises:
            NotFoundError: There is no such event.
        """
        made = self._results.replay(seq, assignments, fresh=fresh, now=now)
        if made:
            self._changed()
            if self._announces:
                self._queue.announce(seq)
                self._forget_parked(seq)
        return made

    def event(self, seq: int) -> StoredEvent:
        """Return one event.

        Raises:
            NotFoundError: There is no such event.
        """
        return self._log.event(seq)

    def events(
        self, where: EventFilter, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[StoredEvent]:
        """List events, newest first; with ``after``, oldest first (to follow what arrives)."""
        return self._listing.events(where, limit=limit, before=before, after=after)

    def runs(self, seqs: Sequence[int]) -> list[Run]:
        """Return all runs of these events, oldest first."""
        documents = self._runs.get_many(seqs)
        return [run for seq in sorted(documents) for run in documents[seq].values()]

    def attempts(self, run_id: int) -> list[Attempt]:
        """Return the attempts of a run, oldest first."""
        return self._results.attempts(run_id)

    def rejections(
        self, *, limit: int, before: int | None = None, profile: str = ""
    ) -> list[Rejection]:
        """List refused requests, newest first."""
        return list(self._rejected.newest_first(limit=limit, before=before, profile=profile))

    def forget_rejections(self, ids: Sequence[int]) -> None:
        """Delete refused requests, for example once they were taken in after all."""
        self._rejected.forget(ids)
        self._changed()

    def backlog(self) -> Backlog:
        """Count what is not finished; its cost does not grow with what is."""
        return self._listing.backlog(spooled=self._queue.waiting())

    def tally(self) -> Mapping[RunState, int]:
        """Count all runs by state; reads the whole table, so it is for reports."""
        return Counter(run.state for document in self._runs.everything() for run in document.runs)

    def version(self) -> int:
        """A number that changes once there is what anybody has written; cheap enough to poll."""
        counters = self._table.get(keys.COUNTERS) or {}
        return int(counters.get(_CHANGES, 0))

    def purge(self, *, before: float, limit: int) -> Purged:
        """Delete at most ``limit`` finished events received before a time, and old rejections."""
        events = self._purge.events(before=before, limit=limit)
        rejections = self._rejected.purge(before=before, limit=limit)
        return Purged(events=events, rejections=rejections)

    def require_table(self) -> None:
        """Look whether there is such an inbox.

        Raises:
            ConfigurationError: There is none.
            InboxUnavailableError: The service does not say.
        """
        if not self._table.is_there():
            raise ConfigurationError(
                f"There is no inbox aws:{self._table.name} in {self._clients.region}. Make it with "
                "almahook aws deploy, or set AWS_PROFILE and AWS_REGION to where it is."
            )

    def close(self) -> None:
        """Close the connections."""
        if self._spool is not None:
            self._spool.close()
        self._clients.close()

    def _forget_parked(self, seq: int) -> None:
        """Take an event out of the dead-letter queue; its new runs do not depend on that."""
        try:
            self._parked.forget(self._log.event(seq))
        except InboxError as error:
            fields = {"seq": seq, "reason": error.message}
            log.warning("parked.not_forgotten", extra={"fields": fields})

    def _changed(self) -> None:
        # What was done is done, and whoever polls the version looks from time to time even so.
        with suppress(InboxUnavailableError):
            self._table.add(keys.COUNTERS, _CHANGES, 1)


def require_name(name: str) -> None:
    """Refuse what cannot be an inbox's name.

    Raises:
        ConfigurationError: It cannot.
    """
    if not resources.NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of an inbox on AWS: 3 to 32 small letters, figures and "
            'hyphens, for example inbox = "aws:almahook".'
        )
