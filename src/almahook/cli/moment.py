"""Points in time, as a person writes them and as they are shown."""

import re
from datetime import UTC, datetime

from almahook.errors import ConfigurationError

_AGO = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s?(s|m|min|h|d|w)")
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONG_AGO_S = 300 * 86_400
_LAST = datetime(9999, 12, 30, tzinfo=UTC).timestamp()
_FORMS = "2h (s, m, h, d, w: so long ago), 2026-11-01, or 2026-11-01T08:30"


def parse_moment(text: str, *, now: float) -> float:
    """Return the time that somebody means, in seconds since the epoch.

    A time without a zone is the local time of this machine, a date its midnight.

    Raises:
        ConfigurationError: It is no time.
    """
    text = text.strip()
    if found := _AGO.fullmatch(text):
        # Nothing was received before the epoch, and no calendar begins much earlier.
        return max(0.0, now - float(found[1]) * _UNIT_S[found[2]])
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{text!r} is no time. Write {_FORMS}.") from None


def local_time(at: float) -> str:
    """Write a time to the second, in the local time of this machine."""
    return f"{_local(at):%Y-%m-%d %H:%M:%S}"


def short_time(at: float, *, now: float, seconds: bool = False) -> str:
    """Write a time as a list has room for it: with the year only if it is long ago."""
    if abs(now - at) > _LONG_AGO_S:
        return f"{_local(at):%Y-%m-%d}"
    return f"{_local(at):%b %d %H:%M:%S}" if seconds else f"{_local(at):%b %d %H:%M}"


def utc_time(at: float) -> str:
    """Write a time for a program: ``2026-11-01T08:30:00.250Z``."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _local(at: float) -> datetime:
    return _utc(at).astimezone()


def _utc(at: float) -> datetime:
    # A handler may put its next attempt off beyond the calendar.
    return datetime.fromtimestamp(min(at, _LAST), tz=UTC)
