"""The receiver alone, with what it calls in the test's hand."""

import asyncio
from typing import Any

import pytest

from almahook.errors import InboxUnavailableError, NotFoundError
from almahook.protocol import Accepted, Endpoint, Stored
from almahook.receivers.asgi import Receiver
from almahook.receivers.body import BodyReader
from almahook.receivers.reception import Ports, Reception, Refusal
from listening import SECRET, message, signature

LARGE = message("large", more=f',"x":"{"x" * 80}"')


class Store:
    """Stores when the test lets it, and remembers refusals."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.error: Exception | None = None
        self.refusals: list[Refusal] = []

    async def take_in(self, accepted: Accepted) -> Stored:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return Stored()

    def receiver(self) -> Receiver:
        ports = Ports(
            take_in=self.take_in,
            store=lambda *_: None,
            record=self.refusals.append,
            page=lambda _: None,
            clock=lambda: 1_700_000_000.0,
        )
        endpoint = Endpoint(profile="main", secrets=[SECRET.encode()])
        reader = BodyReader(max_bytes=1000, timeout_s=5, max_held_bytes=300)
        return Receiver(Reception(endpoints={"main": endpoint}, ports=ports), reader=reader)


async def post(receiver: Receiver, *pieces: bytes, announced: int = 0, method: str = "POST") -> int:
    left = list(pieces)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(part: Any) -> None:
        sent.append(part)

    headers = [(b"x-exl-signature", signature(b"".join(pieces)).encode())]
    headers += [(b"content-length", str(announced).encode())] if announced else []
    scope = {"type": "http", "method": method, "path": "/webhooks/main", "query_string": b""}
    await receiver({**scope, "headers": headers}, receive, send)
    return int(sent[0]["status"])


def test_a_body_is_held_until_it_is_stored_and_no_longer() -> None:
    async def scenario() -> tuple[list[int], int, int, list[int]]:
        store = Store()
        receiver = store.receiver()
        first = [asyncio.create_task(post(receiver, LARGE, b"")) for _ in range(2)]
        await asyncio.sleep(0)
        put_off = await post(receiver, LARGE, b"")
        small = asyncio.create_task(post(receiver, message("small")))
        store.open.set()
        answers = [await task for task in first]
        later = [await post(receiver, LARGE, b"") for _ in range(5)]
        return answers, put_off, await small, later

    assert asyncio.run(scenario()) == ([200, 200], 503, 200, [200] * 5)


def test_a_refused_body_is_held_no_longer() -> None:
    async def scenario() -> list[int]:
        receiver = Store().receiver()
        return [await post(receiver, LARGE[:-1], b"") for _ in range(5)]

    assert asyncio.run(scenario()) == [400] * 5


@pytest.mark.parametrize("error", [InboxUnavailableError(), NotFoundError()])
def test_whatever_the_inbox_says_an_event_that_is_not_stored_has_to_be_sent_again(error) -> None:
    async def scenario() -> int:
        store = Store()
        store.error = error
        store.open.set()
        return await post(store.receiver(), LARGE)

    assert asyncio.run(scenario()) == 503


def test_a_refusal_says_how_large_its_body_was_or_was_going_to_be() -> None:
    async def scenario() -> list[Refusal]:
        store = Store()
        receiver = store.receiver()
        await post(receiver, b"x" * 250, announced=2000)
        await post(receiver, b"x" * 100)
        return store.refusals

    unread, read = asyncio.run(scenario())
    assert (unread.refused.error.code, unread.size, unread.request.body) == (
        "body.too_large",
        2000,
        b"",
    )
    assert (read.refused.error.code, read.size) == ("body.json", 100)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_wrong_method_is_refused_and_recorded_with_its_reason(method) -> None:
    async def scenario() -> list[Refusal]:
        store = Store()
        await post(store.receiver(), b"{}", method=method)
        return store.refusals

    (refusal,) = asyncio.run(scenario())
    assert (refusal.refused.error.code, refusal.refused.status) == ("request.method", 405)
    assert refusal.request.method == method
