"""Sends events to the queue: all that stands between an event and its 200, so it is light.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from almahook.aws.call import TIMEOUT_S, Service
from almahook.errors.aws import AWSError
from almahook.errors.inbox import InboxUnavailableError
from almahook.inbox.aws.names import SPOOL_PREFIX
from almahook.inbox.aws.text import event_text, kept_text

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from almahook.inbox.event import NewEvent

# Of one message, and of all of a batch together.
MAX_MESSAGE_BYTES = 1_048_576
_MAX_BATCH = 10


class SQSSpool:
    """Stores events in a queue of SQS, each durable when the call returns.

    A message over the queue's limit goes to a bucket first, and the queue gets its place (a claim
    check). What is sent twice, because an answer was lost, is one event once it is collected.

    Args:
        queue_url: The queue's.
        bucket: For what is too large for the queue.
        timeout_s: How long connecting, and then each answer, may take.
        environment: Credentials, region, endpoints; the process's, unless given.

    Raises:
        ConfigurationError: The environment names no region.
    """

    def __init__(
        self,
        *,
        queue_url: str,
        bucket: str,
        timeout_s: float = TIMEOUT_S,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._queue_url = queue_url
        self._bucket = bucket
        self._timeout_s = timeout_s
        self._environment = environment
        self._sqs = Service("sqs", timeout_s=timeout_s, environment=environment)
        self._s3: Service | None = None
        # threading would have to be loaded for this alone.
        self._lock = allocate_lock()

    def put(self, messages: Sequence[str]) -> None:
        """Store events durably, in one call unless there are many or large ones.

        Raises:
            InboxUnavailableError: Not all of them could be stored.
            ConfigurationError: The environment has no credentials.
        """
        try:
            with self._lock:
                for batch in _batches([self._fitting(message) for message in messages]):
                    self._send(batch)
        except AWSError as error:
            raise InboxUnavailableError(f"The event could not be stored: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self._sqs.close()
        if self._s3 is not None:
            self._s3.close()

    def _fitting(self, message: str) -> str:
        return message if len(message) <= MAX_MESSAGE_BYTES else self._keep(message)

    def _keep(self, message: str) -> str:
        key = f"{SPOOL_PREFIX}{os.urandom(16).hex()}"
        if self._s3 is None:
            self._s3 = Service(
                "s3",
                host_prefix=f"{self._bucket}.",
                timeout_s=self._timeout_s,
                environment=self._environment,
            )
        path = f"/{key}" if self._s3.is_aws else f"/{self._bucket}/{key}"
        self._s3.call("PUT", path, {"Content-Type": "application/json"}, message.encode("ascii"))
        return kept_text(self._bucket, key)

    def _send(self, messages: Sequence[str]) -> None:
        entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(messages)]
        asked = {"QueueUrl": self._queue_url, "Entries": entries}
        answer = self._sqs.call_json("AmazonSQS.SendMessageBatch", "1.0", asked)
        sent = {entry.get("Id") for entry in answer.get("Successful") or ()}
        if len(sent) < len(messages):
            codes = {str(entry.get("Code")) for entry in answer.get("Failed") or ()}
            told = ", ".join(sorted(codes)) or "the queue did not say why"
            raise InboxUnavailableError(f"The event could not be stored: {told}.")


def packed_events(events: Sequence[NewEvent]) -> list[str]:
    """Write events as messages of the queue."""
    return [event_text(_fields(event)) for event in events]


def _fields(event: NewEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _batches(messages: Sequence[str]) -> Iterator[list[str]]:
    """Put as many messages together as one call takes, in their order."""
    batch: list[str] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _MAX_BATCH or size + len(message) > MAX_MESSAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message)
    if batch:
        yield batch
