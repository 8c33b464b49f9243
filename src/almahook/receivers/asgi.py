"""The ASGI host: standalone under uvicorn, or mounted in anybody's Starlette or FastAPI app.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from almahook.errors import (
    AlmaHookError,
    InboxError,
    MethodNotAllowedError,
    RefusalError,
    UnknownPathError,
)
from almahook.protocol import (
    SIGNATURE_HEADER,
    Accepted,
    Challenged,
    Endpoint,
    Outcome,
    Refused,
    Request,
    Response,
    answer,
    error_reply,
    reply,
)
from almahook.protocol.reply import Mode, Result
from almahook.receivers.body import (
    BodyReader,
    ClientGoneError,
    Receive,
    announced_bytes,
    drain,
)
from almahook.receivers.metrics import CONTENT_TYPE, Metrics

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
TakeIn = Callable[[Accepted, float], Awaitable[Result]]

_WEBHOOKS = "/webhooks/"
_SIGNATURE = SIGNATURE_HEADER.lower().encode("ascii")
_LONGEST_NAME = 100
_PLAIN = {"content-type": "text/plain; charset=utf-8"}

log = logging.getLogger("almahook.receiver")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A refused request as it is to be kept.

    Attributes:
        profile: The last part of the path, at most 100 characters of it.
        size: Bytes of the body, as far as it was read or announced.
        at: When, seconds since the epoch.
    """

    refused: Refused
    request: Request
    profile: str
    size: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """What the receiver calls; the app connects it.

    Attributes:
        take_in: Stores an accepted message durably, and in direct mode handles it, before it
            returns; says what became of it.
        record: Keeps a refused request, without being waited for.
        ready: Raises when events cannot be taken in.
        clock: Seconds since the epoch.
    """

    take_in: TakeIn
    record: Callable[[Refusal], None]
    ready: Callable[[], None]
    clock: Callable[[], float]


