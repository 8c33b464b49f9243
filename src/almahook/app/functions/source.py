"""The queue that a batch came from: when its messages come back, and what is put aside for good.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from almahook.aws import Service
from almahook.errors import AWSError, AWSResponseError, ConfigurationError, UnknownInvocationError
from almahook.inbox.aws.message import Again, Kept, read_message, write_message
from almahook.inbox.aws.names import queue_url
from almahook.inbox.event import NewEvent

log = logging.getLogger("almahook.work")

_EVENT_SOURCE = "aws:sqs"
_PROTOCOL = "1.0"
# Twelve hours from the moment it was received, less what a function may have taken meanwhile.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
_LONGEST_S = 12 * 3600 - 900
_TIMEOUT_S = 5.0
_MOST_AT_ONCE = 10
_NOT_FOUND = 404


class Record:
    """One message of a batch.

    Attributes:
        message_id: What SQS calls it.
        receives: How often it was handed out, this time included.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.message_id: str = given["messageId"]
        self.receives = int(given["attributes"]["ApproximateReceiveCount"])
        self.body: str = given["body"]
        self.receipt: str = given["receiptHandle"]

    def __repr__(self) -> str:
        return f"<Record {self.message_id}>"


def records_of(event: Any) -> tuple[str, list[Record]]:
    """Return the ARN of the queue, and the messages.

    Raises:
        UnknownInvocationError: It is no batch of SQS.
    """
    try:
        (arn,) = {record["eventSourceARN"] for record in event["Records"]}
        if {record["eventSource"] for record in event["Records"]} != {_EVENT_SOURCE}:
            raise ValueError
        return arn, [Record(record) for record in event["Records"]]
    except (KeyError, TypeError, ValueError):
        raise UnknownInvocationError from None


class Source:
    """A queue of SQS, and the bucket that holds what was too large for it.

    Args:
        arn: The queue's.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._sqs = Service("sqs", timeout_s=_TIMEOUT_S)
        self._buckets: dict[str, Service] = {}
        self._dead_letters = ""

    def read(self, record: Record) -> tuple[NewEvent | Again | None, Kept | None]:
        """Return what a message says, None if it says nothing, and where it was kept if it was.

        Raises:
            AWSError: What was kept cannot be had now.
        """
        said = _read(record.body)
        if not isinstance(said, Kept):
            return said, None
        try:
            whole = _read(self._object("GET", said))
        except AWSResponseError as error:
            if error.http_status != _NOT_FOUND:
                raise
            # It is deleted when its event is done, so that this is a late copy of a message; but
            # who else may have deleted it nobody knows.
            return None, None
        return (None if isinstance(whole, Kept) else whole), said

    def forget(self, kept: Kept) -> None:
        """Delete what was kept for a message that is done; it would be deleted in two weeks."""
        try:
            self._object("DELETE", kept)
        except AWSError as error:
            log.warning("spool.not_deleted", extra={"fields": {"reason": error.message}})

    def come_back(self, waits: Sequence[tuple[Record, float]]) -> None:
        """Have messages handed out again after so many seconds each.

        If that fails, they come back when the queue's visibility time-out is over.
        """
        for start in range(0, len(waits), _MOST_AT_ONCE):
            self._come_back(waits[start : start + _MOST_AT_ONCE])

    def bury(self, record: Record) -> None:
        """Put a message that nobody can read into the dead-letter queue.

        Raises:
            AWSError: It cannot be put there now.
            ConfigurationError: The queue has no dead-letter queue.
        """
        log.error("message.unreadable", extra={"fields": {"message": record.message_id}})
        self._put_aside(record.body)

    def park(self, seq: int) -> None:
        """Put an event's number into the dead-letter queue, whose alarm calls a person.

        If the message is moved back from there, the event's parked runs are run once more.

        Raises:
            AWSError: It cannot be put there now.
            ConfigurationError: The queue has no dead-letter queue.
        """
        self._put_aside(write_message(Again(seq, parked=True)))

    def close(self) -> None:
        """Close the connections."""
        for service in (self._sqs, *self._buckets.values()):
            service.close()

    def _come_back(self, waits: Sequence[tuple[Record, float]]) -> None:
        entries = [
            {
                "Id": str(place),
                "ReceiptHandle": record.receipt,
                "VisibilityTimeout": _whole_seconds(wait_s),
            }
            for place, (record, wait_s) in enumerate(waits)
        ]
        try:
            answer = self._ask("ChangeMessageVisibilityBatch", self._arn, Entries=entries)
        except AWSError as error:
            log.warning("queue.not_asked_back", extra={"fields": {"reason": error.message}})
            return
        for failed in answer.get("Failed") or ():
            log.warning("queue.not_asked_back", extra={"fields": {"reason": failed.get("Code")}})

    def _put_aside(self, body: str) -> None:
        self._ask("SendMessage", self._dead_letter_arn(), MessageBody=body)

    def _dead_letter_arn(self) -> str:
        if not self._dead_letters:
            asked = {"AttributeNames": ["RedrivePolicy"]}
            attributes = self._ask("GetQueueAttributes", self._arn, **asked).get("Attributes") or {}
            policy = json.loads(attributes.get("RedrivePolicy") or "{}")
            if "deadLetterTargetArn" not in policy:
                raise ConfigurationError(f"{self._arn} has no dead-letter queue.")
            self._dead_letters = policy["deadLetterTargetArn"]
        return self._dead_letters

    def _ask(self, operation: str, arn: str, **asked: Any) -> Any:
        return self._sqs.call_json(
            f"AmazonSQS.{operation}", _PROTOCOL, {"QueueUrl": _url(arn), **asked}
        )

    def _object(self, method: str, kept: Kept) -> bytes:
        if kept.bucket not in self._buckets:
            self._buckets[kept.bucket] = Service(
                "s3", host_prefix=f"{kept.bucket}.", timeout_s=_TIMEOUT_S
            )
        bucket = self._buckets[kept.bucket]
        path = f"/{kept.key}" if bucket.is_aws else f"/{kept.bucket}/{kept.key}"
        return bucket.call(method, path, {})


def _read(text: str | bytes) -> NewEvent | Again | Kept | None:
    try:
        return read_message(text)
    except ValueError:
        return None


def _url(arn: str) -> str:
    _, _, _, region, account, name = arn.split(":")
    return queue_url(name, account=account, region=region)


def _whole_seconds(wait_s: float) -> int:
    return min(max(0, math.ceil(wait_s)), _LONGEST_S)
