"""The rows about messages that are taken in."""

from collections.abc import Iterator

from almahook.protocol.reply import Mode
from almahook.testing.host_contract.exchange import HTTPRequest, Row
from almahook.testing.host_contract.given import (
    JSON,
    MAX_BODY_BYTES,
    OLDER_SECRET,
    message,
    signed,
    with_signature,
)

_STORED = b'{"status":"stored"}'
_DONE = b'"Done"'
_FAILED = b'"Handler failed"'
_INVALID_ACTION = b'"Invalid action."'


def delivery_rows(mode: Mode) -> Iterator[Row]:
    """Yield the rows."""
    taken = _DONE if mode == "direct" else _STORED
    for what, request in _accepted():
        yield _answered(f"a message {what} is taken in", request, taken)
    once = signed(message("duplicate"))
    yield _answered("a message that is sent again is taken in", once, taken, before=(once,))
    again = signed(message("refused-first"))
    yield _answered(
        "a message is not spoilt by a refused attempt before",
        again,
        taken,
        before=(with_signature(again.body),),
    )
    yield from _outcomes(mode)


def _answered(
    name: str,
    request: HTTPRequest,
    body: bytes,
    *,
    status: int = 200,
    before: tuple[HTTPRequest, ...] = (),
) -> Row:
    return Row(name=name, request=request, status=status, body=body, headers=JSON, before=before)


def _accepted() -> Iterator[tuple[str, HTTPRequest]]:
    yield "signed with the newer secret", signed(message("newer"))
    yield "signed with the older secret", signed(message("older"), secret=OLDER_SECRET)
    yield "to the path with a slash", signed(message("slash"), path="/webhooks/main/")
    for header in ("x-exl-signature", "X-EXL-SIGNATURE", "X-eXl-sIgNaTuRe"):
        yield f"whose header is {header}", signed(message(header), header=header)
    blank = signed(message("blanks"))
    spaced = tuple((name, f"  {value} ") for name, value in blank.headers)
    yield "with blanks around its headers", HTTPRequest(headers=spaced, body=blank.body)
    yield "without a content type", _without_content_type(message("no-type"))
    yield "as large as the limit", signed(_as_large_as_the_limit())
    yield from _spellings()


def _without_content_type(body: bytes) -> HTTPRequest:
    plain = signed(body)
    return HTTPRequest(headers=plain.headers[1:], body=body)


def _as_large_as_the_limit() -> bytes:
    empty = message("limit", more=',"x":""')
    return message("limit", more=f',"x":"{"x" * (MAX_BODY_BYTES - len(empty))}"')


def _spellings() -> Iterator[tuple[str, HTTPRequest]]:
    xml = "<webhook><id>{}</id><action>LOAN</action></webhook>"
    title = ',"item_loan":{"title":"Été à Zürich 東京"}'
    latin = "application/json; charset=ISO-8859-1"
    for what, body, content_type in (
        ("in XML", xml.format("xml").encode(), "application/xml"),
        ("in XML that claims to be JSON", xml.format("xml-json").encode(), "application/json"),
        ("in JSON that claims to be XML", message("json-xml"), "application/xml"),
        ("in JSON that claims to be a page", message("json-html"), "text/html"),
        ("beyond ASCII", message("utf8", more=title), "application/json;charset=UTF-8"),
        ("that claims another charset", message("latin", more=title), latin),
        ("with a byte order mark", b"\xef\xbb\xbf" + message("bom"), "application/json"),
        ("with line breaks around it", b"\r\n" + message("lines") + b"\n", "application/json"),
        ("with an action in lower case", message("lower", action="loan"), "application/json"),
        ("without an id", b'{"action":"LOAN","time":"2024-11-05T16:20:36Z"}', "application/json"),
        ("whose id is a number", b'{"id":7120811384122420557,"action":"LOAN"}', "text/plain"),
        ("with a key twice", b'{"id":"twice","action":"ITEM","action":"LOAN"}', "application/json"),
        ("with a huge number", message("huge", more=',"x":1e999'), "application/json"),
        ("with nulls", message("nulls", more=',"event":null,"bib":null'), "application/json"),
    ):
        yield what, signed(body, content_type=content_type)


def _outcomes(mode: Mode) -> Iterator[Row]:
    """Tell the endings of handlers apart; in inbox mode none of them shows."""
    for action, status, body in (
        ("LOAN", 200, _DONE),
        ("USER", 200, _DONE),
        ("ITEM", 500, _FAILED),
        ("BIB", 500, _FAILED),
        ("REQUEST", 500, _FAILED),
        ("NOTIFICATION", 400, _INVALID_ACTION),
    ):
        first, again = (signed(message(f"{name}-{action}", action=action)) for name in "ab")
        if mode == "inbox":
            yield _answered(f"{action} is stored, whatever its handler does", first, _STORED)
            continue
        yield _answered(f"{action} tells its handler's ending", first, body, status=status)
        yield _answered(
            f"{action} tells its handler's ending when it is sent again",
            again,
            body,
            status=status,
            before=(again,),
        )
