"""``ctx.log``: the process's log, and the lines kept with the attempt."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

MAX_LINES = 100
MAX_LINE_CHARS = 500

_FULL = "… further lines are in the process's log only"


class AttemptLog(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines from INFO up are also kept with the attempt.

    At most 100 lines of 500 characters are kept; a console shows them beside the attempt.
    """

    def __init__(self, logger: logging.Logger, fields: Mapping[str, object]) -> None:
        super().__init__(logger, fields)
        self._lines: list[str] = []

    @property
    def lines(self) -> list[str]:
        """What was logged so far, oldest first."""
        return list(self._lines)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message, and keep its line."""
        if level >= logging.INFO or self.isEnabledFor(level):
            self._keep(level, _formatted(msg, args) + _exception(kwargs.get("exc_info")))
        super().log(level, msg, *args, **kwargs)

    def _keep(self, level: int, text: str) -> None:
        if len(self._lines) < MAX_LINES - 1:
            line = f"{logging.getLevelName(level)} {' '.join(text.splitlines())}"
            self._lines.append(line[:MAX_LINE_CHARS])
        elif len(self._lines) < MAX_LINES:
            self._lines.append(_FULL)


def _formatted(msg: object, args: tuple[object, ...]) -> str:
    # As logging does, a call with the wrong arguments is shown and not raised.
    record = logging.LogRecord("", logging.INFO, "", 0, msg, args, None)
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a handler's own objects are formatted here
        return f"{msg!r} with arguments that do not fit"


def _exception(exc_info: object) -> str:
    """Name the exception's kind; its text and traceback go to the process's log."""
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    return f" ({type(error).__name__})" if exc_info and error is not None else ""
