"""Writes what an event that comes in is put into the queue as; msgspec takes too long to load.

A message is JSON of ASCII alone, because SQS takes no other characters than XML's, and a body can
hold any byte.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from __future__ import annotations

import json
from binascii import b2a_base64

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def event_text(event: Mapping[str, Any]) -> str:
    """Write the message of an event, given by the fields of ``NewEvent``."""
    body = b2a_base64(event["body"], newline=False).decode("ascii")
    return written({"event": {**event, "body": body}})


def kept_text(bucket: str, key: str) -> str:
    """Write the message of an event that is kept in a bucket."""
    return written({"kept": {"bucket": bucket, "key": key}})


def written(message: object) -> str:
    """Write JSON, as short as it can be."""
    return json.dumps(message, separators=(",", ":"))
