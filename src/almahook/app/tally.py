"""What a worker in a process of its own tells the one that started it: a JSON object a line."""

import threading
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from almahook.inbox import Collected, Lease, Settlement

_encoder = msgspec.json.Encoder()


class RunCount(msgspec.Struct, frozen=True):
    """How many executions of a handler ended in one way."""

    handler: str
    outcome: str
    number: int


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line.

    Attributes:
        ready: The names of the handlers, once they are loaded; None in all other lines.
        runs: What was executed since the last line.
        duplicates: How many collected events were in the inbox already, since the last line.
    """

    ready: list[str] | None = None
    runs: list[RunCount] = []
    duplicates: int = 0

    def line(self) -> bytes:
        """Write it."""
        return _encoder.encode(self) + b"\n"


read_report = msgspec.json.Decoder(Report).decode


class Tally:
    """Counts what a worker does until it is told; may be used from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self._lock = threading.Lock()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._duplicates = 0

    def count_run(self, lease: "Lease", settled: "Settlement") -> None:
        """Count an execution by its handler and outcome."""
        with self._lock:
            self._runs[lease.handler, settled.attempt.outcome.value] += 1
        self.changed.set()

    def count_collected(self, collected: "Collected") -> None:
        """Count the events that were in the inbox already."""
        if collected.duplicates:
            with self._lock:
                self._duplicates += collected.duplicates
            self.changed.set()

    def take(self) -> Report | None:
        """Return what was counted, and begin anew; None when that is nothing."""
        with self._lock:
            runs, self._runs = self._runs, Counter()
            duplicates, self._duplicates = self._duplicates, 0
        if not runs and not duplicates:
            return None
        counts = [RunCount(handler, outcome, n) for (handler, outcome), n in runs.items()]
        return Report(runs=counts, duplicates=duplicates)
