"""What Lambda does between a queue and its function: the event source mapping, on loopback.

It receives a batch, invokes the function with it, and deletes the messages that the function has
not named as failed. When the function fails, or names a message that was not in the batch, none is
deleted. Redrive to the dead-letter queue is the queue's own doing.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from aws_local.ministack import REGION, Ministack
from aws_local.stack import ACCOUNT

WAIT_S = 60

Invoke = Callable[[Mapping[str, Any]], Any]


class FunctionError(Exception):
    """The function failed; raised by whoever invokes it."""


class Pump:
    """Gives the messages of a queue to a function."""

    def __init__(
        self, ministack: Ministack, queue_url: str, invoke: Invoke, *, batch_size: int = 10
    ) -> None:
        self._sqs = ministack.client("sqs")
        self._queue_url = queue_url
        self._arn = arn_of(queue_url)
        self._invoke = invoke
        self._batch_size = batch_size

    def once(self, *, wait_s: int = 0) -> int:
        """Give it one batch, if a message is there or comes in time; return how many were in it."""
        messages = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=self._batch_size,
            WaitTimeSeconds=wait_s,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if messages:
            done = self._done(messages)
            for message in done:
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return len(messages)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Go on until something is so."""
        for _ in range(WAIT_S):
            if is_so():
                return
            self.once(wait_s=1)
        assert is_so()

    def until_empty(self) -> None:
        """Go on until the queue holds nothing, neither visible nor hidden."""
        self.until(lambda: count(self._sqs, self._queue_url) == 0)

    def _done(self, messages: list[Any]) -> list[Any]:
        """Return those that are to be deleted."""
        try:
            answer = self._invoke({"Records": [self._record(one) for one in messages]})
            failed = {one["itemIdentifier"] for one in (answer or {})["batchItemFailures"]}
        except (FunctionError, KeyError, TypeError):
            return []
        if not failed <= {one["MessageId"] for one in messages}:
            return []
        return [one for one in messages if one["MessageId"] not in failed]

    def _record(self, message: Any) -> Mapping[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }


def count(sqs: Any, queue_url: str) -> int:
    """Count the messages of a queue, those included that are hidden."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def arn_of(queue_url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_url.rpartition('/')[2]}"


def redrive(ministack: Ministack, queue_url: str, to: str, *, receives: int) -> None:
    """Let a queue move what was handed out so often to another, as a template does."""
    policy = f'{{"deadLetterTargetArn":"{arn_of(to)}","maxReceiveCount":"{receives}"}}'
    ministack.client("sqs").set_queue_attributes(
        QueueUrl=queue_url, Attributes={"RedrivePolicy": policy}
    )
