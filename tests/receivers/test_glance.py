"""The short way takes nothing that the parser would read otherwise."""

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from almahook.protocol.message import signature_bytes
from almahook.receivers.glance import MAX_GLANCE_BODY_BYTES, Glance, Glancer, glance, request_line
from almahook.receivers.head import Head

TARGETS = {request_line("/webhooks/main"): "main", request_line("/webhooks/sandbox"): "sandbox"}
LINE = b"POST /webhooks/main HTTP/1.1"


def request(*fields: bytes, line: bytes = LINE, body: bytes = b'{"a":1}') -> bytes:
    return b"\r\n".join([line, *fields, b"", b""]) + body


def plain(*more: bytes) -> bytes:
    return request(b"Host: hooks.example.edu", b"Content-Length: 7", *more)


def head(seen: Glance[str]) -> tuple[object, ...]:
    """Return what a glance has seen."""
    return seen.signature, seen.content_type, seen.announced, False


def parsed_head(data: bytes) -> tuple[object, ...]:
    """Return the same as what reads a parser's headers says it."""
    signature, *rest = Head.of(Parsed(data).headers)
    return signature_bytes(signature), *rest


class Parsed:
    """What httptools makes of a request, as uvicorn uses it."""

    def __init__(self, data: bytes) -> None:
        self.url, self.body, self.headers, self.ended = b"", b"", [], 0
        parser = httptools.HttpRequestParser(self)
        self.parser = parser
        parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1
        # What is asked of a plain POST on a connection that is kept.
        assert self.parser.get_method() == b"POST"
        assert self.parser.get_http_version() == "1.1"
        assert self.parser.should_keep_alive()
        assert not self.parser.should_upgrade()


def test_a_plain_request_is_taken_with_what_its_head_says() -> None:
    data = plain(b"Content-Type: application/json", b"X-Exl-Signature: abc=", b"X-Other: a, b")
    seen = glance(data, TARGETS)
    assert seen is not None
    assert seen.target == "main"
    assert head(seen) == (b"abc=", "application/json", 7, False)
    assert data[seen.body_from :] == b'{"a":1}'


@pytest.mark.parametrize(
    "field",
    [
        b"CONTENT-TYPE:application/json",
        b"Content-Type:  \t application/json \t",
        b"X-Empty:",
        b"Connection: keep-alive",
        b"connection:Keep-Alive",
    ],
)
def test_fields_that_every_parser_reads_alike_are_taken(field: bytes) -> None:
    seen = glance(plain(field), TARGETS)
    assert seen is not None
    assert head(seen) == parsed_head(plain(field))


@pytest.mark.parametrize(
    "data",
    [
        request(b"Content-Length: 7", line=b"GET /webhooks/main HTTP/1.1"),
        request(b"Content-Length: 7", line=b"POST /webhooks/main HTTP/1.0"),
        request(b"Content-Length: 7", line=b"POST  /webhooks/main HTTP/1.1"),
        request(b"Content-Length: 7", line=b"POST /webhooks/other HTTP/1.1"),
        request(b"Content-Length: 7", line=b"POST /webhooks/main?a=b HTTP/1.1"),
        request(b"Content-Length: 7", line=b"\r\n" + LINE),
        request(),
        request(b"Host: a"),
        request(b"Content-Length: 7", b"Content-Length: 7"),
        request(b"Content-Length: +7"),
        request(b"Content-Length: 7, 7"),
        request(b"Content-Length: 0"),
        request(b"Content-Length: 07"),
        request(b"Content-Length : 7"),
        request(b"Content-Length: \xb2"),
        request(b"Content-Length: 1_0"),
        request(b"Content-Length:"),
        request(b"Content-Length: %d" % (MAX_GLANCE_BODY_BYTES + 1)),
        plain(b"Transfer-Encoding: chunked"),
        plain(b"transfer-encoding: identity"),
        plain(b"Expect: 100-continue"),
        plain(b"Upgrade: h2c"),
        plain(b"Connection: close"),
        plain(b"Connection: keep-alive, close"),
        plain(b"Connection: upgrade"),
        plain(b"X-Exl-Signature: a", b"x-exl-signature: b"),
        plain(b"X-Folded: a\r\n b"),
        plain(b" X: a"),
        plain(b"X\x00: a"),
        plain(b"X: a\x00b"),
        plain(b"X: a\nb: c"),
        plain(b"X: a\rb"),
        plain(b"X: \xe9"),
        plain(b"no colon"),
        plain(b": no name"),
        plain(b"X-Long: " + b"a" * 9000),
        plain()[:-9],
        plain().replace(b"\r\n", b"\n"),
        b"",
        b"\r\n\r\n",
    ],
)
def test_everything_else_is_left_to_the_parser(data: bytes) -> None:
    assert glance(data, TARGETS) is None


