"""One execution of one handler, plain or async, and what its ending means."""

import asyncio
import inspect
import math
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from almahook.handlers import GiveUp, Retry, Skip
from almahook.inbox import AttemptOutcome
from almahook.worker.assign import view
from almahook.worker.decide import Ended
from almahook.worker.jobs import Job

Clock = Callable[[], float]

# What a handler raises may carry anything, and all of it is kept with the attempt.
_MAX_ERROR_CHARS = 2_000
_MAX_TRACEBACK_CHARS = 20_000


def execute(job: Job, clock: Clock) -> Ended:
    """Run a plain handler; whatever it raises is an outcome."""
    try:
        result = job.handler.function(view(job.lease.event), job.context)
        if inspect.isawaitable(result):
            # An async function that does not look like one: a plain decorator is around it.
            result = asyncio.run(_awaited(result))
        return _returned(job, result, clock())
    except BaseException as error:  # noqa: BLE001 - a handler may raise anything, and call sys.exit
        return raised(job, error, clock())


async def execute_async(job: Job, clock: Clock) -> Ended:
    """Run an async handler, cancelled at its time-out; whatever it raises is an outcome."""
    limit = asyncio.timeout(job.timeout_s)
    try:
        async with limit:
            result = await job.handler.function(view(job.lease.event), job.context)
        return _returned(job, result, clock())
    except BaseException as error:  # noqa: BLE001 - likewise, and it may cancel its own tasks
        if isinstance(error, TimeoutError) and limit.expired():
            return timed_out(job, clock())
        return raised(job, error, clock())


def timed_out(job: Job, now: float) -> Ended:
    """Tell of an execution that was given up on."""
    error = f"did not finish within {round(job.timeout_s, 3):g} s"
    return _ended(job, now, AttemptOutcome.TIMED_OUT, error)


def stopped(job: Job, now: float) -> Ended:
    """Tell of an execution that the worker's end has overtaken."""
    return _ended(job, now, AttemptOutcome.LOST, "the worker was stopped")


def lost(now: float) -> Ended:
    """Tell of an execution whose end nobody saw."""
    error = "the worker that ran it was lost"
    return Ended(started_at=now, ended_at=now, outcome=AttemptOutcome.LOST, error=error)


def not_loaded(handler: str, now: float) -> Ended:
    """Tell of an execution that could not be: a deployment may be going on."""
    error = f"the handler {handler} is not loaded"
    return Ended(started_at=now, ended_at=now, outcome=AttemptOutcome.FAILED, error=error)


def raised(job: Job, error: BaseException, now: float) -> Ended:
    """Tell of an execution that ended with an error."""
    if isinstance(error, Retry | GiveUp):
        return _asked(job, error, now)
    text = _text(error)
    described = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return _ended(job, now, AttemptOutcome.FAILED, described, trace=_traceback(error))


def _returned(job: Job, result: object, now: float) -> Ended:
    if isinstance(result, Retry | GiveUp):
        # Meant as raised: taking it for a success would lose the work.
        return _asked(job, result, now)
    if isinstance(result, Skip):
        return _ended(job, now, AttemptOutcome.SKIPPED, str(result.reason))
    return _ended(job, now, AttemptOutcome.SUCCEEDED)


def _asked(job: Job, error: Retry | GiveUp, now: float) -> Ended:
    is_retry = isinstance(error, Retry)
    return _ended(
        job,
        now,
        AttemptOutcome.RETRY if is_retry else AttemptOutcome.GAVE_UP,
        _text(error),
        trace=_traceback(error),
        retry_after_s=_seconds(error.after_s) if isinstance(error, Retry) else None,
    )


def _ended(
    job: Job,
    now: float,
    outcome: AttemptOutcome,
    error: str = "",
    *,
    trace: str = "",
    retry_after_s: float | None = None,
) -> Ended:
    return Ended(
        started_at=job.started_at or now,
        ended_at=now,
        outcome=outcome,
        error=_storable(error)[:_MAX_ERROR_CHARS],
        traceback=_storable(trace)[-_MAX_TRACEBACK_CHARS:],
        log=[_storable(line) for line in job.context.log.lines],
        retry_after_s=retry_after_s,
    )


async def _awaited(result: Awaitable[object]) -> object:
    return await result


def _seconds(after: Any) -> float | None:
    """Return a wait that can be stored; anything odd leaves it to the policy."""
    try:
        seconds = float(after)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is the handler's own class
        return "an error whose text cannot be had"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - likewise
        return ""


def _storable(text: str) -> str:
    """Replace what no store takes: half characters, and the zero that ends a text in C."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
