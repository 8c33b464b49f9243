"""The rules for the few fields around every message of Alma's: names, ids, and what it is about.

They are apart from the parser, because a function on AWS loads them without msgspec.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from almahook.errors.message import InvalidActionError
from almahook.protocol.vocabulary import ACTIONS

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    # The id, the action, the event, the institution, the time and the subject.
    Fields = tuple[str, str, str, str, str, str]

# Text of a message names things in logs, queries and file listings: a plain name, nothing else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,99}")
# Ids are keys, and stores limit the length of a key: PostgreSQL to 2704 bytes, DynamoDB to 1024.
# Alma's own have up to 19 digits, and a user's primary id up to 255 characters.
_LONGEST = 255
# A header can be anything; so much of it is kept with an event.
LONGEST_CONTENT_TYPE = 100


def fields_of(document: dict[str, Any]) -> Fields:
    """Return the fields of a parsed message, which ``Envelope`` explains.

    Raises:
        InvalidActionError: The action or the event is missing or no plain name.
    """
    action = _action(_text(document.get("action")))
    known = ACTIONS.get(action)
    subject = _subject(document.get(known.payload), known.subject) if known else ""
    return (
        _id(_text(document.get("id"))),
        action,
        plain_name(_text(document.get("event"))),
        _short(_text(document.get("institution"))),
        _short(_text(document.get("time"))),
        _id(subject),
    )


# The same few come again and again.
@lru_cache(maxsize=256)
def plain_name(text: str) -> str:
    """Return the name of an action or an event; it can be empty.

    Raises:
        InvalidActionError: It is no plain name.
    """
    if text and not _NAME.fullmatch(text):
        raise InvalidActionError
    return text


def is_plain(text: str) -> bool:
    """Say whether a text can be a key as it is."""
    return len(text) <= _LONGEST and text.isprintable()


def digest_id(data: bytes) -> str:
    """Make an id of bytes: the same for the same ones."""
    return f"sha256:{sha256(data).hexdigest()}"


def _text(value: Any) -> str:
    """Read a plain value, or that of Alma's coded ``{"value", "desc"}``, without blanks around."""
    kind = type(value)
    if kind is dict:
        value = value.get("value")
        kind = type(value)
    if kind is str:
        text: str = value
        return text.strip()
    # A fraction is no id: it has lost the digits that tell two of them apart.
    return str(value) if kind is int else ""


def _subject(payload: Any, path: Iterable[str]) -> str:
    value = payload
    for key in path:
        if type(value) is list and value:
            value = value[0]
        if type(value) is not dict:
            return ""
        value = value.get(key)
    return _text(value)


def _action(text: str) -> str:
    if not text:
        raise InvalidActionError
    return plain_name(text).upper()


def _short(text: str) -> str:
    return text if is_plain(text) else ""


def _id(text: str) -> str:
    return text if is_plain(text) else digest_id(text.encode("utf-8", "surrogatepass"))