NAMES = st.sampled_from(
    [
        *(b"Host", b"Content-Length", b"content-length", b"Content-Type", b"X-Exl-Signature"),
        *(
            b"Transfer-Encoding",
            b"Connection",
            b"Expect",
            b"Upgrade",
            b"X-Other",
            b"Content_Length",
        ),
    ]
)
VALUES = st.sampled_from(
    [
        *(b"7", b"07", b"0", b"7 ", b"+7", b"chunked", b"keep-alive", b"close", b"100-continue"),
        *(b"", b"a b", b"\ta", b"a\x0bb", b"a\x7f", b"a\x85", b"websocket", b"application/json"),
    ]
)
FIELDS = st.tuples(
    NAMES | st.binary(max_size=3),
    st.sampled_from([b": ", b":", b" : ", b":\t", b"", b"\r\n "]),
    VALUES | st.binary(max_size=4),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n"]),
).map(b"".join)


@given(
    fields=st.lists(FIELDS, max_size=5),
    length=st.sampled_from([b"Content-Length: 7\r\n", b"Content-Length:7\r\n", b""]),
    rest=st.binary(max_size=12),
)
@example(fields=[], length=b"Content-Length: 7\r\n", rest=b"")
def test_whatever_is_taken_is_what_the_parser_reads(fields, length, rest) -> None:
    data = LINE + b"\r\n" + length + b"".join(fields) + b"\r\n" + b'{"a":1}' + rest
    seen = glance(data, TARGETS)
    if seen is None:
        return
    whole = data[: seen.body_from + seen.announced]
    if len(whole) < seen.body_from + seen.announced:
        whole = whole.ljust(seen.body_from + seen.announced, b"x")
    parsed = Parsed(whole)
    assert parsed.ended == 1
    assert parsed.url == b"/webhooks/main"
    assert parsed.body == whole[seen.body_from :]
    assert head(seen) == parsed_head(whole)


def signed(*fields: bytes, signature: bytes = b"A" * 43 + b"=", body: bytes = b'{"a":1}') -> bytes:
    length = b"Content-Length: %d" % len(body)
    return request(b"X-Exl-Signature: " + signature, *fields, length, body=body)


def one_that_knows(data: bytes, targets: dict[bytes, str] = TARGETS) -> Glancer[str]:
    """Make one that has read a head so often that it recognises it."""
    glancer = Glancer(targets)
    assert glancer.glance(data) is not None
    assert glancer.glance(data) is not None
    return glancer


@pytest.mark.parametrize(
    "data",
    [
        signed(signature=b"B" * 43 + b"="),
        signed(body=b'{"another": "body"}'),
        signed(signature=b"short"),
        signed(signature=b""),
        signed(signature=b"B" * 43 + b"= "),
        signed(signature=b"B" * 43 + b"=\x00"),
        signed(signature=b"B" * 43 + b"=\r\nX-Other: a"),
        signed(body=b""),
        signed(body=b"x" * MAX_GLANCE_BODY_BYTES),
        signed(body=b"x" * (MAX_GLANCE_BODY_BYTES + 1)),
        signed(b"Transfer-Encoding: chunked"),
        signed().replace(b"/main", b"/sandbox"),
        signed().replace(b"7", b"+7"),
        signed().replace(b"7", b"07"),
        signed()[:40],
        signed()[:-9],
        b"X" + signed(),
    ],
)
def test_one_who_knows_a_head_reads_all_others_as_one_who_knows_none(data: bytes) -> None:
    assert one_that_knows(signed()).glance(data) == glance(data, TARGETS)


