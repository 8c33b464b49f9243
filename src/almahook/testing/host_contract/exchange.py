"""One HTTP exchange, and one row of the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class HTTPRequest:
    """What is sent; the names of headers are spelt as they stand here.

    Attributes:
        query: Without its question mark, percent-encoded.
    """

    method: str = "POST"
    path: str = "/webhooks/main"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class HTTPResponse:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[HTTPRequest], HTTPResponse]

# What belongs to the connection, the server in front or the transport, and not to the answer.
_NOT_OURS = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A request, and the one answer to it.

    Attributes:
        name: The sentence that the row proves.
        before: Requests that are sent first, whatever they are answered.
        headers: All of the answer's own, names in lower case.
    """

    name: str
    request: HTTPRequest
    status: int
    body: bytes
    headers: Mapping[str, str]
    before: tuple[HTTPRequest, ...] = ()

    def __str__(self) -> str:
        return self.name

    def check(self, send: Send) -> None:
        """Send the request, and compare the answer byte for byte.

        Raises:
            AssertionError: The answer differs.
        """
        for request in self.before:
            send(request)
        found = send(self.request)
        own = {name.lower(): value for name, value in found.headers.items()}
        headers = {name: own[name] for name in own.keys() - _NOT_OURS}
        expected = (self.status, self.body, dict(self.headers))
        assert (found.status, found.body, headers) == expected, (
            f"{self.name}: {(found.status, found.body, headers)} instead of {expected}"
        )
