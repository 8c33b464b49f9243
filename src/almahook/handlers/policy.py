"""When a failed run is tried again, and when it is parked: pure; time and chance are arguments."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often a handler is tried, and how long it waits in between.

    The wait doubles from ``first`` up to ``longest``; half of it is left to chance, so that runs
    which failed together do not come back together.

    Attributes:
        attempts: How many executions there are at most, the first one included.
    """

    attempts: int = 8
    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(hours=1)

    def wait_s(self, *, attempt: int, spread: float) -> float | None:
        """Return the seconds to wait after this attempt, or None to park the run.

        Args:
            attempt: The attempt that has just failed, counted from 1.
            spread: A random number from 0 up to 1.
        """
        if attempt >= self.attempts:
            return None
        # 2.0 ** 1024 overflows; no wait doubles 60 times.
        doubled = self.first.total_seconds() * 2.0 ** min(attempt - 1, 60)
        return min(doubled, self.longest.total_seconds()) * (0.5 + spread / 2)
