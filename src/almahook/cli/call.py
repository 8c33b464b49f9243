"""One HTTP call as Alma makes it: within 5 seconds in total, and no redirect is followed.

https://developers.exlibrisgroup.com/alma/integrations/webhooks/
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import httpx2
from anyio.lowlevel import checkpoint

from almahook import __version__
from almahook.errors import ConfigurationError

LIMIT_S = 5.0

# Nobody needs to read more of an answer, and a wrong address may have no end.
_LONGEST_ANSWER = 64 * 1024

Kind = Literal["name", "refused", "unreachable", "timeout", "tls", "no_tls", "broken"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What came back.

    Attributes:
        headers: By their names in lower case.
        body: Its first 64 KiB.
        certificate_ends: When the certificate ends, seconds since the epoch; None without TLS.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    certificate_ends: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether Alma would be content."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of successes


@dataclass(frozen=True, kw_only=True, slots=True)
class Unheard:
    """Nothing came back, and what is known about why; ``detail`` is the system's own word."""

    kind: Kind
    detail: str = ""
    seconds: float = 0.0


def split_url(url: str) -> SplitResult:
    """Take a listener URL apart.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ConfigurationError(
            f"{url!r} is not a URL. It begins with https:// (http:// on this machine), "
            "for example https://hooks.example.edu/webhooks/main"
        )
    return parts


def is_local(url: str) -> bool:
    """Say whether a URL leads to this machine."""
    host = split_url(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client for calls of one listener."""
    # anyio is what the client runs on. Its first use takes 0.1 s, which is no part of an answer.
    await checkpoint()
    async with httpx2.AsyncClient(
        # A proxy of the environment is for other machines, its authorities (SSL_CERT_FILE) for all.
        trust_env=not is_local(url),
        verify=httpx2.create_ssl_context(),
        follow_redirects=False,
        timeout=LIMIT_S,
        headers={"User-Agent": f"almahook/{__version__}"},
    ) as client:
        yield client


def call(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes = b""
) -> Heard | Unheard:
    """Make one call; whatever goes wrong on the way is a result too.

    Raises:
        ConfigurationError: The URL is none.
    """

    async def once() -> Heard | Unheard:
        async with open_client(url) as client:
            return await call_with(client, method, url, headers=headers, content=content)

    split_url(url)
    return asyncio.run(once())


async def call_with(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
) -> Heard | Unheard:
    """Make one call with a client that is there."""
    started = time.monotonic()
    try:
        # The library's own time-out begins anew with every piece.
        async with (
            asyncio.timeout(LIMIT_S),
            client.stream(method, url, headers=headers, content=content) as response,
        ):
            body = await _beginning(response)
    except (TimeoutError, httpx2.TimeoutException):
        return Unheard(kind="timeout", seconds=time.monotonic() - started)
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"{url!r} is not a URL: {error}.") from None
    except httpx2.HTTPError as error:
        kind, detail = _why(error)
        return Unheard(kind=kind, detail=detail, seconds=time.monotonic() - started)
    return Heard(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
        seconds=time.monotonic() - started,
        certificate_ends=_certificate_ends(response),
    )


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _LONGEST_ANSWER:
            break
    return body[:_LONGEST_ANSWER]


def _certificate_ends(response: httpx2.Response) -> float | None:
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("ssl_object") if stream is not None else None
    if not isinstance(found, ssl.SSLObject):
        return None
    ends = (found.getpeercert() or {}).get("notAfter")
    return float(ssl.cert_time_to_seconds(ends)) if isinstance(ends, str) else None


def _why(error: BaseException) -> tuple[Kind, str]:
    """Find what the system said below the library's own words for it."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "tls", cause.verify_message
        if isinstance(cause, ssl.SSLError):
            is_plain = "WRONG_VERSION_NUMBER" in str(cause) or "RECORD_LAYER" in str(cause)
            return ("no_tls" if is_plain else "tls"), cause.reason or "the handshake failed"
        if isinstance(cause, socket.gaierror):
            return "name", cause.strerror or ""
        if isinstance(cause, ConnectionRefusedError):
            return "refused", ""
        if isinstance(cause, OSError) and cause.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
            return "unreachable", cause.strerror or ""
    return "broken", str(error).partition("\n")[0]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
