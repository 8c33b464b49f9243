"""What a REST call passes before the API proper: faults, key, limits, the record of calls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from almahook.simulator.api import error_response, refusal
from almahook.simulator.faults import Fault, Faults
from almahook.simulator.institution import Limits

_READING = frozenset({"GET", "HEAD"})
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One REST call that was received.

    Attributes:
        path: As sent, percent-encoded.
        query: As sent, without the API key.
        status: What was answered; None when the connection was cut.
    """

    method: str
    path: str
    query: str
    status: int | None


class Gate:
    """An ASGI app around the API.

    Args:
        keys: Each API key, and whether it may write.
        drop: Cuts the connection of a client.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: dict[str, bool],
        limits: Limits,
        faults: Faults,
        drop: Callable[[tuple[str, int]], None],
    ) -> None:
        self._app = app
        self._keys = keys
        self._limits = limits
        self._faults = faults
        self._drop = drop
        self.calls: list[Call] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or pass it on."""
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        request = Request(scope, receive)
        status: int | None = None

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                left = str(self._limits.remaining).encode()
                headers = [*message.get("headers", ()), (b"x-exl-api-remaining", left)]
                message = {**message, "headers": headers}
                self._record(request, status)
            await send(message)

        await self._answer(request, receive, watched_send)
        if status is None:
            self._record(request, None)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        if fault := self._faults.take(request.scope["path"]):
            await asyncio.sleep(fault.delay_s)
            if fault.drop_connection:
                self._drop(request.scope["client"])
                await _gone(receive)
                return
        answer = (_broken(request, fault) if fault else None) or self._refuse(request)
        await (answer or self._app)(request.scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        key = _key(request)
        if key not in self._keys:
            text = "API-key not defined or not configured to allow this API."
            return error_response(request, refusal("UNAUTHORIZED", text, status=401))
        if request.method not in _READING and not self._keys[key]:
            text = "The API-key allows reading only."
            return error_response(request, refusal("FORBIDDEN", text, status=403))
        if limit := self._limits.count():
            code, text = limit
            return error_response(request, refusal(code, text, status=_TOO_MANY_REQUESTS))
        return None

    def _record(self, request: Request, status: int | None) -> None:
        query = [pair for pair in parse_qsl(request.url.query) if pair[0] != "apikey"]
        self.calls.append(
            Call(
                method=request.method,
                path=request.scope["path"],
                query=urlencode(query),
                status=status,
            )
        )


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "apikey":
        return key.strip()
    return request.query_params.get("apikey", "")


def _broken(request: Request, fault: Fault) -> Response | None:
    if fault.status is None:
        return None
    if fault.body is not None:
        return Response(fault.body, fault.status, media_type="text/html")
    error = refusal(fault.error_code, fault.message, status=fault.status)
    return error_response(request, error)
