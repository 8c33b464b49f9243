"""Which calls are made again, and after how long: pure; chance is an argument.

| what happened            | GET, PUT, DELETE | POST      |
|--------------------------|------------------|-----------|
| too many calls a second  | 1 to 3 s         | 1 to 3 s  |
| not connected            | back-off         | back-off  |
| connection broke, 5xx    | back-off         | never     |
| time-out, any other 4xx  | never            | never     |

A POST that Alma may have seen is not repeated, because it may have been done.
"""

from almahook.alma.call import Answer, Method, Unanswered
from almahook.alma.fault import Fault, read_fault
from almahook.alma.limiter import PER_DAY, PER_SECOND, TOO_MANY_REQUESTS

_FIRST_BACKOFF_S = 0.5
_SERVER_ERROR = 500


def wait_s(
    outcome: Answer | Unanswered, *, method: Method, attempt: int, spread: float
) -> float | None:
    """Return the seconds to wait before the next try, or None if there is to be none.

    Args:
        outcome: What came of the try.
        method: The call's method.
        attempt: The try that has just ended, counted from 1.
        spread: A random number from 0 up to 1.
    """
    if isinstance(outcome, Answer) and is_over_rate(outcome):
        return 1.0 + 2.0 * spread
    if _is_worth_it(outcome, method):
        return _FIRST_BACKOFF_S * 2.0 ** (attempt - 1) * (0.5 + spread / 2)
    return None


def is_over_rate(answer: Answer) -> bool:
    """Whether Alma had too many calls in one second, and did not look at this one."""
    is_too_many = answer.status == TOO_MANY_REQUESTS or _fault(answer).code == PER_SECOND
    return is_too_many and not is_over_quota(answer)


def is_over_quota(answer: Answer) -> bool:
    """Whether today's calls are used up."""
    fault = _fault(answer)
    # The code is known from hearsay only, so the text counts too.
    is_said = answer.status == TOO_MANY_REQUESTS and "daily" in fault.message.lower()
    return fault.code == PER_DAY or is_said


def _fault(answer: Answer) -> Fault:
    return Fault() if answer.is_ok else read_fault(answer.body) or Fault()


def _is_worth_it(outcome: Answer | Unanswered, method: Method) -> bool:
    if isinstance(outcome, Unanswered):
        is_repeatable = method != "POST" and outcome.reason == "broken"
        return outcome.reason == "connect" or is_repeatable
    return outcome.status >= _SERVER_ERROR and method != "POST"
