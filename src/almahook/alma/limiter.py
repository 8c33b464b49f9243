"""How many calls an institution may make: per second, and per day.

Alma allows 25 calls per second to all of an institution's keys and programs together, and so many
per day: https://developers.exlibrisgroup.com/alma/apis/#threshold
"""

import math
import threading
import time
from collections.abc import Callable

from almahook.errors import AlmaQuotaError, AlmaRateError, ConfigurationError

PER_SECOND = "PER_SECOND_THRESHOLD"
PER_DAY = "DAILY_THRESHOLD"
TOO_MANY_REQUESTS = 429

_DAY_S = 86_400


class RateLimiter:
    """Spaces the calls of one institution evenly, first come first served.

    Share one among all clients of an institution; every method is safe from any thread.

    Args:
        calls_per_second: Below Alma's 25, because other programs share them.
        clock: Seconds that never step back.
        sleep: Waits so many seconds.

    Raises:
        ConfigurationError: The rate is not above 0.
    """

    def __init__(
        self,
        calls_per_second: float = 20.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (calls_per_second > 0 and math.isfinite(calls_per_second)):
            raise ConfigurationError("api_calls_per_second must be a number above 0")
        self.calls_per_second = calls_per_second
        self.quota = Quota()
        self._interval = 1.0 / calls_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = -math.inf

    def wait(self, *, longest_s: float = math.inf) -> None:
        """Return when the next call may go out.

        Raises:
            AlmaRateError: That would take longer than ``longest_s``.
        """
        # The turn is reserved before the sleep, which keeps the order of arrival.
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            if turn - now > longest_s:
                raise AlmaRateError(
                    "More calls wait for Alma than the limit lets through in time "
                    f"({self.calls_per_second:g} per second, setting api_calls_per_second)",
                    http_status=TOO_MANY_REQUESTS,
                    error_code=PER_SECOND,
                )
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)


class Quota:
    """Whether calls are left today; Alma counts anew at midnight GMT."""

    def __init__(self) -> None:
        self._used_up_until = -math.inf

    def use_up(self, now: float) -> None:
        """Note that Alma takes no more calls today; ``now`` is in seconds since the epoch."""
        self._used_up_until = (now // _DAY_S + 1) * _DAY_S

    def require(self, now: float) -> None:
        """Refuse a call that Alma would refuse.

        Raises:
            AlmaQuotaError: Today's calls are used up.
        """
        if now < self._used_up_until:
            raise AlmaQuotaError(
                "The institution's API calls of today are used up; this one was not sent. "
                "Alma counts anew at midnight GMT",
                http_status=TOO_MANY_REQUESTS,
                error_code=PER_DAY,
            )
