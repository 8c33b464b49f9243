"""Requests that are recognised by their head, on connections on which something is going on."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from almahook.receivers import exchange, http
from listening import SECRET, WAIT_S, Listening, Wire, chunked, head, message, request, until


def let_know(listening: Listening) -> None:
    """Have it recognise the head of all requests like these."""
    with Wire(listening.url) as wire:
        for number in range(3):
            wire.post(message(f"known {number}"))
            assert wire.status() == 200


@pytest.fixture
def knowing(listening: Listening) -> Listening:
    let_know(listening)
    return listening


def stored(listening: Listening) -> list[bytes]:
    """Return the bodies of what was stored since then."""
    return [body for body in listening.bodies() if b"known" not in body]


def let_pass(listening: Listening) -> None:
    """Wait until what was sent before has been read, and refused if it was to be."""
    with Wire(listening.url) as wire:
        wire.post(b"forged", secret="another")
        assert wire.status() == 401


@contextmanager
def nothing_is_stored(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what is accepted waiting meanwhile."""
    spool = listening.inbox.spool
    opened = Event()

    def wait_and_spool(packed: Any) -> None:
        assert opened.wait(WAIT_S)
        spool(packed)

    # Nobody can hold what the kernel does.
    monkeypatch.setattr(listening.inbox, "begin_spool", lambda *_: False)
    monkeypatch.setattr(listening.inbox, "spool", wait_and_spool)
    try:
        yield
    finally:
        opened.set()


INNER = request(message("inner"))


def in_a_body() -> tuple[bytes, bytes, int]:
    body = b"x" + INNER
    return head(f"Content-Length: {len(body)}", body=body) + b"x", b"", 400


def in_a_chunk() -> tuple[bytes, bytes, int]:
    whole = chunked(INNER)
    start = whole[: whole.index(INNER)]
    end = whole[len(start + INNER) :] + chunked(b"")
    return head("Transfer-Encoding: chunked", body=INNER) + start, end, 400


def in_a_head() -> tuple[bytes, bytes, int]:
    return b"POST /nowhere HTTP/1.1\r\nX-Other: ", b"", 404


@pytest.mark.parametrize("outer", [in_a_body, in_a_chunk, in_a_head])
def test_a_request_within_a_request_is_none(
    knowing: Listening, outer: Callable[[], tuple[bytes, bytes, int]]
) -> None:
    start, end, status = outer()
    with Wire(knowing.url) as wire:
        wire.send(start)
        let_pass(knowing)
        wire.send(INNER)
        let_pass(knowing)
        wire.send(end)
        assert wire.status() == status
    assert stored(knowing) == []


def test_a_request_whose_body_came_in_pieces_is_over_when_it_is_answered(
    knowing: Listening,
) -> None:
    first, second = message("first"), message("second")
    with Wire(knowing.url) as wire:
        for body in first, second:
            whole = request(body)
            for piece in whole[:-20], whole[-20:-5], whole[-5:]:
                wire.send(piece)
                let_pass(knowing)
            assert wire.status() == 200
        wire.post(b"", "Connection: close")
        assert wire.status() == 400
        assert wire.is_closed()
    assert stored(knowing) == [first, second]


def test_an_answer_waits_for_those_before_it(
    knowing: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Wire(knowing.url) as wire:
        with nothing_is_stored(knowing, monkeypatch):
            wire.post(message("1"), path="/webhooks/main/")
            let_pass(knowing)
            wire.post(b"forged", secret="another")
            let_pass(knowing)
        assert [wire.status(), wire.status()] == [200, 401]


def test_who_reads_no_answers_is_sent_no_more(
    knowing: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocols: list[http.WebhookProtocol] = []
    made = http.WebhookProtocol.connection_made

    def connection_made(protocol: http.WebhookProtocol, transport: Any) -> None:
        made(protocol, transport)
        protocols.append(protocol)

    monkeypatch.setattr(http.WebhookProtocol, "connection_made", connection_made)
    with Wire(knowing.url) as wire:
        until(lambda: protocols)
        # As a transport does when too much waits to be sent.
        protocols[0].loop.call_soon_threadsafe(protocols[0].pause_writing)
        wire.post(b"forged", secret="another")
        let_pass(knowing)
        wire.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            wire.socket.recv(1)
        wire.socket.settimeout(WAIT_S)
        protocols[0].loop.call_soon_threadsafe(protocols[0].resume_writing)
        assert wire.status() == 401


def test_a_body_that_came_in_time_may_take_its_time_to_be_stored(
    listen: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen(body_timeout_s=0.1)
    let_know(listening)
    body = message("1")
    with Wire(listening.url) as wire, Wire(listening.url) as slow:
        with nothing_is_stored(listening, monkeypatch):
            wire.send(request(body)[:-5])
            let_pass(listening)
            wire.send(body[-5:])
            slow.send(request(body)[:-5])
            assert slow.status() == 503
        assert wire.status() == 200


def test_a_body_that_stops_arriving_is_noted_with_the_length_that_it_was_to_have(
    listen: Callable[..., Listening],
) -> None:
    listening = listen(body_timeout_s=0.1)
    with Wire(listening.url) as wire:
        wire.send(request(message("1"))[:-5])
        assert wire.status() == 503
    until(lambda: listening.inbox.rejections(limit=1))
    (kept,) = listening.inbox.rejections(limit=2)
    assert kept.size == len(message("1"))


def test_a_body_over_the_limit_is_refused_though_its_head_is_known(
    listen: Callable[..., Listening],
) -> None:
    largest = message("known 0")
    listening = listen(max_body_bytes=len(largest))
    let_know(listening)
    with Wire(listening.url) as wire:
        wire.post(largest)
        assert wire.status() == 200
        wire.post(largest + b" ")
        assert wire.status() == 413


@pytest.mark.parametrize("body", [message("1"), b"forged"])
def test_a_connection_that_rests_holds_no_body(knowing: Listening, body: bytes) -> None:
    with Wire(knowing.url) as wire:
        wire.post(body, secret="another" if body == b"forged" else SECRET)
        wire.status()
        found = [one for one in gc.get_objects() if isinstance(one, exchange.Exchange)]
        assert {one.body for one in found} == {b""}
