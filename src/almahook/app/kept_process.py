"""A process that ``almahook serve`` starts beside itself, and starts again when it has died."""

import logging
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

log = logging.getLogger("almahook.app")

# What the first, second, … restart in a row waits.
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
# Who was ready for so long has not died of its start.
_LASTED_S = 30.0
# A restart takes a second; who is not there after so long is missed.
_MISSED_AFTER_S = 5.0
# Beyond the time that it has to finish.
_END_S = 3.0


class KeptProcess(ABC):
    """Starts a process at once, and another in its place whenever it has died.

    Args:
        name: What the log calls it.
        command: What starts it; the number of its end of a socket is added.
        share: Other descriptors that it inherits.
    """

    def __init__(self, name: str, command: Sequence[str], *, share: Sequence[int] = ()) -> None:
        self._name = name
        self._command = command
        self._share = share
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._is_end_expected = False
        self._deaths = 0
        self._down_since: float | None = time.monotonic()
        self._ready_at = 0.0
        self._child = Child(command, share=share)
        self._greet(self._child)
        self._watcher = threading.Thread(
            target=self._watch, name=f"almahook-{name}-watcher", daemon=True
        )
        self._watcher.start()

    @property
    def is_alive(self) -> bool:
        """Whether it works, or has been away no longer than a restart takes."""
        since = self._down_since
        is_missed = since is not None and time.monotonic() - since > _MISSED_AFTER_S
        return self._watcher.is_alive() and not is_missed

    def expect_end(self) -> None:
        """Start none in its place: a signal that ends this process may have gone to both."""
        self._is_end_expected = True

    def hang_up(self) -> None:
        """Let it finish what has begun and end, without waiting for that."""
        with self._lock:
            self._stopping.set()
            child = self._child
        if not self._is_listening:
            # It has nothing in hand.
            child.process.terminate()
        child.hang_up()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Let it finish what has begun, and wait for its end."""
        self.hang_up()
        self._watcher.join(timeout_s + _END_S)
        if self._watcher.is_alive():
            self._child.process.kill()
            self._watcher.join()

    @abstractmethod
    def _greet(self, child: "Child") -> None:
        """Tell a process what it needs, as soon as it is born and the one before it has ended."""

    @abstractmethod
    def _hear(self, child: "Child", line: bytes) -> None:
        """Take what it says."""

    @property
    @abstractmethod
    def _is_listening(self) -> bool:
        """Whether one was ready before."""

    def _is_given_up(self, status: int) -> bool:
        """Whether there is to be none in the place of one that ended so."""
        del status
        return False

    def _note_ready(self) -> None:
        self._ready_at = time.monotonic()
        self._down_since = None

    def _watch(self) -> None:
        child: Child | None = self._child
        while child is not None:
            status = child.attend(self._hear)
            is_over = self._stopping.is_set() or self._is_end_expected
            child = None if is_over else self._after_death(status)

    def _after_death(self, status: int) -> "Child | None":
        """Start another in its place, after a pause; None when there is to be none."""
        if self._is_given_up(status):
            return None
        now = time.monotonic()
        has_lasted = self._down_since is None and now - self._ready_at >= _LASTED_S
        self._deaths = 1 if has_lasted else self._deaths + 1
        self._down_since = self._down_since or now
        pause_s = _BACK_OFF_S[min(self._deaths, len(_BACK_OFF_S)) - 1]
        fields = {"status": status, "restart_in_s": pause_s}
        log.error("%s.died", self._name, extra={"fields": fields})
        return None if self._stopping.wait(pause_s) else self._restart()

    def _restart(self) -> "Child | None":
        while (child := self._try_to_start()) is None:
            if self._stopping.wait(_BACK_OFF_S[-1]):
                return None
        with self._lock:
            self._child = child
            if self._stopping.is_set():
                child.process.terminate()
            else:
                self._greet(child)
        return child

    def _try_to_start(self) -> "Child | None":
        try:
            return Child(self._command, share=self._share)
        except OSError as error:
            log.error("%s.not_started", self._name, extra={"fields": {"reason": error.strerror}})  # noqa: TRY400 - the reason says it all
            return None


class Child:
    """One process, and this side's end of its socket.

    Args:
        command: What starts it; the number of its end of the socket is added.
        share: Other descriptors that it inherits.
    """

    def __init__(self, command: Sequence[str], *, share: Sequence[int] = ()) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs, _interrupts_held_back():
            descriptor = theirs.fileno()
            self.process = subprocess.Popen(  # noqa: S603 - it is this program itself
                [*command, str(descriptor)], pass_fds=[descriptor, *share]
            )

    def wake(self) -> None:
        """Send a byte. When there is no room for it, the process has enough to wake it."""
        with self._lock, suppress(OSError):
            self._socket.send(b".", socket.MSG_DONTWAIT)

    def tell(self, line: bytes) -> None:
        """Send a line."""
        with self._lock, suppress(OSError):
            self._socket.sendall(line)

    def hang_up(self) -> None:
        """Tell it to stop; what it still says is heard."""
        with self._lock, suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def attend(self, hear: Callable[["Child", bytes], None]) -> int:
        """Hear what it says until it ends; return its exit status."""
        reader = threading.Thread(
            target=self._read, args=(hear,), name="almahook-child-reader", daemon=True
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

    def _read(self, hear: Callable[["Child", bytes], None]) -> None:
        # Of a process that was killed, the last line may be cut off.
        with self._socket.makefile("rb") as lines, suppress(OSError, msgspec.DecodeError):
            for line in lines:
                hear(self, line)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a process be born with SIGINT held back, so that Ctrl-C cannot end it half started."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
