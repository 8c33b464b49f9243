"""What ties a worker to the ``almahook serve`` that started it: its end of a socket."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from almahook.app.tally import Report, Tally

# Acknowledgements come first: Alma waits for 5 seconds, and nobody waits for a handler. So when
# there is too little processor time for both, the receiver gets about nine tenths of it.
# https://man7.org/linux/man-pages/man7/sched.7.html, "The nice value"
_NICENESS = 10

# Counts are told so often at most.
_TELL_EVERY_S = 0.25
# What arrives within so long of a wake-up is found by the same look.
_WAKE_EVERY_S = 0.005
_LAST_WORDS_S = 1.0
_BYTES = 4096


class Tether:
    """The worker's end.

    The first byte from the other side lets the worker begin, each further one wakes it, and the
    end means that the other side is gone, or wants the worker to stop. What the worker counts goes
    the other way.

    Args:
        descriptor: The inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        # What handlers start must not hold it open.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._closing = threading.Event()
        self.tally = Tally()
        self._teller = threading.Thread(target=self._tell, name="almahook-counts", daemon=True)

    def say_ready(self, handlers: list[str]) -> None:
        """Tell that the handlers are loaded, and from now on what was counted."""
        self._send(Report(ready=handlers))
        self._teller.start()

    def follow(
        self, *, begin: Callable[[], None], wake: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Do what the other side says, on a thread of its own."""
        threading.Thread(
            target=self._follow, args=(begin, wake, end), name="almahook-tether", daemon=True
        ).start()

    def close(self) -> None:
        """Tell the last counts; not for long, as the other side may be stuck."""
        self._closing.set()
        self.tally.changed.set()
        self._teller.join(_LAST_WORDS_S)

    def _follow(
        self, begin: Callable[[], None], wake: Callable[[], None], end: Callable[[], None]
    ) -> None:
        act = begin
        while self._hears():
            act()
            act = wake
            time.sleep(_WAKE_EVERY_S)
        end()

    def _hears(self) -> bool:
        with suppress(OSError):
            return bool(self._socket.recv(_BYTES))
        return False

    def _tell(self) -> None:
        while not self._closing.is_set():
            self.tally.changed.wait()
            self.tally.changed.clear()
            self._send(self.tally.take())
            self._closing.wait(_TELL_EVERY_S)
        self._send(self.tally.take())

    def _send(self, report: Report | None) -> None:
        if report is not None:
            # If the other side is gone, nobody counts any more.
            with suppress(OSError):
                self._socket.sendall(report.line())


def step_back() -> None:
    """Let the receiver have the processor first, and Ctrl-C be its business."""
    os.nice(_NICENESS)
    leave_interrupts()


def leave_interrupts() -> None:
    """Let Ctrl-C be the business of the process that has started this one.

    A terminal sends SIGINT to the whole group of processes, and the main process then says when to
    stop. It is not ignored but does nothing, as programs that handlers start would inherit the one
    and not the other. Until here it was held back, by who started this process.
    """
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
