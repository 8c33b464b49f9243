"""From an inbox URL and the function's account to the queue and the bucket."""

from __future__ import annotations

from almahook.errors import ConfigurationError
from almahook.inbox.aws.names import bucket_name, queue_name, queue_url
from almahook.inbox.aws.spool import SQSSpool
from almahook.inbox.aws.text import event_text
from almahook.protocol.outcome import Stored

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def storing(
    inbox: str, *, account: str, environment: Mapping[str, str]
) -> Callable[[dict[str, Any]], Stored]:
    """Return what puts an event, given by its fields, into the queue of ``aws:NAME``.

    Raises:
        ConfigurationError: The URL names no inbox on AWS, or there is no region.
    """
    spool = open_spool(inbox, account=account, environment=environment)

    def store(fields: dict[str, Any]) -> Stored:
        spool.put([event_text(fields)])
        return Stored()

    return store


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
    return SQSSpool(
        queue_url=queue_url(queue_name(name), account=account, region=region),
        bucket=bucket_name(name, account=account, region=region),
        environment=environment,
    )
