"""The rows about POST that is not taken in."""

import gzip
from collections.abc import Iterator

import msgspec

from almahook.errors import (
    AlmaHookError,
    BodyTooLargeError,
    EmptyBodyError,
    EncodingError,
    ForbiddenXMLError,
    InvalidActionError,
    JSONError,
    MalformedSignatureError,
    MessageError,
    MissingSignatureError,
    NestingError,
    NoSecretError,
    SignatureMismatchError,
    UnknownPathError,
    UnknownProfileError,
    XMLError,
)
from almahook.protocol import sign
from almahook.protocol.reply import Mode
from almahook.testing.host_contract.exchange import HTTPRequest, Row
from almahook.testing.host_contract.given import (
    MAX_BODY_BYTES,
    OLDER_SECRET,
    RETRY,
    SECRET,
    message,
    refused,
    signed,
    with_signature,
)

_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    b"<webhook><id>1</id><action>LOAN</action><x>&b;</x></webhook>"
)
_OUTSIDE = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    b"<webhook><id>1</id><action>LOAN</action><x>&e;</x></webhook>"
)


def refusal_rows(mode: Mode) -> Iterator[Row]:
    """Yield the rows."""
    yield from _unproven(mode)
    yield from _no_message()
    yield from _no_place()


def _unproven(mode: Mode) -> Iterator[Row]:
    body = message("refused")
    right = sign(body, secret=SECRET.encode("utf-8"))
    mismatch, malformed = SignatureMismatchError, MalformedSignatureError
    yield _unsigned(mode, "without a signature", with_signature(body), MissingSignatureError)
    yield _unsigned(
        mode, "with a blank signature", with_signature(body, " "), MissingSignatureError
    )
    for what, signatures, error in (
        ("of another secret", (sign(body, secret=b"another"),), mismatch),
        ("of another body", (sign(body + b" ", secret=SECRET.encode()),), mismatch),
        ("that is no base64", ("not base64!",), malformed),
        ("that is too short", (right[:-4],), malformed),
        ("without its padding", (right.rstrip("="),), malformed),
        ("with a label before it", (f"sha256={right}",), malformed),
        ("that is sent twice", (right, right), malformed),
    ):
        request = with_signature(body, *signatures)
        yield _unsigned(mode, f"with a signature {what}", request, error)
    decompressed = HTTPRequest(
        headers=(("X-Exl-Signature", right), ("Content-Encoding", "gzip")), body=gzip.compress(body)
    )
    yield _unsigned(mode, "signed before it was compressed", decompressed, mismatch)
    patient = signed(body, secret=OLDER_SECRET, path="/webhooks/patient")
    yield _unsigned(mode, "to a profile that asks Alma to wait", patient, mismatch, status=503)


def _unsigned(
    mode: Mode, what: str, request: HTTPRequest, error: type[AlmaHookError], *, status: int = 401
) -> Row:
    headers = RETRY if status == 503 else {}  # noqa: PLR2004 - the status that has it
    row = refused(f"a message {what} is refused", request, error, status, headers=headers)
    if mode == "inbox":
        return row
    body = msgspec.json.encode("Signature invalid")
    return Row(name=row.name, request=request, status=status, body=body, headers=row.headers)


def _no_message() -> Iterator[Row]:
    for what, body, error in (
        ("an empty body", b"", EmptyBodyError),
        ("blanks", b" \r\n", EmptyBodyError),
        ("truncated JSON", b'{"id":"1","action":"LO', JSONError),
        ("two documents", b'{"id":"1","action":"LOAN"}{}', JSONError),
        ("JSON that is no object", b'["LOAN"]', MessageError),
        ("an object without an action", b'{"id":"1"}', InvalidActionError),
        ("deep nesting", b'{"id":"1","action":"LOAN","x":' + b"[" * 30_000, NestingError),
        ("invalid UTF-8", b'{"id":"1","action":"LOAN","x":"\xff"}', EncodingError),
        ("Latin-1", '{"id":"1","action":"LOAN","x":"é"}'.encode("latin-1"), EncodingError),
        ("a path as its action", message("1", action="../../index"), InvalidActionError),
        ("a line break in its action", message("1", action="LOAN\\nITEM"), InvalidActionError),
        ("an XML bomb", _BOMB, ForbiddenXMLError),
        ("an XML entity from outside", _OUTSIDE, ForbiddenXMLError),
        ("deeply nested XML", b"<a>" * 65, NestingError),
        ("truncated XML", b"<webhook><id>1</id><action>LO", XMLError),
    ):
        yield refused(f"a signed message of {what} is refused", signed(body), error, 400)
    form = signed(b"id=1&action=LOAN", content_type="application/x-www-form-urlencoded")
    yield refused("a signed form is refused", form, JSONError, 400)


def _no_place() -> Iterator[Row]:
    yield refused(
        "a message to a profile that is not configured is refused",
        signed(message("refused"), path="/webhooks/nobody"),
        UnknownProfileError,
        404,
    )
    yield refused(
        "a message to a profile without a secret has to wait",
        signed(message("refused"), path="/webhooks/silent"),
        NoSecretError,
        503,
        headers=RETRY,
    )
    yield refused(
        "a message over the limit is refused",
        signed(message("refused", more=f',"x":"{"x" * MAX_BODY_BYTES}"')),
        BodyTooLargeError,
        413,
    )
    yield refused(
        "nothing is served beside the listener's paths",
        HTTPRequest(method="GET", path="/nothing"),
        UnknownPathError,
        404,
    )
