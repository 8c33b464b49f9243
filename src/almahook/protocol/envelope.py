"""The few fields around every message of Alma's, out of JSON or XML.

Two generations of the JSON are in use (explicit nulls, and nulls left out), so absent and null
mean the same here, order means nothing, and what is not known is passed over.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from almahook.errors import (
    DuplicateKeyError,
    EmptyBodyError,
    EncodingError,
    InvalidActionError,
    JSONError,
    MessageError,
    NestingError,
)
from almahook.protocol.limits import MAX_DEPTH
from almahook.protocol.utf8 import is_utf8
from almahook.protocol.value import Value
from almahook.protocol.vocabulary import ACTIONS

# Text of a message names things in logs, queries and file listings: a plain name, nothing else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,99}")
# Ids are keys, and stores limit the length of a key: PostgreSQL to 2704 bytes, DynamoDB to 1024.
# Alma's own have up to 19 digits, and a user's primary id up to 255 characters.
_LONGEST = 255
_BLANK = b" \t\r\n"
_UTF8_BOM = b"\xef\xbb\xbf"
# Every escape of JSON, so that an escaped backslash is not taken for the start of another one;
# the group is half a character, which a text has that was cut within an emoji.
_ESCAPE = rb"(?s)\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
_REPLACEMENT = b"\\ufffd"


class Envelope(Value, frozen=True, kw_only=True):
    """What surrounds every payload.

    An id that is longer than 255 characters or has unprintable ones is known by its SHA-256.

    Attributes:
        id: Alma's id as a string (it exceeds 2**53); empty when the message has none.
        action: Upper case, for example ``JOB_END``; any plain name is legal.
        event: The sub-event, for example ``LOAN_RETURNED``; empty when there is none.
        institution: The institution's code; empty when absent.
        time: As Alma wrote it, for example ``2020-08-17T15:03:24.605Z``; empty when absent.
        subject: The id of the thing the message is about; empty when there is none.
    """

    id: str
    action: str
    event: str = ""
    institution: str = ""
    time: str = ""
    subject: str = ""


def read_envelope(body: bytes) -> Envelope:
    """Read the envelope of a message, JSON or XML.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return envelope_of(parse_document(body))


def envelope_of(document: dict[str, Any]) -> Envelope:
    """Read the envelope out of a parsed message.

    Raises:
        InvalidActionError: The action or the event is missing or no plain name.
    """
    action = _name(document.get("action"))
    if not action:
        raise InvalidActionError
    action = action.upper()
    return Envelope(
        id=_id(document.get("id")),
        action=action,
        event=_name(document.get("event")),
        institution=_short(document.get("institution")),
        time=_short(document.get("time")),
        subject=_id(_subject(document, action)),
    )


def parse_document(body: bytes) -> dict[str, Any]:
    """Turn the body into one plain mapping of the shape that Alma's JSON has.

    JSON and XML are told apart by their first character: the Content-Type is only a claim.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    start = body.removeprefix(_UTF8_BOM).lstrip(_BLANK)
    if not start:
        raise EmptyBodyError
    document = _parse_xml(start) if start.startswith(b"<") else _parse_json(start)
    if not isinstance(document, dict):
        raise MessageError
    return document


def _parse_xml(text: bytes) -> dict[str, Any]:
    # Nearly nobody has it.
    from almahook.protocol.xml import parse_xml  # noqa: PLC0415

    return parse_xml(text)


def _parse_json(text: bytes) -> Any:
    try:
        return _decode(text)
    except RecursionError:
        raise NestingError from None
    except ValueError:
        if not is_utf8(text):
            raise EncodingError from None
        mended = re.sub(_ESCAPE, lambda found: _REPLACEMENT if found[1] else found[0], text)
        if mended == text:
            raise JSONError from None
    return _parse_json(mended)


def _decode(text: bytes) -> Any:
    document = msgspec.json.decode(text)
    # Few brackets cannot be nested deep: an ordinary message is not looked through for it.
    if _has_many(b"{", text) or _has_many(b"[", text):
        _require_shallow(document)
    # What re-encodes to the same bytes has no key twice; Alma's compact form always does.
    if msgspec.json.encode(document) != text:
        json.loads(text, object_pairs_hook=_unique)
    return document


def _has_many(bracket: bytes, text: bytes) -> bool:
    # Splitting leaps from one to the next, and counting looks at every byte.
    half = MAX_DEPTH // 2
    return len(text.split(bracket, half)) > half


def _require_shallow(document: Any) -> None:
    """Refuse what only a short stack of calls can read: it must be readable wherever it is read."""
    level = [document]
    for _ in range(MAX_DEPTH):
        inner = (one for parent in level for one in _values(parent))
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise NestingError


def _values(parent: Any) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise DuplicateKeyError


def _text(value: Any) -> str:
    """Read a plain value, or the ``value`` of Alma's coded ``{"value", "desc"}``."""
    if type(value) is dict:
        value = value.get("value")
    if type(value) is str:
        return value.strip()
    # A fraction is no id: it has lost the digits that tell two of them apart.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _name(value: Any) -> str:
    text = _text(value)
    if text and not _is_name(text):
        raise InvalidActionError
    return text


# The same few come again and again.
@lru_cache(maxsize=256)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _short(value: Any) -> str:
    text = _text(value)
    return text if _is_plain(text) else ""


def _id(value: Any) -> str:
    text = _text(value)
    if _is_plain(text):
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _is_plain(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _subject(document: dict[str, Any], action: str) -> Any:
    known = ACTIONS.get(action)
    if known is None:
        return None
    value: Any = document
    for key in (known.payload, *known.subject):
        if type(value) is list:
            value = value[0] if value else None
        value = value.get(key) if type(value) is dict else None
    return value
