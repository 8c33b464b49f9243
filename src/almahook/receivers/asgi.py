"""The ASGI host: standalone under uvicorn, or mounted in anybody's Starlette or FastAPI app.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache, partial
from typing import Any

from almahook.errors import (
    AlmaHookError,
    InboxError,
    UnknownPathError,
)
from almahook.protocol import (
    Accepted,
    Endpoint,
    Request,
    Response,
    answer,
    error_reply,
    reply,
)
from almahook.protocol.reply import Result
from almahook.receivers.body import BodyReader, ClientGoneError, Receive, drain
from almahook.receivers.head import Head
from almahook.receivers.pages import METRICS, PLAIN, READINESS
from almahook.receivers.reception import Reception, failed, not_stored

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_WEBHOOKS = "/webhooks/"
# It takes milliseconds to look through so much.
_LARGE_BYTES = 256 * 1024

log = logging.getLogger("almahook.receiver")


class Receiver:
    """The listener as an ASGI application.

    Each profile is served at ``/webhooks/<name>``.
    """

    def __init__(self, reception: Reception, *, reader: BodyReader) -> None:
        self._reception = reception
        self._reader = reader

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
        reception = self._reception
        endpoint = reception.endpoints.get(profile)
        head = Head.of(scope["headers"])
        body = b""
        if endpoint is not None and scope["method"] == "POST":
            try:
                body = await self._reader.read(receive, announced=head.announced)
            except AlmaHookError as error:
                request = _request(scope, head, b"")
                result = reception.turn_away(error, request, profile, head.announced)
                await _send_and_drain(send, reply(result, mode=reception.mode), receive)
                return
        started = reception.ports.clock()
        try:
            request = _request(scope, head, body)
            result = await self._result(request, endpoint, profile, started)
        except Exception as error:  # noqa: BLE001 - no bug of ours may cost Alma's event
            result = failed(error)
        finally:
            self._reader.release(body)
        response = reply(result, mode=reception.mode)
        if endpoint is None:
            await _send_and_drain(send, response, receive)
        else:
            await _send(send, response)
        reception.count(result, profile, started)

    async def _result(
        self, request: Request, endpoint: Endpoint | None, profile: str, now: float
    ) -> Result:
        decide = partial(answer, request, endpoint=endpoint, received_at=now)
        if len(request.body) > _LARGE_BYTES:
            # Others are answered meanwhile.
            outcome = await asyncio.to_thread(decide)
        else:
            outcome = decide()
        if isinstance(outcome, Accepted):
            return await self._take_in(outcome)
        self._reception.note(outcome, request, profile, now)
        return outcome

    async def _take_in(self, accepted: Accepted) -> Result:
        """Store first, then answer."""
        try:
            return await self._reception.ports.take_in(accepted)
        except InboxError as error:
            return not_stored(error)

    async def _page(self, path: str, method: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return error_reply(UnknownPathError())
        if path == "/healthz":
            return Response(status=200, body=b"ok\n", headers=PLAIN)
        found = None
        if path in {READINESS, METRICS}:
            found = await asyncio.to_thread(self._reception.ports.page, path)
        return found or error_reply(UnknownPathError())


def _request(scope: Scope, head: Head, body: bytes) -> Request:
    return Request(
        method=scope["method"],
        # A query may hold raw UTF-8, though it should not.
        query=scope["query_string"].decode("utf-8", "replace"),
        signature=head.signature,
        body=body,
        content_type=head.content_type,
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
