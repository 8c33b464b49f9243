"""Keeps the senders' own log lines out of the log: they hold numbers, addresses and accounts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Apprise logs recipients and what was dropped, urllib3 the paths of accounts.
_LOGGERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")

_is_quiet: ContextVar[bool] = ContextVar("almahook_notify_is_quiet", default=False)


def _is_somebody_elses(_: logging.LogRecord) -> bool:
    return not _is_quiet.get()


@contextmanager
def quiet() -> Iterator[None]:
    """Log nothing of the senders' in this thread; what others log is logged as ever."""
    for name in _LOGGERS:
        # The same function is added once, however often this is called.
        logging.getLogger(name).addFilter(_is_somebody_elses)
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)
