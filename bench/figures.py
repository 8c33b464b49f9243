"""What was measured, and its medians and ratios with their spread. Nothing here measures."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class BenchError(Exception):
    """Something could not be measured, and why."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement.

    Attributes:
        subject: What was measured: the name of a server or an engine.
        condition: Under what, in words: ``64 connections``.
        round: Runs of one round stood next to each other.
    """

    workload: str
    subject: str
    condition: str
    round: int
    values: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What could not be measured."""

    workload: str
    subject: str
    condition: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median with the lowest and the highest."""

    median: float
    lowest: float
    highest: float
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Summarise; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    median = statistics.median(ordered)
    return Spread(median=median, lowest=ordered[0], highest=ordered[-1], count=len(ordered))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of the sorted values does not exceed.

    Raises:
        ValueError: There are no values.
    """
    if not ordered:
        raise ValueError("there are no values")
    at = max(0, -int(-share * len(ordered) // 1) - 1)
    return ordered[min(at, len(ordered) - 1)]


@dataclass(frozen=True)
class Figures:
    """All runs of a workload."""

    runs: Sequence[Run]

    def of(self, workload: str) -> "Figures":
        """Only one workload's."""
        return Figures([run for run in self.runs if run.workload == workload])

    def conditions(self) -> list[str]:
        """All conditions, in the order in which they were met."""
        return list(dict.fromkeys(run.condition for run in self.runs))

    def subjects(self, condition: str) -> list[str]:
        """What was measured under a condition, in the order in which it was."""
        return list(dict.fromkeys(run.subject for run in self.runs if run.condition == condition))

    def spread(self, subject: str, condition: str, value: str) -> Spread | None:
        """Summarise one value over all rounds."""
        return spread(self._by_round(subject, condition, value).values())

    def ratio(self, value: str, over: tuple[str, str], under: tuple[str, str]) -> Spread | None:
        """Divide values of two pairs of subject and condition, round by round."""
        above = self._by_round(*over, value)
        below = self._by_round(*under, value)
        return spread(above[at] / below[at] for at in above if below.get(at))

    def _by_round(self, subject: str, condition: str, value: str) -> dict[int, float]:
        return {
            run.round: run.values[value]
            for run in self.runs
            if (run.subject, run.condition) == (subject, condition) and value in run.values
        }
