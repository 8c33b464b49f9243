"""The process's log: an event name and fields, as text for a person or as JSON for a machine."""

import logging
import sys
from datetime import UTC, datetime
from typing import Literal

import msgspec

_OWN = "almahook"


class TextFormatter(logging.Formatter):
    """``12:03:24 WARNING request.refused profile=main code=signature.mismatch``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        at = datetime.fromtimestamp(record.created, tz=UTC).astimezone()
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        first, *more = record.getMessage().splitlines() or [""]
        head = f"{at:%H:%M:%S} {record.levelname:<7} {first}{fields}"
        return "\n".join([head, *more, *_exception(self, record)])


class JSONFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, event, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if found := _exception(self, record):
            line["exception"] = found[0]
        return msgspec.json.encode(line, enc_hook=str).decode("utf-8")


def configure_logs(*, form: Literal["text", "json"] = "text", level: str = "INFO") -> None:
    """Send the log to standard error, in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OWN).setLevel(level.upper())


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


def _plain(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(char.isspace() for char in text) else text


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return [formatter.formatException(record.exc_info)] if record.exc_info else []
