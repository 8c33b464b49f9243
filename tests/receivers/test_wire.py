import gc
from contextlib import ExitStack
from itertools import pairwise, repeat
from threading import Event
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.app import server
from almahook.inbox import EventFilter
from almahook.protocol import Response
from almahook.receivers import asgi, exchange, http, patient, short_way
from listening import SECRET, Wire, chunked, head, message, request, until

# What a decoder, a charset or a line reader would change.
BODY = '{"id":"7","action":"LOAN",\r\n "title":"Été à Zürich 東京" }\r\n'.encode()
EVERY = EventFilter()
FIFTY_MB = 50 * 1024 * 1024


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=8), in_chunks=st.booleans())
def test_the_bytes_that_are_verified_are_those_that_were_sent(listening, cuts, in_chunks) -> None:
    places = sorted({0, *cuts, len(BODY)})
    pieces = [BODY[start:end] for start, end in pairwise(places)]
    with Wire(listening.url) as wire:
        if in_chunks:
            wire.send(head("Transfer-Encoding: chunked", body=BODY))
            wire.send(*(chunked(piece) for piece in pieces), chunked(b""))
        else:
            wire.send(head(f"Content-Length: {len(BODY)}", body=BODY), *pieces)
        assert wire.status() == 200
    assert listening.bodies() == [BODY]


def test_a_compressed_body_is_not_unpacked_whatever_its_header_says(listening) -> None:
    with Wire(listening.url) as wire:
        wire.post(BODY, "Content-Encoding: gzip")
        assert wire.status() == 200
    assert listening.bodies() == [BODY]


def test_a_body_announced_over_the_limit_is_refused_before_it_is_sent(listening) -> None:
    with Wire(listening.url) as wire:
        wire.send(head(f"Content-Length: {FIFTY_MB}", "Expect: 100-continue"))
        status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (413, "close")


def test_a_body_in_chunks_is_refused_once_it_is_over_the_limit(listening) -> None:
    with Wire(listening.url) as wire:
        wire.send(head("Transfer-Encoding: chunked"), chunked(b"a" * 600_000, b"a" * 600_000))
        assert wire.status() == 413


@pytest.mark.parametrize("in_chunks", [False, True])
def test_who_sends_all_of_a_large_body_first_gets_to_see_the_refusal(listening, in_chunks) -> None:
    body = b"a" * 8_000_000
    with Wire(listening.url) as wire:
        if in_chunks:
            wire.send(head("Transfer-Encoding: chunked"), chunked(body, b""))
        else:
            wire.post(body)
        assert wire.status() == 413
        assert wire.is_closed()


@pytest.mark.parametrize("digits", ["9223372036854775808", "18446744073709551615"])
def test_a_refusal_is_kept_whatever_length_was_announced(listening, digits) -> None:
    with Wire(listening.url) as wire:
        wire.send(head(f"Content-Length: {digits}"))
        assert wire.status() == 413
    until(lambda: listening.inbox.rejections(limit=1))


@pytest.mark.parametrize("begun", ["", "Content-Length: 26", "Transfer-Encoding: chunked"])
def test_a_body_that_stops_arriving_has_to_be_sent_again(listen, begun) -> None:
    listening = listen(body_timeout_s=0.1)
    with Wire(listening.url) as wire:
        length = begun or "Content-Length: 3"
        wire.send(head(length), chunked(b"ab") if "chunked" in begun else b"ab"[: len(begun)])
        status, headers, body = wire.answer()
        assert wire.is_closed()
    assert (status, headers["retry-after"]) == (503, "60")
    assert b"body.slow" in body
    assert listening.bodies() == []


def test_connections_that_wait_halfway_stop_nobody(listening) -> None:
    halves = [
        b"",
        b"POST /webhooks/ma",
        head("Content-Length: 90"),
        head("Content-Length: 90") + b"ab",
        head("Transfer-Encoding: chunked") + b"5\r\nab",
    ]
    with ExitStack() as stack:
        for number in range(500):
            stack.enter_context(Wire(listening.url)).send(halves[number % len(halves)])
        with Wire(listening.url) as wire:
            wire.post(BODY)
            assert wire.status() == 200
        with Wire(listening.url) as wire:
            wire.send(head(method="GET", path="/readyz"))
            assert wire.status() == 200


@pytest.mark.parametrize("begun", [b"", b"POST /webhooks/main HTTP/1.1\r\nHost: local"])
def test_a_connection_whose_head_does_not_end_is_closed(monkeypatch, listening, begun) -> None:
    monkeypatch.setattr(patient, "HEAD_TIMEOUT_S", 0.1)
    with Wire(listening.url) as wire:
        wire.send(begun)
        assert wire.is_closed()