class Receiver:
    """The listener as an ASGI application.

    Args:
        endpoints: The profiles by name; each is served at ``/webhooks/<name>``.
        mode: Whether an answer tells that an event is stored, or how its handlers ended.
        metrics: Where it counts; None serves no ``/metrics``.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Endpoint],
        ports: Ports,
        reader: BodyReader,
        mode: Mode = "inbox",
        metrics: Metrics | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._ports = ports
        self._reader = reader
        self._metrics = metrics
        self._mode = mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = _path(scope)
        try:
            if path.startswith(_WEBHOOKS):
                await self._webhook(path[len(_WEBHOOKS) :].rstrip("/"), scope, receive, send)
            else:
                await _send(send, await self._page(path, scope["method"]))
        except ClientGoneError:
            log.info("client.gone")

    async def _webhook(self, profile: str, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(profile)
        head = _Head.of(scope["headers"])
        body = b""
        if endpoint is not None and scope["method"] == "POST":
            try:
                body = await self._reader.read(receive, announced=head.announced)
            except AlmaHookError as error:
                result = self._turned_away(error, head.request(scope, b""), profile, head.announced)
                await _send_and_drain(send, reply(result, mode=self._mode), receive)
                return
        started = self._ports.clock()
        try:
            request = head.request(scope, body)
            outcome = answer(request, endpoint=endpoint)
            result = await self._result(outcome, request, profile, started)
        finally:
            self._reader.release(body)
        response = reply(result, mode=self._mode)
        if endpoint is None:
            await _send_and_drain(send, response, receive)
        else:
            await _send(send, response)
        self._count(result, profile, started)

    def _turned_away(
        self, error: AlmaHookError, request: Request, profile: str, announced: int
    ) -> Result:
        """Say what a request is told whose body was not read to its end."""
        if self._metrics is not None:
            self._metrics.refused.labels(error.code).inc()
        if not isinstance(error, RefusalError):
            return error
        refused = Refused(error=error, status=error.status)
        now = self._ports.clock()
        self._record(refused, request, profile=profile, size=announced, now=now)
        return refused

    async def _result(self, outcome: Outcome, request: Request, profile: str, now: float) -> Result:
        if isinstance(outcome, Accepted):
            return await self._take_in(outcome, now)
        if isinstance(outcome, Challenged):
            log.info("challenge.answered", extra={"fields": {"profile": profile}})
        elif not isinstance(outcome.error, MethodNotAllowedError):
            size = len(request.body)
            self._record(outcome, request, profile=profile, size=size, now=now)
        return outcome

    async def _take_in(self, accepted: Accepted, now: float) -> Result:
        """Store first, then answer; what cannot be stored is Alma's to send again."""
        try:
            return await self._ports.take_in(accepted, now)
        except InboxError as error:
            log.error("event.not_stored", extra={"fields": {"reason": error.message}})  # noqa: TRY400 - the reason is all a reader needs
            return error

    def _record(
        self, refused: Refused, request: Request, *, profile: str, size: int, now: float
    ) -> None:
        # The profile of a refused request is whatever somebody wrote into a URL.
        profile = profile[:_LONGEST_NAME]
        fields = {"profile": profile, "code": refused.error.code, "status": refused.status}
        log.warning("request.refused", extra={"fields": fields})
        self._ports.record(
            Refusal(refused=refused, request=request, profile=profile, size=size, at=now)
        )

    def _count(self, result: Result, profile: str, started: float) -> None:
        if self._metrics is None or isinstance(result, Challenged):
            return
        if isinstance(result, Refused):
            self._metrics.refused.labels(result.error.code).inc()
        elif isinstance(result, AlmaHookError):
            self._metrics.received.labels(profile, result.code).inc()
        else:
            self._metrics.received.labels(profile, type(result).__name__.lower()).inc()
            self._metrics.ack_seconds.observe(max(0.0, self._ports.clock() - started))

    async def _page(self, path: str, method: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return error_reply(UnknownPathError())
        if path == "/healthz":
            return Response(status=200, body=b"ok\n", headers=_PLAIN)
        if path == "/readyz":
            return await self._readiness()
        if path == "/metrics" and self._metrics is not None:
            body = await asyncio.to_thread(self._metrics.render)
            return Response(status=200, body=body, headers={"content-type": CONTENT_TYPE})
        return error_reply(UnknownPathError())

    async def _readiness(self) -> Response:
        try:
            await asyncio.to_thread(self._ports.ready)
        except AlmaHookError as error:
            return error_reply(error, status=503)
        return Response(status=200, body=b"ready\n", headers=_PLAIN)


@dataclass(frozen=True, slots=True)
class _Head:
    """The headers that matter."""

    signature: str | None
    content_type: str
    announced: int

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "_Head":
        signature, content_type, announced = None, "", 0
        for name, value in headers:
            if name == _SIGNATURE:
                given = value.decode("latin-1")
                # Repeated headers are one value joined by commas (RFC 9110, 5.3): malformed here.
                signature = given if signature is None else f"{signature}, {given}"
            elif name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"content-length":
                announced = announced_bytes(value.decode("latin-1"))
        return cls(signature, content_type, announced)

    def request(self, scope: Scope, body: bytes) -> Request:
        return Request(
            method=scope["method"],
            query=scope["query_string"].decode("latin-1"),
            signature=self.signature,
            body=body,
            content_type=self.content_type,
        )


def _path(scope: Scope) -> str:
    """Return the path below the place where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root else path


@lru_cache(maxsize=64)
def _encoded(headers: tuple[tuple[str, str], ...], length: int) -> list[tuple[bytes, bytes]]:
    pairs = [*headers, ("content-length", str(length))]
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs]


async def _send(send: Send, response: Response) -> None:
    headers = _encoded(tuple(response.headers.items()), len(response.body))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _send_and_drain(send: Send, response: Response, receive: Receive) -> None:
    """Answer at once, and let the sender finish: one that is cut off never sees why."""
    closing = tuple({**response.headers, "connection": "close"}.items())
    headers = _encoded(closing, len(response.body))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await drain(receive)
    await send({"type": "http.response.body", "body": b""})
