"""Decodes JSON by the json module alone, as strictly as msgspec does.

A function on AWS that only stores a message would take half as long again to load msgspec.
"""

from __future__ import annotations

import json
from math import isinf

from almahook.errors.message import DuplicateKeyError
from almahook.protocol.document import mended, require_shallow

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# msgspec takes no more characters, a sign included.
_LONGEST = 4300


def decode(text: bytes) -> Any:
    """Decode JSON in UTF-8.

    Raises:
        ValueError: It is none, has half a character, or a number that is too large.
        DuplicateKeyError: An object has a key twice.
        NestingError: It is nested too deep.
    """
    if b"\\u" in text and mended(text) != text:
        raise ValueError
    objects = _Objects()
    document = json.loads(
        text.decode("utf-8"),
        object_pairs_hook=objects,
        parse_int=_whole,
        parse_float=_finite,
        parse_constant=_refuse,
    )
    require_shallow(document, text)
    if objects.has_twice:
        raise DuplicateKeyError
    return document


class _Objects:
    """Makes objects, and remembers whether one had a key twice: other faults are told first."""

    def __init__(self) -> None:
        self.has_twice = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        self.has_twice |= len(made) != len(pairs)
        return made


def _whole(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError
    return number


def _refuse(text: str) -> None:
    """Refuse what json takes for a number: NaN and Infinity."""
    raise ValueError(text)
