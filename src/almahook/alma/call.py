"""One call, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from almahook.alma.mask import ids_of, leaves, mask_path

Method = Literal["GET", "POST", "PUT", "DELETE"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FIRST_OK, _FIRST_NOT_OK = 200, 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is asked of Alma; its repr holds no id.

    Attributes:
        path: Encoded, below ``/almaws/v1``.
    """

    method: Method
    path: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: object = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The call as it may be shown."""
        return f"{self.method} {mask_path(self.path)}"

    def values(self) -> Iterator[str]:
        """Yield everything in the call that came from the caller."""
        yield from ids_of(self.path)
        yield from (value for _, value in self.query)
        yield from leaves(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What Alma said."""

    status: int
    body: bytes = field(default=b"", repr=False)
    location: str = field(default="", repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the status is a 2xx."""
        return _FIRST_OK <= self.status < _FIRST_NOT_OK

    @property
    def is_redirect(self) -> bool:
        """Whether Alma sends the caller elsewhere."""
        return self.status in _REDIRECTS and bool(self.location)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Alma said nothing.

    Attributes:
        reason: ``connect`` when Alma cannot have seen the call, ``broken`` when it may have,
            ``timeout`` when it took too long.
    """

    reason: Literal["connect", "broken", "timeout"]
