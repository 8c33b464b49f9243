"""From an inbox URL and the function's account to the queue and the bucket."""

from collections.abc import Mapping

from almahook.errors import ConfigurationError
from almahook.inbox.aws.resources import bucket_name, queue_name
from almahook.inbox.aws.spool import SQSSpool


def open_spool(inbox: str, *, account: str, environment: Mapping[str, str]) -> SQSSpool:
    """Open the spool of ``aws:NAME``.

    Raises:
        ConfigurationError: The URL names no inbox on AWS, or there is no region.
    """
    scheme, _, name = inbox.partition(":")
    if scheme != "aws" or not name:
        raise ConfigurationError(
            f'inbox = "{inbox}" is not on AWS, where functions keep events. Write "aws:NAME".'
        )
    region = environment.get("AWS_REGION", "")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return SQSSpool(
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
        queue_url=f"https://sqs.{region}.{suffix}/{account}/{queue_name(name)}",
        bucket=bucket_name(name, account=account, region=region),
        environment=environment,
    )
