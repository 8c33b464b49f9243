"""The queue as the store uses it: taking events out, announcing replays, emptying the parked."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from almahook.errors import InboxUnavailableError
from almahook.inbox.aws.clients import Clients, typed_errors
from almahook.inbox.aws.items import identity_of
from almahook.inbox.aws.keys import Key
from almahook.inbox.aws.message import Again, Kept, read_message, write_message
from almahook.inbox.aws.objects import Objects
from almahook.inbox.aws.place import Place
from almahook.inbox.aws.table import batches
from almahook.inbox.event import NewEvent, StoredEvent

log = logging.getLogger("almahook.inbox")

_MOST = 10

# Nobody takes from the dead-letter queue, so that for so long what was looked through stays known.
_LOOKED_THROUGH_S = 120
_KNOWN_S = 90.0


# What a message is about: an event by its number, or by what it has once.
_About = int | Key


class Message:
    """A message that was received, and the event that it holds or names."""

    def __init__(self, received: Any, said: NewEvent | Again, kept: Kept | None = None) -> None:
        self.receipt: str = received["ReceiptHandle"]
        self.said = said
        self.kept = kept


class Queue:
    """The queue and its dead-letter queue."""

    def __init__(self, clients: Clients, place: Place, objects: Objects) -> None:
        self._clients = clients
        self._place = place
        self._objects = objects

    def receive(self) -> list[Message]:
        """Return some messages, which nobody else gets for a while; what is none of ours stays."""
        return list(self._receive(self._place.queue_url))

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, and what was kept for them."""
        self._delete(self._place.queue_url, [message.receipt for message in messages])
        for kept in (message.kept for message in messages):
            if kept is not None:
                self._objects.delete([kept.key], bucket=kept.bucket)

    def announce(self, seq: int) -> None:
        """Tell whoever works that an event has something to run."""
        with self._typed_errors():
            self._sqs.send_message(
                QueueUrl=self._place.queue_url, MessageBody=write_message(Again(seq))
            )

    def waiting(self) -> int:
        """Count what nobody has taken yet; SQS counts about."""
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
        name = "ApproximateNumberOfMessages"
        with self._typed_errors():
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._place.queue_url, AttributeNames=[name]
            )
        return int(answer["Attributes"][name])

    def look_through_parked(self) -> Iterator[Message]:
        """Yield the messages of the dead-letter queue; they are hidden for two minutes."""
        while page := list(
            self._receive(self._place.dead_letter_queue_url, hidden_s=_LOOKED_THROUGH_S)
        ):
            yield from page

    def delete_parked(self, receipts: Sequence[str]) -> None:
        """Delete messages of the dead-letter queue."""
        self._delete(self._place.dead_letter_queue_url, receipts)

    @property
    def _sqs(self) -> Any:
        return self._clients.get("sqs")

    def _typed_errors(self) -> Any:
        return typed_errors("queue")

    def _receive(self, url: str, *, hidden_s: int | None = None) -> Iterator[Message]:
        hidden = {} if hidden_s is None else {"VisibilityTimeout": hidden_s}
        with self._typed_errors():
            answer = self._sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=_MOST, WaitTimeSeconds=0, **hidden
            )
        for received in answer.get("Messages", ()):
            if (message := self._read(received)) is not None:
                yield message

    def _read(self, received: Any) -> Message | None:
        try:
            said = read_message(received["Body"])
            if not isinstance(said, Kept):
                return Message(received, said)
            whole = read_message(self._objects.read(said.bucket, said.key))
        except (ValueError, InboxUnavailableError) as error:
            # It comes again, and in the end to the dead-letter queue; the others are not held up.
            fields = {"message": received.get("MessageId"), "reason": str(error)}
            log.warning("spool.unreadable", extra={"fields": fields})
            return None
        return None if isinstance(whole, Kept) else Message(received, whole, said)

    def _delete(self, url: str, receipts: Sequence[str]) -> None:
        for batch in batches(receipts, _MOST):
            entries = [{"Id": str(n), "ReceiptHandle": one} for n, one in enumerate(batch)]
            with self._typed_errors():
                self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)


class Parked:
    """What the dead-letter queue holds, by the event, so that many replays look through it once."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._receipts: defaultdict[_About, list[str]] = defaultdict(list)
        self._known_until = 0.0

    def forget(self, event: StoredEvent) -> None:
        """Delete the messages about an event."""
        if time.monotonic() >= self._known_until:
            self._look_through()
        for name in (event.seq, identity_of(event)):
            if receipts := self._receipts.pop(name, None):
                self._queue.delete_parked(receipts)

    def _look_through(self) -> None:
        self._receipts.clear()
        self._known_until = time.monotonic() + _KNOWN_S
        for message in self._queue.look_through_parked():
            said = message.said
            name = said.seq if isinstance(said, Again) else identity_of(said)
            self._receipts[name].append(message.receipt)