def test_a_head_that_never_ends_is_closed_while_it_still_grows(listening) -> None:
    with Wire(listening.url) as wire:
        wire.send(b"POST /webhooks/main HTTP/1.1\r\nX-Long: ")
        with pytest.raises(ConnectionError):
            wire.send(*repeat(b"a" * 65_536, 1000))


def test_between_two_requests_a_connection_may_be_idle(monkeypatch, listening) -> None:
    monkeypatch.setattr(patient, "HEAD_TIMEOUT_S", 0.1)
    with Wire(listening.url) as idle, Wire(listening.url) as silent:
        idle.post(message("1"))
        assert idle.status() == 200
        assert silent.is_closed()
        idle.post(message("2"))
        assert idle.status() == 200


def test_a_slow_body_is_not_taken_for_a_slow_head(monkeypatch, listening) -> None:
    monkeypatch.setattr(patient, "HEAD_TIMEOUT_S", 0.1)
    with Wire(listening.url) as slow, Wire(listening.url) as silent:
        slow.send(head(f"Content-Length: {len(BODY)}", body=BODY), BODY[:5])
        assert silent.is_closed()
        slow.send(BODY[5:])
        assert slow.status() == 200


def test_requests_in_a_pipeline_are_answered_in_their_order(listening) -> None:
    with Wire(listening.url) as wire:
        first, second = (request(message(number)) for number in ("1", "2"))
        asked, again = (
            head(method="GET", path=f"/webhooks/main?challenge={word}") for word in ("abc", "xyz")
        )
        wire.send(first + asked + second + again + head(method="GET", path="/webhooks/no"))
        answers = [wire.answer() for _ in range(5)]
    assert [body for _, _, body in answers[:4]] == [
        b'{"status":"stored"}',
        b'{"challenge":"abc"}',
        b'{"status":"stored"}',
        b'{"challenge":"xyz"}',
    ]
    assert answers[4][0] == 404
    assert listening.bodies() == [message("1"), message("2")]


def test_a_refused_request_keeps_its_place_among_those_that_are_taken_in(listening) -> None:
    good = request(message("1"))
    forged = request(message("1"), secret="another")
    with Wire(listening.url) as wire:
        wire.send(forged + good + forged + forged + good)
        assert [wire.status() for _ in range(5)] == [401, 200, 401, 401, 200]


def test_what_is_taken_in_does_not_wait_for_what_is_refused(monkeypatch, listening) -> None:
    monkeypatch.setattr(short_way, "_REFUSED_TOGETHER_S", 3600)
    with Wire(listening.url) as bad, Wire(listening.url) as good:
        bad.send(head("Content-Length: 2", body=b"{}", secret="another") + b"{}")
        good.post(BODY)
        assert good.status() == 200


def test_what_goes_wrong_on_one_connection_ends_that_one_alone(monkeypatch, listening) -> None:
    read = http.WebhookProtocol.read_waiting

    def read_or_fail(protocol: http.WebhookProtocol) -> exchange.Exchange | None:
        if b"a bug" in protocol._waiting:
            raise ZeroDivisionError
        return read(protocol)

    monkeypatch.setattr(http.WebhookProtocol, "read_waiting", read_or_fail)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(listening.url)) for _ in range(40)]
        bodies = [b"a bug" if n % 4 == 0 else message(str(n)) for n in range(40)]
        for wire, body in zip(wires, bodies, strict=True):
            wire.post(body)
        for wire, body in zip(wires, bodies, strict=True):
            assert wire.is_closed() if body == b"a bug" else wire.status() == 200


def test_an_answer_that_cannot_be_sent_keeps_no_other_waiting(monkeypatch, listening) -> None:
    send = http.WebhookProtocol.send
    ports: set[int] = set()

    def send_or_fail(protocol: http.WebhookProtocol, response: Response, **given: bool) -> None:
        assert protocol.client is not None
        if protocol.client[1] in ports:
            raise ZeroDivisionError
        send(protocol, response, **given)

    monkeypatch.setattr(http.WebhookProtocol, "send", send_or_fail)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(listening.url)) for _ in range(40)]
        ports |= {wire.socket.getsockname()[1] for wire in wires[::4]}
        for number, wire in enumerate(wires):
            wire.post(message(str(number)))
        for number, wire in enumerate(wires):
            assert wire.is_closed() if number % 4 == 0 else wire.status() == 200
    assert len(listening.bodies()) == 40


def test_a_connection_is_kept_as_long_as_it_is_used_and_closed_when_it_rests(
    monkeypatch, listen
) -> None:
    monkeypatch.setattr(server, "_KEEP_ALIVE_S", 0.3)
    used = Event()
    with Wire(listen().url) as wire:
        for number in range(6):
            wire.post(message(str(number)))
            assert wire.status() == 200
            used.wait(0.1)
        assert wire.is_closed()


