"""What decides calls by these; only type checkers load it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from almahook.protocol.message import Request

T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Reads a message that is verified."""

    def __call__(self, request: Request, *, profile: str, secret_index: int) -> T_co:
        """Read it.

        Raises:
            MessageError: It is none.
        """


class Verifier(Protocol):
    """The signature of ``verify``."""

    def __call__(self, body: bytes, *, signature: str | None, secrets: Sequence[bytes]) -> int:
        """Return which of the secrets signed the body."""
