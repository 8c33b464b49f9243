"""What is in the queue: an event, where an event is kept, or an event that has something to run."""

import msgspec

from almahook.inbox.aws.text import event_text, kept_text, written
from almahook.inbox.event import NewEvent


class Kept(msgspec.Struct, frozen=True):
    """Where the message is that was too large for the queue: an object of S3."""

    bucket: str
    key: str


class Again(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event of the inbox that has something to run, such as a replay; its number.

    Attributes:
        parked: It lay in the dead-letter queue, so that what is parked is to be run once more.
    """

    seq: int
    parked: bool = False


class _Message(msgspec.Struct, frozen=True, omit_defaults=True):
    event: NewEvent | None = None
    kept: Kept | None = None
    again: Again | None = None


def write_message(said: NewEvent | Kept | Again) -> str:
    """Write a message."""
    if isinstance(said, NewEvent):
        return event_text(msgspec.structs.asdict(said))
    if isinstance(said, Kept):
        return kept_text(said.bucket, said.key)
    return written({"again": msgspec.to_builtins(said)})


def read_message(text: str | bytes) -> NewEvent | Kept | Again:
    """Read a message.

    Raises:
        ValueError: It is none of ours.
    """
    try:
        message = msgspec.json.decode(text, type=_Message)
    except (msgspec.MsgspecError, UnicodeError):
        message = _Message()
    said = message.event or message.kept or message.again
    if said is None:
        # Nothing of the text is repeated: it may hold patron data.
        raise ValueError("This is no message of an almahook queue.")
    return said
