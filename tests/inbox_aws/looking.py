"""What is in a stack, looked at past the store."""

from collections.abc import Callable
from typing import Any

from almahook.inbox.aws.store import AWSInbox
from aws_local.stack import Stack


def items(stack: Stack) -> list[dict[str, Any]]:
    """Return the keys of everything in the table."""
    found = stack.ministack.client("dynamodb").scan(TableName=stack.table, ConsistentRead=True)
    return [{"pk": item["pk"]["S"], "sk": item["sk"]["S"]} for item in found["Items"]]


def partitions(stack: Stack) -> set[str]:
    """Return the kinds of partitions that there are."""
    return {item["pk"].partition("#")[0] for item in items(stack)}


def objects(stack: Stack) -> list[str]:
    """Return the keys of everything in the bucket."""
    found = stack.ministack.client("s3").list_objects_v2(Bucket=stack.bucket)
    return [one["Key"] for one in found.get("Contents", ())]


def messages(stack: Stack, url: str = "") -> list[str]:
    """Take everything out of a queue."""
    sqs = stack.ministack.client("sqs")
    found: list[str] = []
    asked = {"QueueUrl": url or stack.queue_url, "MaxNumberOfMessages": 10}
    while page := sqs.receive_message(**asked).get("Messages"):
        found += [message["Body"] for message in page]
    return found


def send(stack: Stack, body: str, url: str = "") -> None:
    """Put a message into a queue."""
    stack.ministack.client("sqs").send_message(QueueUrl=url or stack.queue_url, MessageBody=body)


def before_each_transaction(inbox: AWSInbox, do: Callable[[], object]) -> None:
    """Do something before each transaction of this inbox, whatever is written by others then."""
    events = inbox._clients.get("dynamodb").meta.events
    events.register("before-call.dynamodb.TransactWriteItems", lambda **_: do() and None)
