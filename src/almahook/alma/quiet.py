"""Keeps the HTTP library's own log lines about our calls out of the log: URLs hold patrons' ids."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# A logger's filter sees only what is logged with that very logger, not with those below it.
_LOGGERS = (
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
)

_is_quiet: ContextVar[bool] = ContextVar("almahook_alma_is_quiet", default=False)


def _is_somebody_elses(_: logging.LogRecord) -> bool:
    return not _is_quiet.get()


def silence_loggers() -> None:
    """Make the loggers skip what is logged within ``quiet``; other calls are logged as ever."""
    for name in _LOGGERS:
        # The same function is added once, however often this is called.
        logging.getLogger(name).addFilter(_is_somebody_elses)


@contextmanager
def quiet() -> Iterator[None]:
    """Log nothing of the HTTP library's in this thread."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)
