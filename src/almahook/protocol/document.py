"""From the body of a message to one plain mapping, whatever decodes its JSON.

It is apart from the decoder, because a function on AWS has one that loads no msgspec.
"""

from __future__ import annotations

import re

from almahook.errors.message import (
    EmptyBodyError,
    EncodingError,
    JSONError,
    MessageError,
    NestingError,
)
from almahook.protocol.limits import MAX_DEPTH
from almahook.protocol.utf8 import is_utf8

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Decode = Callable[[bytes], Any]

_BLANK = b" \t\r\n"
_UTF8_BOM = b"\xef\xbb\xbf"
# Every escape of JSON, so that an escaped backslash is not taken for the start of another one;
# the group is half a character, which a text has that was cut within an emoji.
_ESCAPE = rb"(?s)\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
_REPLACEMENT = b"\\ufffd"


def read_document(body: bytes, decode: Decode) -> dict[str, Any]:
    """Turn a body into one plain mapping of the shape that Alma's JSON has.

    JSON and XML are told apart by their first character: the Content-Type is only a claim.

    ``decode`` reads JSON in UTF-8, and raises ValueError when it is none, or has half a character.
    Of a key that is there twice the last value counts, as it does in nearly every parser.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    start = body.removeprefix(_UTF8_BOM).lstrip(_BLANK)
    if not start:
        raise EmptyBodyError
    document = _parse_xml(start) if start.startswith(b"<") else _parse_json(start, decode)
    if not isinstance(document, dict):
        raise MessageError
    return document


def require_shallow(document: Any, text: bytes) -> None:
    """Refuse what only a short stack of calls can read: it must be readable wherever it is read.

    Raises:
        NestingError: It is nested deeper than any message of Alma's.
    """
    if has_few_brackets(text):
        return
    level = [document]
    for _ in range(MAX_DEPTH):
        inner = (one for parent in level for one in _values(parent))
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise NestingError


def has_few_brackets(text: bytes) -> bool:
    """Say whether there are too few brackets to be nested too deep, as in most messages."""
    # Replacing finds them by memchr, several times as fast as counting does, and may stop.
    most = MAX_DEPTH + 1
    rest = text.replace(b"{", b"", most).replace(b"[", b"", most)
    return len(text) - len(rest) <= MAX_DEPTH


def mended(text: bytes) -> bytes:
    """Return JSON with the halves of characters replaced."""
    return re.sub(_ESCAPE, lambda found: _REPLACEMENT if found[1] else found[0], text)


def _parse_xml(text: bytes) -> dict[str, Any]:
    # Nearly nobody has it.
    from almahook.protocol.xml import parse_xml  # noqa: PLC0415

    return parse_xml(text)


def _parse_json(text: bytes, decode: Decode) -> Any:
    try:
        return decode(text)
    except RecursionError:
        raise NestingError from None
    except ValueError:
        if not is_utf8(text):
            raise EncodingError from None
        whole = mended(text)
        if whole == text:
            raise JSONError from None
    return _parse_json(whole, decode)


def _values(parent: Any) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent
