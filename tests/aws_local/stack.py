"""An inbox's table, queues and bucket on the emulator, made from the data that templates use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from almahook.inbox.aws import names, resources
from aws_local.ministack import REGION, Ministack

ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Stack:
    """What ``aws:<name>`` leads to."""

    ministack: Ministack
    name: str
    table: str
    queue_url: str
    dead_letter_queue_url: str
    bucket: str


@contextmanager
def running_stack(ministack: Ministack, *, visibility_timeout_s: int = 30) -> Iterator[Stack]:
    """Make a stack of its own for the time of a block."""
    stack = make_stack(ministack, f"t{uuid4().hex[:20]}", visibility_timeout_s=visibility_timeout_s)
    try:
        yield stack
    finally:
        ministack.client("dynamodb").delete_table(TableName=stack.table)


def make_stack(ministack: Ministack, name: str, *, visibility_timeout_s: int = 30) -> Stack:
    """Make what a template makes."""
    sqs = ministack.client("sqs")
    dead = sqs.create_queue(
        QueueName=names.dead_letter_queue_name(name),
        Attributes=_text(resources.DEAD_LETTER_QUEUE),
    )["QueueUrl"]
    queue = sqs.create_queue(
        QueueName=names.queue_name(name),
        Attributes=_text({**resources.QUEUE, "VisibilityTimeout": visibility_timeout_s}),
    )["QueueUrl"]
    table = names.table_name(name)
    ministack.client("dynamodb").create_table(TableName=table, **resources.TABLE)
    bucket = names.bucket_name(name, account=ACCOUNT, region=REGION)
    ministack.client("s3").create_bucket(Bucket=bucket)
    return Stack(ministack, name, table, queue, dead, bucket)


def _text(attributes: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items()}