def whole(data: bytes) -> tuple[object, ...] | None:
    """Say how a request is recognised that a glance takes for all of the data."""
    seen = glance(data, TARGETS)
    if seen is None or seen.body_from + seen.announced != len(data):
        return None
    return seen.target, seen.signature, seen.content_type, data[seen.body_from :]


@pytest.mark.parametrize(
    ("data", "is_recognised"),
    [
        (signed(), True),
        (signed(signature=b"B" * 43 + b"=", body=b'{"another": "body"}'), True),
        (signed()[:-1], False),
        (signed() + b"P", False),
        (signed() + signed(), False),
        (signed(body=b"x" * MAX_GLANCE_BODY_BYTES), True),
        (signed(body=b"x" * (MAX_GLANCE_BODY_BYTES + 1)), False),
        (signed(b"X-Other: a"), False),
    ],
)
def test_what_is_recognised_is_a_whole_request_and_nothing_else(data, is_recognised) -> None:
    recognised = one_that_knows(signed()).recognise(data)
    assert recognised == (whole(data) if is_recognised else None)
    assert (recognised is not None) == is_recognised


def test_nothing_is_recognised_before_a_head_came_twice() -> None:
    glancer = Glancer(TARGETS)
    assert glancer.recognise(signed()) is None
    glancer.glance(signed())
    assert glancer.recognise(signed()) is None


def test_a_body_that_is_longer_than_is_taken_is_left_to_the_parser() -> None:
    glancer = Glancer(TARGETS, max_body_bytes=7)
    longer = signed(body=b'{"a":12}')
    for _ in range(2):
        assert glancer.glance(longer) is None
        assert glancer.glance(signed()) is not None
    for _ in range(2):
        assert glancer.glance(signed()) is not None
    assert glancer.recognise(signed()) is not None
    assert glancer.recognise(longer) is None
    assert glancer.glance(longer) is None


@pytest.mark.parametrize("first", ["signature", "length"])
def test_a_head_that_is_known_is_read_whichever_of_its_values_comes_first(first: str) -> None:
    fields = [b"X-Exl-Signature: " + b"A" * 43 + b"=", b"Host: a", b"content-length: 7"]
    data = request(*(fields if first == "signature" else reversed(fields)))
    other = data.replace(b"AAA", b"abc").replace(b"7\r\n", b"19\r\n")
    seen = one_that_knows(data).glance(other)
    assert seen == glance(other, TARGETS)
    assert seen is not None
    assert seen.announced == 19


def test_heads_that_change_all_the_time_are_read_all_the_same() -> None:
    glancer = Glancer(TARGETS)
    for number in range(20):
        data = signed(b"X-Request-Id: %d" % number)
        assert glancer.glance(data) == glance(data, TARGETS)


@pytest.mark.parametrize(("times", "is_recognised"), [(10, False), (1010, True)])
def test_another_head_is_recognised_only_after_many_were_read(times, is_recognised) -> None:
    targets = dict(TARGETS)
    glancer = one_that_knows(signed(), targets)
    other = signed(b"X-Other: a")
    for _ in range(times):
        glancer.glance(other)
    # What is recognised is not looked up.
    targets.clear()
    assert (glancer.glance(other) is not None) == is_recognised
    assert (glancer.glance(signed()) is not None) != is_recognised


CHANGES = st.tuples(st.integers(0, len(signed())), st.integers(0, 3), st.binary(max_size=3))


@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_however_a_known_head_is_changed_it_is_read_as_one_that_is_new(changes) -> None:
    glancer = one_that_knows(signed())
    data = signed()
    for place, length, put in changes:
        data = data[:place] + put + data[place + length :]
    assert glancer.glance(data) == glance(data, TARGETS)
    assert glancer.recognise(data) in (None, whole(data))
