"""The process's log: an event name and fields, as text for a person or as JSON for a machine."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

_OWN = "almahook"

# What a handler's ``ctx.log`` sets on its records.
_OF_A_HANDLER = ("handler", "profile", "run_id", "attempt")


class TextFormatter(logging.Formatter):
    """``12:03:24 WARNING request.refused profile=main code=signature.mismatch``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        at = datetime.fromtimestamp(record.created, tz=UTC).astimezone()
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        first, *more = _lines(record)
        head = f"{at:%H:%M:%S} {record.levelname:<7} {first}{fields}"
        return "\n".join([head, *more, *_exception(self, record)])


class JSONFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, event, and the event's own fields.

    Further lines of the message are its ``detail``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        first, *more = _lines(record)
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": first,
        }
        if more:
            line["detail"] = "\n".join(more)
        if found := _exception(self, record):
            line["exception"] = found[0]
        # A field never takes the place of what every line has.
        own = {f"{name}_" if name in line else name: v for name, v in _fields(record).items()}
        # ASCII, because any text may be in a field, half a character too.
        return json.dumps(line | own, default=str)


def configure_logs(*, form: Literal["text", "json"] = "text", level: str = "INFO") -> None:
    """Send the log to standard error, in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OWN).setLevel(level.upper())


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = vars(record)
    fields: dict[str, object] = found.get("fields", {})
    return {name: found[name] for name in _OF_A_HANDLER if name in found} | fields


def _lines(record: logging.LogRecord) -> list[str]:
    return [_printable(line) for line in record.getMessage().splitlines()] or [""]


def _printable(text: str) -> str:
    """Write out what a terminal would obey: part of a URL or of a message may be in a line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and " " not in text else repr(text)


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return [formatter.formatException(record.exc_info)] if record.exc_info else []
