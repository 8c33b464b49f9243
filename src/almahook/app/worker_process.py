"""The worker as a process of its own: started, woken, and started again when it has died."""

import threading
from collections.abc import Callable, Sequence

from almahook.app.kept_process import Child, KeptProcess
from almahook.app.tally import Report, read_report

Count = Callable[[Report], None]


class WorkerProcess(KeptProcess):
    """Starts a worker at once, and lets it work from :meth:`start` on.

    Args:
        command: What starts it; the number of its end of the socket is added.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._count: Count | None = None
        self._settled = threading.Event()
        self._is_begun = False
        self.handlers: list[str] | None = None
        self.failure: int | None = None
        super().__init__("worker", command)

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

    def _greet(self, child: Child) -> None:
        if self._is_begun:
            child.wake()

    def _hear(self, child: Child, line: bytes) -> None:
        del child
        report = read_report(line)
        if report.ready is not None:
            self._note_ready()
            self.handlers = report.ready
            self._settled.set()
        if self._count is not None:
            self._count(report)

    @property
    def _is_listening(self) -> bool:
        return self.handlers is not None

    def _is_given_up(self, status: int) -> bool:
        """Give one up that never came so far as to load its handlers: it has said why."""
        if self.handlers is not None:
            return False
        self.failure = status
        return True

    def _watch(self) -> None:
        super()._watch()
        self._settled.set()
