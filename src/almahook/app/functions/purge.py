"""The function that keeps house: once a day it deletes what the retention says is old."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from almahook.app.housekeeping import purge_all
from almahook.app.logs import configure_logs
from almahook.app.stores import open_inbox
from almahook.config import load_settings

log = logging.getLogger("almahook.housekeeping")

_DAY_S = 86_400.0
# What is left of the function's time when it stops; the rest is deleted the next day.
_RESERVE_S = 15.0


def handler(event: Any, context: Any) -> Mapping[str, int]:
    """Delete finished events and refused requests that are old, and say how many.

    Raises:
        ConfigurationError: A setting is wrong.
        InboxUnavailableError: The inbox cannot be written.
    """
    del event
    settings = load_settings()
    configure_logs(form="json", level=settings.log_level)
    if not settings.retention_days:
        return {"events": 0, "rejections": 0}
    stopping = threading.Event()
    remaining_s = context.get_remaining_time_in_millis() / 1000
    timer = threading.Timer(max(0.0, remaining_s - _RESERVE_S), stopping.set)
    timer.start()
    try:
        with closing(open_inbox(settings)) as inbox:
            before = time.time() - settings.retention_days * _DAY_S
            purged = purge_all(inbox, before=before, stopping=stopping)
    finally:
        timer.cancel()
    done = {"events": purged.events, "rejections": purged.rejections}
    log.info("purge.done", extra={"fields": done})
    return done
