"""Finds out why a signature does not match: what was changed on the way, and would match.

The usual causes, seen in listeners and in the samples they were copied from: a newline that an
editor or a shell added, line ends, JSON that was parsed and written again, a secret that was pasted
with blanks or quotes, a text encoding, and a signature in another spelling.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hmac import compare_digest, digest
from typing import Any

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which bytes can differ from what was signed."""

    words: str
    value: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What would match.

    Attributes:
        secret_number: Which of the secrets, counted from 1.
        words: What differs, each in a few words.
    """

    secret_number: int
    words: Sequence[str]


def find_cause(body: bytes, *, signature: str, secrets: Sequence[bytes]) -> Cause | None:
    """Look for the smallest change of body, secret and spelling that makes a signature match."""
    given = _spelled(signature.strip())
    bodies = list(_bodies(body))
    found = [
        Cause(secret_number=number, words=words)
        for number, secret in enumerate(secrets, start=1)
        for changed_secret in _secrets(secret)
        for changed_body in bodies
        for words in _matching(changed_body, changed_secret, given)
    ]
    return min(found, key=lambda cause: len(cause.words), default=None)


def _matching(body: Change, secret: Change, given: bytes) -> Iterator[list[str]]:
    if not secret.value:
        return
    real = digest(secret.value, body.value, "sha256")
    for spelling, spell in _SPELLINGS.items():
        if compare_digest(spell(real), given):
            yield [words for words in (body.words, secret.words, spelling) if words]


def _spelled(signature: str) -> bytes:
    return signature.encode("utf-8", "replace")


def _hex(value: bytes) -> bytes:
    return value.hex().encode("ascii")


_SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "": b64encode,
    "the signature is written in hexadecimal, and Alma's in base64": _hex,
    "the signature is written in capital hexadecimal, and Alma's in base64": lambda value: _hex(
        value
    ).upper(),
    "the signature is the base64 of its hexadecimal form": lambda value: b64encode(_hex(value)),
    "the signature lacks its = at the end": lambda value: b64encode(value).rstrip(b"="),
    "the signature is in the base64 of URLs, with - and _": urlsafe_b64encode,
}


def _secrets(secret: bytes) -> Iterator[Change]:
    yield Change("", secret)
    bare = secret.strip()
    if bare != secret:
        yield Change("the secret without the blanks around it", bare)
    yield Change("the secret with a newline at its end", secret + b"\n")
    yield Change("the secret with a blank at its end", secret + b" ")
    yield Change("the secret with a blank before it", b" " + secret)
    for quote in (b'"', b"'"):
        if bare[:1] == bare[-1:] == quote:
            yield Change("the secret without the quotes around it", bare[1:-1])
        yield Change("the secret with quotes around it", quote + secret + quote)


def _bodies(body: bytes) -> Iterator[Change]:
    yield Change("", body)
    yield from _line_ends(body)
    if body.startswith(_BOM):
        yield Change("the body without the byte order mark before it", body[len(_BOM) :])
    yield from _encodings(body)
    yield from _written_again(body)


def _line_ends(body: bytes) -> Iterator[Change]:
    bare = body.rstrip(b"\r\n")
    if bare != body:
        yield Change("the body without the newline at its end", bare)
    yield Change("the body with a newline at its end", body + b"\n")
    yield Change("the body with CRLF at its end", body + b"\r\n")
    if body.strip() != body:
        yield Change("the body without the blanks around it", body.strip())
    if b"\r\n" in body:
        yield Change("the body with LF instead of CRLF", body.replace(b"\r\n", b"\n"))
    elif b"\n" in body:
        yield Change("the body with CRLF instead of LF", body.replace(b"\n", b"\r\n"))
        yield Change("the body with its line ends taken out", body.replace(b"\n", b""))


def _encodings(body: bytes) -> Iterator[Change]:
    if body.isascii():
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
        yield Change("the body in UTF-8 instead of Latin-1", text.encode("utf-8"))
        return
    yield Change("the body in ASCII, with ? for other letters", text.encode("ascii", "replace"))
    yield Change("the body in Latin-1 instead of UTF-8", text.encode("latin-1", "replace"))


def _written_again(body: bytes) -> Iterator[Change]:
    """Write the JSON anew, as the usual libraries do."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    for words, written in _json_forms(document):
        try:
            value = written.encode("utf-8")
        except UnicodeEncodeError:
            continue
        if value != body:
            yield Change(words, value)


def _json_forms(document: Any) -> Iterator[tuple[str, str]]:
    compact = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    again = "the JSON parsed and written again"
    yield f"{again}, compact (JavaScript's JSON.stringify)", compact
    yield f"{again}, compact, with / as \\/ (PHP)", compact.replace("/", "\\/")
    yield f"{again}, with blanks and \\u (Python's json.dumps)", json.dumps(document)
    yield f"{again}, with blanks", json.dumps(document, ensure_ascii=False)
    yield f"{again}, compact, with \\u", json.dumps(document, separators=(",", ":"))
    compact_php = json.dumps(document, separators=(",", ":")).replace("/", "\\/")
    yield f"{again}, compact, with \\u and \\/ (PHP's json_encode)", compact_php
    in_order = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    yield f"{again}, compact, its keys in alphabetical order", in_order
    for indent in (2, 4):
        indented = json.dumps(document, ensure_ascii=False, indent=indent)
        yield f"{again}, indented by {indent}", indented
