"""The worker as a process of its own: started, woken, and started again when it has died."""

import logging
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from almahook.app.tally import Report, read_report

log = logging.getLogger("almahook.app")

# What the first, second, … restart in a row waits.
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
# Who was ready for so long has not died of its start.
_LASTED_S = 30.0
# A restart takes a second; who is not there after so long is missed.
_MISSED_AFTER_S = 5.0
# Beyond the time that handlers have to finish.
_END_S = 3.0

Count = Callable[[Report], None]


class WorkerProcess:
    """Starts a worker at once, and lets it work from :meth:`start` on.

    Args:
        command: What starts it; the number of its end of the socket is added.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._count: Count | None = None
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._stopping = threading.Event()
        self._is_begun = False
        self._is_end_expected = False
        self._deaths = 0
        self._down_since: float | None = time.monotonic()
        self._ready_at = 0.0
        self.handlers: list[str] | None = None
        self.failure: int | None = None
        self._child = _Child(command)
        self._watcher = threading.Thread(
            target=self._watch, name="almahook-worker-watcher", daemon=True
        )
        self._watcher.start()

    def wait_until_ready(self) -> bool:
        """Wait until its handlers are loaded the first time; False if it does not come so far.

        ``handlers`` then has their names, or ``failure`` its exit status, which is negative when
        a signal ended it.
        """
        self._settled.wait()
        return self.handlers is not None

    def tell_counts(self, count: Count) -> None:
        """Say who is told of what it has counted; before it is started."""
        self._count = count

    def start(self) -> None:
        """Let it begin to work."""
        with self._lock:
            self._is_begun = True
            self._child.wake()

    def wake(self) -> None:
        """Let it look for work: something was stored."""
        self._child.wake()

    @property
    def is_alive(self) -> bool:
        """Whether it works, or has been away no longer than a restart takes."""
        since = self._down_since
        is_missed = since is not None and time.monotonic() - since > _MISSED_AFTER_S
        return self._watcher.is_alive() and not is_missed

    def expect_end(self) -> None:
        """Start none in its place: a signal that ends this process may have gone to both."""
        self._is_end_expected = True

    def stop(self, timeout_s: float = 30.0) -> None:
        """Let it finish what has begun and return the rest, and wait for its end."""
        with self._lock:
            self._stopping.set()
            child = self._child
        if self.handlers is None:
            # It has nothing in hand, and does not listen yet.
            child.process.terminate()
        child.hang_up()
        self._watcher.join(timeout_s + _END_S)
        if self._watcher.is_alive():
            child.process.kill()
            self._watcher.join()

    def _watch(self) -> None:
        child: _Child | None = self._child
        while child is not None:
            status = child.attend(self._take)
            is_over = self._stopping.is_set() or self._is_end_expected
            child = None if is_over else self._after_death(status)
        self._settled.set()

    def _after_death(self, status: int) -> "_Child | None":
        """Start another in its place, after a pause; None when there is to be none."""
        if self.handlers is None:
            self.failure = status
            return None
        now = time.monotonic()
        has_lasted = self._down_since is None and now - self._ready_at >= _LASTED_S
        self._deaths = 1 if has_lasted else self._deaths + 1
        self._down_since = self._down_since or now
        pause_s = _BACK_OFF_S[min(self._deaths, len(_BACK_OFF_S)) - 1]
        log.error("worker.died", extra={"fields": {"status": status, "restart_in_s": pause_s}})
        return None if self._stopping.wait(pause_s) else self._restart()

    def _restart(self) -> "_Child | None":
        while (child := self._try_to_start()) is None:
            if self._stopping.wait(_BACK_OFF_S[-1]):
                return None
        with self._lock:
            self._child = child
            if self._stopping.is_set():
                child.process.terminate()
            elif self._is_begun:
                child.wake()
        return child

    def _try_to_start(self) -> "_Child | None":
        try:
            return _Child(self._command)
        except OSError as error:
            log.error("worker.not_started", extra={"fields": {"reason": error.strerror}})  # noqa: TRY400 - the reason says it all
            return None

    def _take(self, report: Report) -> None:
        if report.ready is not None:
            self._ready_at = time.monotonic()
            self._down_since = None
            self.handlers = report.ready
            self._settled.set()
        if self._count is not None:
            self._count(report)


class _Child:
    """One process, and this side's end of its socket."""

    def __init__(self, command: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs, _interrupts_held_back():
            descriptor = theirs.fileno()
            self.process = subprocess.Popen(  # noqa: S603 - it is this program itself
                [*command, str(descriptor)], pass_fds=[descriptor]
            )

    def wake(self) -> None:
        """Send a byte. When there is no room for it, the process has enough to wake it."""
        with self._lock, suppress(OSError):
            self._socket.send(b".", socket.MSG_DONTWAIT)

    def hang_up(self) -> None:
        """Tell it to stop; what it still says is heard."""
        with self._lock, suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def attend(self, take: Callable[[Report], None]) -> int:
        """Hear what it says until it ends; return its exit status."""
        reader = threading.Thread(
            target=self._read, args=(take,), name="almahook-worker-reader", daemon=True
        )
        reader.start()
        status = self.process.wait()
        # A process that a handler has forked off may hold the other end open.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        reader.join()
        with self._lock:
            self._socket.close()
        return status

    def _read(self, take: Callable[[Report], None]) -> None:
        # Of a process that was killed, the last line may be cut off.
        with self._socket.makefile("rb") as lines, suppress(OSError, msgspec.DecodeError):
            for line in lines:
                take(read_report(line))


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a process be born with SIGINT held back, so that Ctrl-C cannot end it half started."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
