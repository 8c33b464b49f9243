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
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

# Text of a message names things in logs, queries and file listings: a plain name, nothing else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,99}")
# Ids are keys, and stores limit the length of a key: PostgreSQL to 2704 bytes, DynamoDB to 1024.
# Alma's own have up to 19 digits, and a user's primary id up to 255 characters.
_LONGEST = 255
# A header can be anything; so much of it is kept with an event.
LONGEST_CONTENT_TYPE = 100


def fields_of(document: dict[str, Any], make: Callable[..., T]) -> T:
    """Make something of the fields of a parsed message, which are ``Envelope``'s.

    Raises:
        InvalidActionError: The action or the event is missing or no plain name.
    """
    action = _name(document.get("action"))
    if not action:
        raise InvalidActionError
    action = action.upper()
    return make(
        id=_id(document.get("id")),
        action=action,
        event=_name(document.get("event")),
        institution=_short(document.get("institution")),
        time=_short(document.get("time")),
        subject=_id(_subject(document, action)),
    )


def digest_id(data: bytes) -> str:
    """Make an id of bytes: the same for the same ones."""
    return f"sha256:{sha256(data).hexdigest()}"


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
    return text if _is_plain(text) else digest_id(text.encode("utf-8", "surrogatepass"))


def _is_plain(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()


def _subject(document: dict[str, Any], action: str) -> Any:
    known = ACTIONS.get(action)
    if known is None:
        return None
    value = document.get(known.payload)
    for key in known.subject:
        if type(value) is list and value:
            value = value[0]
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value