@pytest.mark.parametrize("begun", ["Content-Length: 26", "Transfer-Encoding: chunked"])
def test_a_client_that_hangs_up_in_its_body_leaves_nothing_behind(
    listening, begun, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="almahook")
    with Wire(listening.url) as wire:
        wire.send(head(begun), b"2\r\nab\r\n")
    until(lambda: "client.gone" in caplog.messages)
    assert listening.bodies() == []
    assert listening.inbox.rejections(limit=1) == []


@pytest.mark.parametrize(
    "lengths",
    [
        (f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"),
        (f"Content-Length: {len(BODY)}", f"Content-Length: {len(BODY)}"),
        (f"Content-Length: +{len(BODY)}",),
        (f"Content-Length: {'9' * 5000}",),
        ("Transfer-Encoding: chunked, gzip",),
    ],
)
def test_a_body_whose_end_can_be_read_in_two_ways_is_not_read(listening, lengths) -> None:
    body = chunked(BODY, b"") if "Transfer-Encoding: chunked" in lengths else BODY
    with Wire(listening.url) as wire:
        wire.send(head(*lengths, body=BODY) + body)
        assert wire.status() == 400
        assert wire.is_closed()
    assert listening.bodies() == []


def test_a_body_that_the_server_drops_is_not_taken_for_a_forgery(listening) -> None:
    with Wire(listening.url) as wire:
        wire.post(BODY, "Connection: Upgrade", "Upgrade: h2c")
        status, _, body = wire.answer()
    assert status == 503
    assert b"body.missing" in body


def test_what_is_kept_of_a_request_is_bounded_whatever_it_holds(listening) -> None:
    long = "a" * 50_000
    with Wire(listening.url) as wire:
        wire.post(message("1"), f"Content-Type: {long}")
        assert wire.status() == 200
        wire.post(message("2"), f"Content-Type: {long}", f"X-Exl-Signature: {long}")
        assert wire.status() == 401
        wire.post(b"x" * 200_000, path=f"/webhooks/{long}")
        assert wire.status() == 404
    until(lambda: len(listening.inbox.rejections(limit=9)) == 2)
    (event,) = listening.inbox.events(EVERY, limit=9)
    assert len(event.content_type) <= 100
    for kept in listening.inbox.rejections(limit=9):
        names = (kept.profile, kept.method, kept.content_type, kept.signature)
        assert max(map(len, names)) <= 100


@pytest.mark.parametrize("path", ["/webhooks/main", "/webhooks/main/"])
def test_a_bug_of_ours_costs_no_event_and_tells_nothing_of_it(
    monkeypatch, listening, caplog: pytest.LogCaptureFixture, path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("a reader's name")

    with monkeypatch.context() as broken, Wire(listening.url) as wire:
        broken.setattr(short_way, "accept", fail)
        broken.setattr(asgi, "answer", fail)
        wire.post(message("1"), path=path)
        status, headers, _ = wire.answer()
        assert (status, headers["retry-after"]) == (503, "60")
    assert "request.failed" in caplog.messages
    assert "a reader's name" not in caplog.text
    with Wire(listening.url) as wire:
        wire.post(message("1"), path=path)
        assert wire.status() == 200


def test_the_short_way_and_the_long_way_send_the_same_headers(listening) -> None:
    answers = []
    for path in "/webhooks/main", "/webhooks/main/":
        with Wire(listening.url) as wire:
            wire.post(b"forged", path=path)
            wire.post(message("1"), path=path)
            answers += [(status, sorted(headers)) for status, headers, _ in two_answers(wire)]
    assert answers[:2] == answers[2:]


def two_answers(wire: Wire) -> list[tuple[int, dict[str, str], bytes]]:
    return [wire.answer(), wire.answer()]


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(listening) -> None:
    with Wire(listening.url) as wire:
        wire.send(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue", body=BODY))
        assert wire.status() == 100
        wire.send(BODY)
        assert wire.status() == 200


def test_a_client_that_wants_to_close_after_its_request_is_let_go(listening) -> None:
    with Wire(listening.url) as wire:
        wire.post(BODY, "Connection: close")
        status, headers, _ = wire.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert wire.is_closed()


@pytest.mark.parametrize("secret", [SECRET, "somebody else's"])
def test_an_answered_request_is_forgotten_without_the_garbage_collector(listening, secret) -> None:
    sent = request(message("1"), secret=secret)
    gc.collect()
    gc.disable()
    try:
        with Wire(listening.url) as wire:
            for _ in range(100):
                wire.send(sent)
                assert wire.status() in {200, 401}
            until(lambda: kept(exchange.Exchange) <= 1)
            for module in http, short_way:
                until(lambda of=module.__name__: kept(FrameType, of=of) == 0)
    finally:
        gc.enable()


def kept(kind: type, *, of: str = "") -> int:
    """Count the objects of a kind that are there; of frames, those of a module."""
    found = [one for one in gc.get_objects() if isinstance(one, kind)]
    return len([one for one in found if not of or one.f_globals["__name__"] == of])
