"""What decides calls by this; only type checkers load it."""

from typing import Protocol, TypeVar

from almahook.protocol.decision import Endpoint

T_co = TypeVar("T_co", covariant=True)


class Accept(Protocol[T_co]):
    """Verifies the body of a POST, and reads it then."""

    def __call__(
        self,
        body: bytes,
        *,
        signature: bytes,
        content_type: str,
        endpoint: Endpoint,
        received_at: float,
    ) -> T_co:
        """Return the message; the signature is empty when there is none.

        Raises:
            RefusalError: It is not signed as it should be, or is no message.
        """
