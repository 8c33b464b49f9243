"""Events as an inbox takes and gives them.

They are apart from the contract because who only receives has to start in milliseconds.
"""

from typing import ClassVar

from almahook.protocol.value import Value


class NewEvent(Value, frozen=True, kw_only=True):
    """A verified message, ready to be stored.

    Attributes:
        event_id: Alma's id, or the SHA-256 of the body when it has none.
        time: When Alma says it happened, as Alma wrote it; empty when absent.
        secret_index: Which of the profile's secrets signed it, counted from 0.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    profile: str
    action: str
    event: str
    event_id: str
    institution: str
    time: str
    subject: str
    content_type: str
    body: bytes
    received_at: float
    secret_index: int


class StoredEvent(NewEvent, frozen=True, kw_only=True):
    """An event of the inbox; ``seq`` counts up in the order of arrival and is never reused."""

    seq: int
