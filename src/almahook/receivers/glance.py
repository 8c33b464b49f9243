"""The head of the request that Alma sends, read at one glance.

It takes what every parser reads alike, the plainest form that HTTP has: a POST to a listener URL,
fields of printable ASCII and none of them twice, the length of the body, and nothing about the
connection but that it is kept. Whatever else comes is for the real parser.
https://www.rfc-editor.org/rfc/rfc9112

A head that differs from the last ones in nothing but its signature and its length, as those of one
sender do, is recognised and not read again. Another is learned only after many were read: learning
one takes hundreds of times as long as reading one, and anybody can send what is new.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

from almahook.protocol import SIGNATURE_HEADER

MAX_GLANCE_BODY_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 8 * 1024

_END = b"\r\n\r\n"
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[\t ]*+((?:[\x21-\x7e][\t\x20-\x7e]*+)?+)")
_SOME_LENGTH = rb"[1-9][0-9]{0,5}"
_LENGTH = re.compile(_SOME_LENGTH)
_SIGNATURE = SIGNATURE_HEADER.lower().encode("ascii")
# The fields whose values differ from one request to the next.
_DIFFERS = re.compile(rb"(?i)(\r\nx-exl-signature:[\t ]*|\r\ncontent-length:[\t ]*)[^\r]*")
# In a plain head no field is there twice: what stands before both, between them and after.
_PARTS = 5
_SOME_SIGNATURE = rb"[A-Za-z0-9+/]{43}="
_LONGEST_LEARNED = 2048
_READ_BETWEEN = 1000
# What is said of the connection, or of how the body comes.
_SPECIAL = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})
_USUAL = (b"connection", b"keep-alive")

T = TypeVar("T")


class Glance(msgspec.Struct, Generic[T], frozen=True):
    """A request as far as its head tells.

    Attributes:
        signature: Empty when there is none.
        announced: Bytes of the body.
        body_from: Where it begins.
    """

    target: T
    signature: bytes
    content_type: str
    announced: int
    body_from: int


def request_line(path: str) -> bytes:
    """Say how a POST to a path begins."""
    return f"POST {path} HTTP/1.1".encode("ascii")


# Its target, its signature, its content type and its body.
Whole = tuple[T, bytes, str, bytes]


class _Layout(Generic[T]):
    """A plain head, to be found again with another signature and another length.

    Args:
        parts: The head, cut at these two values.
        seen: The request that had it.
    """

    def __init__(self, parts: Sequence[bytes], seen: Glance[T]) -> None:
        before, signed_or_long, between, long_or_signed, after = map(re.escape, parts)
        first, second = _spelled(signed_or_long), _spelled(long_or_signed)
        self._match = re.compile(before + first + between + second + after).match
        self._target = seen.target
        self._content_type = seen.content_type

    def read(self, data: bytes) -> Glance[T] | None:
        """Read a head that has this layout, and values that are spelled as they should be."""
        found = self._match(data)
        if found is None:
            return None
        signature, length = found.group("signature", "length")
        return Glance(self._target, signature, self._content_type, int(length), found.end())

    def read_whole(self, data: bytes) -> Whole[T] | None:
        """Read a request that is all of the data, and has such a head."""
        found = self._match(data)
        if found is None:
            return None
        signature, length = found.group("signature", "length")
        body = data[found.end() :]
        if len(body) != int(length):
            return None
        return self._target, signature, self._content_type, body


def _spelled(field: bytes) -> bytes:
    """Add to a field the values that are right."""
    if b"length" in field.lower():
        return field + b"(?P<length>" + _SOME_LENGTH + b")"
    return field + b"(?P<signature>" + _SOME_SIGNATURE + b")"


class Glancer(Generic[T]):
    """Reads the heads of one listener.

    Args:
        targets: What is looked for, by its request line.
        max_body_bytes: A request with a longer body is for the parser.
    """

    def __init__(
        self, targets: Mapping[bytes, T], *, max_body_bytes: int = MAX_GLANCE_BODY_BYTES
    ) -> None:
        self._targets = targets
        self._max_body_bytes = max_body_bytes
        self._layout: _Layout[T] | None = None
        self._last: Sequence[bytes] = ()
        # How many were read since one was learned.
        self._read = _READ_BETWEEN

    def glance(self, data: bytes) -> Glance[T] | None:
        """Read a head that is whole and plain, at the beginning of data; None if it is not."""
        seen = None if self._layout is None else self._layout.read(data)
        if seen is None:
            seen = glance(data, self._targets)
            self._read += 1
            if seen is not None and self._read > _READ_BETWEEN:
                self._learn(data, seen)
        return None if seen is None or seen.announced > self._max_body_bytes else seen

    def recognise(self, data: bytes) -> Whole[T] | None:
        """Read a request that is all of the data, if its head is like the last ones."""
        whole = None if self._layout is None else self._layout.read_whole(data)
        return None if whole is None or len(whole[-1]) > self._max_body_bytes else whole

    def _learn(self, data: bytes, seen: Glance[T]) -> None:
        """Recognise from now on what has come twice in a row."""
        if seen.body_from >= _LONGEST_LEARNED:
            return
        parts = _DIFFERS.split(data[: seen.body_from])
        if parts == self._last and len(parts) == _PARTS:
            self._layout = _Layout(parts, seen)
            self._read = 0
        self._last = parts


def glance(data: bytes, targets: Mapping[bytes, T]) -> Glance[T] | None:
    """Read a head that is whole and plain; None if it is anything else.

    Args:
        data: What has come, from the beginning of a request on.
        targets: What is looked for, by its request line.
    """
    end = data.find(_END, 0, _MAX_HEAD_BYTES)
    line, *fields = data[: max(end, 0)].split(b"\r\n")
    target = targets.get(line)
    return None if target is None else _glance(target, fields, end + len(_END))


def _glance(target: T, fields: Sequence[bytes], body_from: int) -> Glance[T] | None:
    read = [*map(_read, fields)]
    found = dict(one for one in read if one is not None)
    if len(found) < len(fields):
        return None
    announced = _announced(found.get(b"content-length", b""))
    if not announced:
        return None
    signature = found.get(_SIGNATURE, b"")
    content_type = found.get(b"content-type", b"").decode("ascii")
    return Glance(target, signature, content_type, announced, body_from)


def _announced(length: bytes) -> int:
    """Read a length; 0 for one that is none, or too large for a glance."""
    announced = int(length) if _LENGTH.fullmatch(length) else 0
    return announced if announced <= MAX_GLANCE_BODY_BYTES else 0


# Nearly all fields are the same in every request.
@lru_cache(maxsize=256)
def _read(field: bytes) -> tuple[bytes, bytes] | None:
    """Read a field's name, in lower case, and its value; None if it takes the parser."""
    matched = _FIELD.fullmatch(field)
    if matched is None:
        return None
    name, value = matched[1].lower(), matched[2].rstrip(b"\t ")
    is_special = name in _SPECIAL and (name, value.lower()) != _USUAL
    return None if is_special else (name, value)
