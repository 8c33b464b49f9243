"""Waiting for what another process does: looked for again and again, and never for ever."""

import time
from collections.abc import Callable

_LOOK_S = 0.02


def until(is_so: Callable[[], bool], *, timeout_s: float) -> bool:
    """Wait until something is so; False when it was not in time."""
    ends = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(_LOOK_S)
    return True
