"""The function that works: it stores the events of a batch, runs their handlers, and settles.

    message ─▶ read ─▶ append ─▶ claim ─▶ (handlers) ─▶ settle ─┬─▶ nothing left to do: deleted
                 │                                              └─▶ due later, or somebody else's
                 └─▶ cannot be read: dead-letter queue              now: it comes back then

A message is its event's alarm clock and nothing more: what is true of the event is in the inbox. So
it does no harm that SQS hands a message out twice, or that Alma has sent an event twice.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.functions.fate import after_failure, needs_person, wanted_again
from almahook.app.functions.source import Record, Source, records_of
from almahook.app.logs import configure_logs
from almahook.app.registry import load_registry
from almahook.app.replay import newest_runs
from almahook.app.services import AppServices
from almahook.app.stores import open_inbox
from almahook.config import load_settings
from almahook.errors import AlmaHookError, InboxError, NotFoundError
from almahook.inbox import Inbox, Lease, Run
from almahook.inbox.aws.message import Again, Kept
from almahook.worker import Journal, Runner

log = logging.getLogger("almahook.work")

# What is left of the function's time when the last handler is stopped: to settle, and to say so.
_RESERVE_S = 5.0
_RESERVED = 0.25
# Lambda ends a function at its time, and then nobody holds its leases any more.
_SLACK_S = 1.0


@dataclass(eq=False, slots=True)
class _Message:
    """A message of the batch, as far as it has come.

    Attributes:
        seq: Its event's number; None while there is no such event.
        kept: Where it was kept, if it was too large for the queue.
        parked: It lay in the dead-letter queue.
        failed: It could not be worked on, and is tried again.
        leases: What is to be run for it now.
        busy: Something is left of its event that cannot be run now.
        newest: Of each of its event's handlers the run that counts, after that.
    """

    record: Record
    seq: int | None = None
    kept: Kept | None = None
    parked: bool = False
    failed: bool = False
    leases: Sequence[Lease] = field(default=(), repr=False)
    busy: bool = False
    newest: Sequence[Run] = ()


class WorkFunction:
    """Works on the batches of one queue.

    Args:
        open_source: Opens the queue of an ARN.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        runner: Runner,
        open_source: Callable[[str], Source] = Source,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._runner = runner
        self._source_of = cache(open_source)
        self._clock = clock
        self._journal = Journal()

    def __call__(self, event: Any, *, remaining_s: float) -> Mapping[str, Any]:
        """Work on a batch; name the messages that are to stay in the queue.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

        Args:
            event: As the event source mapping hands it over.
            remaining_s: What is left of the function's time.

        Raises:
            UnknownInvocationError: It is no batch of SQS.
        """
        ends = time.monotonic() + remaining_s
        began_at = self._clock()
        arn, records = records_of(event)
        source = self._source_of(arn)
        messages = [_Message(record) for record in records]
        for message in messages:
            self._try(message, lambda message: self._store(source, message))
        self._run(messages, ends=ends, until=began_at + remaining_s + _SLACK_S)
        self._read_runs(messages)
        self._park(source, messages, since=began_at)
        waits = self._waits(messages)
        source.come_back([(message.record, wait_s) for message, wait_s in waits.items()])
        for message in messages:
            if message.kept is not None and message not in waits:
                source.forget(message.kept)
        return {"batchItemFailures": [{"itemIdentifier": one.record.message_id} for one in waits]}

    def _try(self, message: _Message, do: Callable[[_Message], None]) -> None:
        """Do something about a message; an error makes it come again, and stops no other."""
        try:
            do(message)
        except NotFoundError as error:
            # A replay of an event that was purged meanwhile.
            message.seq = None
            log.warning("message.without_event", extra={"fields": {"reason": error.message}})
        except AlmaHookError as error:
            message.failed = True
            _tell(message.record, error)
        except Exception as error:  # noqa: BLE001 - the other messages want to be handled
            message.failed = True
            message_id = message.record.message_id
            self._journal.unexpected("message.failed", error, message=message_id)

    def _store(self, source: Source, message: _Message) -> None:
        """Store a message's event."""
        said, message.kept = source.read(message.record)
        if said is None:
            source.bury(message.record)
        elif isinstance(said, Again):
            message.seq, message.parked = said.seq, said.parked
        else:
            (receipt,) = self._inbox.append([said])
            message.seq = receipt.seq

    def _run(self, messages: Sequence[_Message], *, ends: float, until: float) -> None:
        """Run what is due, round by round: what one event ends may be another's turn."""
        reserve_s = min(_RESERVE_S, (ends - time.monotonic()) * _RESERVED)
        stop = ends - reserve_s
        left = [message for message in messages if message.seq is not None]
        while left and time.monotonic() < stop:
            for message in left:
                self._try(message, lambda message: self._claim(message, until=until))
            leases = [lease for message in left for lease in message.leases]
            if not leases:
                return
            self._runner.run(leases, ends=stop, settle_by=ends - reserve_s / 2)
            left = [message for message in left if message.busy and not message.failed]

    def _claim(self, message: _Message, *, until: float) -> None:
        """Claim what is to be run for a message's event now."""
        message.leases, message.busy = (), False
        assert message.seq is not None
        claim = self._inbox.claim(
            message.seq, self._runner.match, now=self._clock(), until=until, due=not message.parked
        )
        message.busy = claim.busy
        # What a person wants once more was tried often enough before; once more is once.
        message.leases = claim.leases if message.parked else self._runner.park_lost(claim.leases)
        message.parked = False

    def _read_runs(self, messages: Sequence[_Message]) -> None:
        """Read what has become of the batch's events; if it cannot be read, all are tried again."""
        stored = [message for message in messages if message.seq is not None]
        found: dict[int, list[Run]] = {one.seq: [] for one in stored if one.seq is not None}
        try:
            for run in self._inbox.runs(list(found)):
                found[run.event_seq].append(run)
        except InboxError as error:
            log.warning("inbox.not_readable", extra={"fields": {"reason": error.message}})
            for message in stored:
                message.failed = True
        for message in stored:
            message.newest = newest_runs(found[message.seq or 0])

    def _park(self, source: Source, messages: Sequence[_Message], *, since: float) -> None:
        """Call a person for what was given up, each event once."""
        parked: set[int] = set()
        for message in messages:
            if message.seq is None or message.seq in parked or message.failed:
                continue
            if not needs_person(message.newest, since=since):
                continue
            parked.add(message.seq)
            try:
                source.park(message.seq)
            except AlmaHookError as error:
                message.failed = True
                _tell(message.record, error)

    def _waits(self, messages: Sequence[_Message]) -> dict[_Message, float]:
        """Say of the messages that are wanted again after how many seconds they are."""
        waits = {message: self._wait_s(message) for message in messages}
        return {message: wait_s for message, wait_s in waits.items() if wait_s is not None}

    def _wait_s(self, message: _Message) -> float | None:
        receives = message.record.receives
        if message.failed:
            return after_failure(receives=receives)
        return wanted_again(message.newest, now=self._clock(), receives=receives)


def _tell(record: Record, error: AlmaHookError) -> None:
    fields = {"message": record.message_id, "reason": error.message}
    log.warning("message.failed", extra={"fields": fields})


def handler(event: Any, context: Any) -> Mapping[str, Any]:
    """Work on a batch of the queue.

    Raises:
        ConfigurationError: A setting is wrong.
        HandlerLoadError: A handler cannot be loaded.
        UnknownInvocationError: The event is no batch of SQS.
    """
    return _function()(event, remaining_s=context.get_remaining_time_in_millis() / 1000)


@cache
def _function() -> WorkFunction:
    settings = with_aws_secrets(load_settings())
    configure_logs(form="json", level=settings.log_level)
    inbox = open_inbox(settings)
    services = AppServices(settings)
    runner = Runner(inbox=inbox, registry=load_registry(settings), services=services)
    return WorkFunction(inbox=inbox, runner=runner)


# Lambda gives a function more processor time while it starts, and does not count it.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _function()
