"""Decodes JSON by the json module alone, as strictly as msgspec does.

A function on AWS that only stores a message would take half as long again to load msgspec.
"""

from __future__ import annotations

import json

from almahook.protocol.document import mended, require_shallow

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Python turns no more digits into a whole number.
# https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation
_LONGEST = 4300


def decode(text: bytes) -> Any:
    """Decode JSON in UTF-8; a number that is too large for a float is infinite.

    Raises:
        ValueError: It is none, or has half a character.
        NestingError: It is nested too deep.
    """
    if b"\\u" in text and mended(text) != text:
        raise ValueError
    document = json.loads(text.decode("utf-8"), parse_int=_whole, parse_constant=_refuse)
    require_shallow(document, text)
    return document


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST else float(text)


def _refuse(text: str) -> None:
    """Refuse what json takes for a number: NaN and Infinity."""
    raise ValueError(text)
