"""Calls over HTTP: paced, made again where that is safe, and bounded in time."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from almahook.alma.address import Address
from almahook.alma.call import Answer, Call, Unanswered
from almahook.alma.extra import httpx2
from almahook.alma.failure import error_of
from almahook.alma.limiter import RateLimiter
from almahook.alma.quiet import quiet
from almahook.alma.retry import is_over_quota, wait_s
from almahook.errors import AlmaError, AlmaUnreachableError

# Reading an item by its barcode takes one redirect.
_MAX_REDIRECTS = 3
# Tries, waits and turns together take at most so many time-outs.
_BUDGET_TIMEOUTS = 3
_COUNT = re.compile(r"[0-9]{1,15}")

log = logging.getLogger("almahook.alma")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """When and how often; time and chance are passed in.

    Attributes:
        timeout_s: How long one try may take.
        max_tries: How many tries there are at most.
        sleep: Waits so many seconds.
        clock: Seconds since the epoch.
        monotonic: Seconds that never step back.
        random: A number from 0 up to 1.
    """

    timeout_s: float
    max_tries: int
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    random: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic


class Exchange:
    """Sends calls, from any thread.

    Args:
        http: Carries the key; follows no redirect by itself.
        address: Where Alma is.
        limiter: Whose turn it is.
        pace: When and how often.
    """

    def __init__(
        self, *, http: httpx2.Client, address: Address, limiter: RateLimiter, pace: Pace
    ) -> None:
        self.remaining: int | None = None
        self._http = http
        self._address = address
        self._limiter = limiter
        self._pace = pace

    def perform(self, call: Call) -> Answer:
        """Make a call, again where that is safe, and return Alma's 2xx.

        Raises:
            AlmaError: Alma did not answer, or answered something else.
        """
        outcome = self._try_often(call)
        if isinstance(outcome, Unanswered):
            raise AlmaUnreachableError(_unanswered_text(call, outcome, self._pace.timeout_s))
        if not outcome.is_ok:
            raise error_of(call, outcome)
        return outcome

    def _try_often(self, call: Call) -> Answer | Unanswered:
        pace = self._pace
        end = pace.monotonic() + _BUDGET_TIMEOUTS * pace.timeout_s
        attempt = 1
        while True:
            outcome = self._try_once(call, end)
            wait = wait_s(outcome, method=call.method, attempt=attempt, spread=pace.random())
            is_last = attempt >= pace.max_tries
            if wait is None or is_last or pace.monotonic() + wait >= end:
                return outcome
            fields = {"call": call.shown, "attempt": attempt, "wait_s": round(wait, 3)}
            log.info("alma.retried", extra={"fields": fields})
            pace.sleep(wait)
            attempt += 1

    def _try_once(self, call: Call, end: float) -> Answer | Unanswered:
        outcome = self._send(call, end)
        for _ in range(_MAX_REDIRECTS):
            if isinstance(outcome, Unanswered) or not outcome.is_redirect or call.method != "GET":
                break
            path, query = self._address.locate(outcome.location)
            call = Call(method="GET", path=path, query=tuple(query))
            outcome = self._send(call, end)
        return outcome

    def _send(self, call: Call, end: float) -> Answer | Unanswered:
        pace, quota = self._pace, self._limiter.quota
        quota.require(pace.clock())
        self._limiter.wait(longest_s=max(0.0, end - pace.monotonic()))
        # Others may have used up the quota while this call waited for its turn.
        quota.require(pace.clock())
        answer = self._carry(call)
        if isinstance(answer, Answer) and is_over_quota(answer):
            quota.use_up(pace.clock())
        return answer

    def _carry(self, call: Call) -> Answer | Unanswered:
        """Translate the call to HTTP, and what comes back from it."""
        body = None if call.body is None else msgspec.json.encode(call.body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        url = self._address.url(call.path, call.query)
        try:
            with quiet(), self._http.stream(call.method, url, content=body, headers=headers) as got:
                return self._read(got)
        except httpx2.TimeoutException:
            return Unanswered("timeout")
        except (httpx2.ConnectError, httpx2.ProxyError):
            return Unanswered("connect")
        except httpx2.HTTPError:
            return Unanswered("broken")
        except (httpx2.InvalidURL, RuntimeError):
            # Neither the library's text nor the URL is shown: both may hold an id.
            raise AlmaError(
                f"{call.shown} cannot be sent: the client is closed, or the path is no path"
            ) from None

    def _read(self, got: httpx2.Response) -> Answer | Unanswered:
        self._note_remaining(got.headers.get("X-Exl-Api-Remaining", ""))
        end = self._pace.monotonic() + self._pace.timeout_s
        chunks = []
        for chunk in got.iter_bytes():
            chunks.append(chunk)
            # The library's own time-out begins anew with every chunk.
            if self._pace.monotonic() > end:
                return Unanswered("timeout")
        return Answer(
            status=got.status_code,
            body=b"".join(chunks),
            location=got.headers.get("Location", ""),
        )

    def _note_remaining(self, text: str) -> None:
        if _COUNT.fullmatch(text):
            self.remaining = int(text)


def _unanswered_text(call: Call, outcome: Unanswered, timeout_s: float) -> str:
    what = {
        "connect": "Alma cannot be reached. Look at the region or api_url, and the network",
        "broken": "The connection to Alma broke",
        "timeout": f"Alma did not answer within {timeout_s:g} s (setting api_timeout_s)",
    }
    return f"{what[outcome.reason]} ({call.shown})"
