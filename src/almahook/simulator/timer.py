"""Calls functions later: one thread, a heap, and a condition that it waits on."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Timer:
    """Runs short functions when they are due; it sleeps until the next one and never polls."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="alma-timer", daemon=True)
        self._thread.start()

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call the function after so many seconds; not at all if the timer is closed before."""
        with self._changed:
            due = time.monotonic() + delay_s
            heapq.heappush(self._heap, (due, next(self._order), function))
            self._changed.notify()

    def close(self) -> None:
        """Forget what is still to come, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (function := self._next()) is not None:
            function()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait_s)
        return None
