"""The head of the request that Alma sends, read at one glance.

It takes what every parser reads alike, the plainest form that HTTP has: a POST to a listener URL,
fields of printable ASCII and none of them twice, the length of the body, and nothing about the
connection but that it is kept. Whatever else comes is for the real parser.
https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from almahook.protocol import SIGNATURE_HEADER
from almahook.receivers.head import Head

MAX_GLANCE_BODY_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 8 * 1024

_END = b"\r\n\r\n"
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[\t ]*+((?:[\x21-\x7e][\t\x20-\x7e]*+)?+)")
_LENGTH = re.compile(rb"[1-9][0-9]{0,5}")
_SIGNATURE = SIGNATURE_HEADER.lower().encode("ascii")
# What is said of the connection, or of how the body comes.
_SPECIAL = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})
_USUAL = (b"connection", b"keep-alive")

T = TypeVar("T")


class Glance(NamedTuple, Generic[T]):
    """A request as far as its head tells.

    Attributes:
        body_from: Where the body begins.
    """

    target: T
    head: Head
    body_from: int


def request_line(path: str) -> bytes:
    """Say how a POST to a path begins."""
    return f"POST {path} HTTP/1.1".encode("ascii")


def glance(data: bytes, targets: Mapping[bytes, T]) -> Glance[T] | None:
    """Read a head that is whole and plain; None if it is anything else.

    Args:
        data: What has come, from the beginning of a request on.
        targets: What is looked for, by its request line.
    """
    end = data.find(_END, 0, _MAX_HEAD_BYTES)
    line, *fields = data[: max(end, 0)].split(b"\r\n")
    target = targets.get(line)
    head = None if target is None else _head(fields)
    return None if target is None or head is None else Glance(target, head, end + len(_END))


def _head(fields: Sequence[bytes]) -> Head | None:
    read = [*map(_read, fields)]
    found = dict(one for one in read if one is not None)
    if len(found) < len(fields):
        return None
    length = found.get(b"content-length", b"")
    if not _LENGTH.fullmatch(length) or (announced := int(length)) > MAX_GLANCE_BODY_BYTES:
        return None
    signature = found.get(_SIGNATURE)
    return Head(
        signature=None if signature is None else signature.decode("ascii"),
        content_type=found.get(b"content-type", b"").decode("ascii"),
        announced=announced,
        is_chunked=False,
    )


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
