"""What everything of an inbox on AWS is called.

Everything has its name from the inbox's: ``aws:hooks`` is the table ``hooks``, the queue
``hooks-events``, the dead-letter queue ``hooks-parked`` and the bucket
``hooks-<account>-<region>``.
"""

# What a queue's message refers to. Nothing refers to it any longer than the message lives.
SPOOL_PREFIX = "spool/"


def table_name(name: str) -> str:
    """Return the name of the table."""
    return name


def queue_name(name: str) -> str:
    """Return the name of the queue that events arrive in."""
    return f"{name}-events"


def dead_letter_queue_name(name: str) -> str:
    """Return the name of the queue that holds what waits for a person."""
    return f"{name}-parked"


def bucket_name(name: str, *, account: str, region: str) -> str:
    """Return the name of the bucket, which no other account in the world may have."""
    return f"{name}-{account}-{region}"


def queue_url(queue: str, *, account: str, region: str) -> str:
    """Return a queue's address.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{queue}"
