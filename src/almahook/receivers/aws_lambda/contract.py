"""What the receiver asks of a front door, and of a log; only type checkers load it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from almahook.protocol.message import Request, Response

Event = Mapping[str, Any]
Headers = Iterable[tuple[str, str]]


class EventShape(Protocol):
    """One kind of front door; what tells it apart is what AWS documents of its events."""

    name: str
    # Whether the body's bytes are those that were sent.
    is_exact: bool

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""

    def path(self, event: Event) -> str:
        """Return the path of the request; empty when the front door does not pass it on."""

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request; several when the body's bytes are lost, the likeliest first.

        Raises:
            UnknownInvocationError: The event is not as AWS documents it.
        """

    def reply(self, response: Response) -> object:
        """Return what the function returns for a response."""


class Tell(Protocol):
    """Writes one line of the log."""

    def __call__(self, level: str, event: str, **fields: object) -> None:
        """Write it."""
