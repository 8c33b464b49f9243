"""What a receiver counts for every request, in plain numbers."""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

# Alma hangs up after 5 seconds.
ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def _no_refusals() -> dict[str, int]:
    return {"not_recorded": 0}


def _no_answers() -> list[int]:
    return [0] * (len(ACK_BUCKETS) + 1)


class Counts(msgspec.Struct):
    """The counts of one process since it started, counted by its event loop alone.

    A metrics library's own counters cost as much as verifying a signature.

    Attributes:
        received: How many events, by profile and by what became of them.
        refused: How many requests, by the reason.
        acknowledged: How many events were answered within each time of ``ACK_BUCKETS`` and not
            within the one before; the last are those that took longer.
        ack_seconds: How long all of these took together.
    """

    received: dict[str, dict[str, int]] = {}
    refused: dict[str, int] = msgspec.field(default_factory=_no_refusals)
    acknowledged: list[int] = msgspec.field(default_factory=_no_answers)
    ack_seconds: float = 0.0

    def count_received(self, profile: str, result: str, number: int = 1) -> None:
        """Count events by what became of them."""
        results = self.received.get(profile)
        if results is None:
            results = self.received[profile] = {}
        _add(results, result, number)

    def count_acknowledged(
        self, profile: str, result: str, seconds: float, number: int = 1
    ) -> None:
        """Count events that were answered, and how long that took for each of them."""
        self.count_received(profile, result, number)
        self.acknowledged[bisect_left(ACK_BUCKETS, seconds)] += number
        self.ack_seconds += number * seconds

    def count_refused(self, reason: str) -> None:
        """Count a refused request."""
        _add(self.refused, reason, 1)

    def add(self, other: "Counts") -> None:
        """Add what another process has counted, which may go on counting meanwhile."""
        for profile, results in list(other.received.items()):
            for result, number in list(results.items()):
                _add(self.received.setdefault(profile, {}), result, number)
        for reason, number in list(other.refused.items()):
            _add(self.refused, reason, number)
        pairs = zip(self.acknowledged, other.acknowledged, strict=True)
        self.acknowledged = [mine + theirs for mine, theirs in pairs]
        self.ack_seconds += other.ack_seconds


def total(counts: Iterable[Counts]) -> Counts:
    """Add up what processes have counted."""
    found = Counts()
    for one in counts:
        found.add(one)
    return found


def _add(numbers: dict[str, int], name: str, number: int) -> None:
    numbers[name] = numbers.get(name, 0) + number
