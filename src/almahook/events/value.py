"""Reads one value of Alma's, in every spelling it comes in; none of these ever raises.

Absent, null and unreadable are one thing here: empty text, or None. Whoever needs to tell them
apart looks at the payload.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

# xs:date may carry a zone, which no ISO parser takes: 2020-10-21Z.
# https://www.w3.org/TR/xmlschema-2/#date
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,30}", re.ASCII)
# Narrower than Python's own reading, for which the file name 48_2 is a number.
_FRACTION = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_FLAGS = {"true": True, "false": False}


def at(value: Any, path: str) -> Any:
    """Return the value at a dotted path, or None; of a list on the way, the first entry."""
    for key in path.split("."):
        value = _step(first(value), key)
    return value


def _step(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    # XML without a description has plain text where JSON has {"value", "desc"}.
    return value if key == "value" else None


def first(value: Any) -> Any:
    """Return the first entry of a list, and anything else as it is."""
    if isinstance(value, list):
        return value[0] if value else None
    return value


def entries(value: Any) -> list[Any]:
    """Return a list's entries without nulls; a single value is a list of one."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if one is not None]


def plain(value: Any) -> Any:
    """Return the code of ``{"value", "desc"}``, and anything else as it is."""
    value = first(value)
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def text(value: Any) -> str:
    """Read text, a number, or a code."""
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) else ""


def flag(value: Any) -> bool | None:
    """Read a yes or no, which bibliographic records and XML write as text."""
    return _FLAGS.get(text(value).lower())


def number(value: Any) -> int | float | None:
    """Read a number, also one that is written as text; whole ones exactly, however long."""
    found = text(value)
    if _WHOLE.fullmatch(found):
        return int(found)
    read = float(found) if _FRACTION.fullmatch(found) else math.nan
    return read if math.isfinite(read) else None


def moment(value: Any) -> datetime | None:
    """Read a date and time, always with a zone; Alma's own are UTC. A date is its midnight."""
    found = text(value)
    if matched := _DAY.fullmatch(found):
        found = f"{matched[1]}T00:00:00{matched[2] or ''}"
    try:
        read = datetime.fromisoformat(found)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day(value: Any) -> date | None:
    """Read a date, with or without the zone that Alma adds; of a date and time, the date."""
    read = moment(value)
    return read.date() if read else None


def texts(value: Any) -> Sequence[str]:
    """Read a list of texts or codes."""
    return [found for one in entries(value) if (found := text(one))]
