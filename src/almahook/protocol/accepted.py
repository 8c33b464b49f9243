"""What an accepted message is."""

from typing import ClassVar

from almahook.protocol.value import Value


class Accepted(Value, frozen=True, kw_only=True):
    """A verified message, to be stored before anything is answered.

    Attributes:
        event_id: Alma's id, or the SHA-256 of the body when it has none.
        time: When Alma says it happened, as Alma wrote it; empty when absent.
        content_type: The sender's claim, the first 100 characters of it.
        received_at: Seconds since the epoch.
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
