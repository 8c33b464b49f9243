"""One execution of one handler, plain or async, and what its ending means."""

import asyncio
import traceback
from collections.abc import Callable

from almahook.events import Event
from almahook.handlers import Context, GiveUp, Handler, Retry, Skip
from almahook.inbox import AttemptOutcome
from almahook.worker.decide import Ended

Clock = Callable[[], float]


def execute(handler: Handler, event: Event, context: Context, clock: Clock) -> Ended:
    """Run a plain handler; whatever it raises is an outcome."""
    started_at = clock()
    try:
        result = handler.function(event, context)
    except BaseException as error:  # noqa: BLE001 - a handler may raise anything, and call sys.exit
        return _raised(error, context, started_at, clock())
    return _returned(result, context, started_at, clock())


async def execute_async(handler: Handler, event: Event, context: Context, clock: Clock) -> Ended:
    """Run an async handler, cancelled at its time-out."""
    started_at = clock()
    try:
        async with asyncio.timeout(handler.timeout_s) as limit:
            result = await handler.function(event, context)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything
        if isinstance(error, TimeoutError) and limit.expired():
            return timed_out(handler, context, started_at, clock())
        return _raised(error, context, started_at, clock())
    return _returned(result, context, started_at, clock())


def timed_out(handler: Handler, context: Context, started_at: float, now: float) -> Ended:
    """Tell of an execution that was given up on."""
    return Ended(
        started_at=started_at,
        ended_at=now,
        outcome=AttemptOutcome.TIMED_OUT,
        error=f"did not finish within {handler.timeout_s:g} s",
        log=context.log.lines,
    )


def lost(started_at: float, now: float, reason: str) -> Ended:
    """Tell of an execution whose end nobody saw."""
    return Ended(started_at=started_at, ended_at=now, outcome=AttemptOutcome.LOST, error=reason)


def _returned(result: object, context: Context, started_at: float, now: float) -> Ended:
    skipped = isinstance(result, Skip)
    return Ended(
        started_at=started_at,
        ended_at=now,
        outcome=AttemptOutcome.SKIPPED if skipped else AttemptOutcome.SUCCEEDED,
        error=result.reason if isinstance(result, Skip) else "",
        log=context.log.lines,
    )


def _raised(error: BaseException, context: Context, started_at: float, now: float) -> Ended:
    return Ended(
        started_at=started_at,
        ended_at=now,
        outcome=_outcome(error),
        error=str(error) if isinstance(error, Retry | GiveUp) else _described(error),
        traceback="".join(traceback.format_exception(error)),
        log=context.log.lines,
        retry_after_s=error.after_s if isinstance(error, Retry) else None,
    )


def _outcome(error: BaseException) -> AttemptOutcome:
    if isinstance(error, GiveUp):
        return AttemptOutcome.GAVE_UP
    return AttemptOutcome.RETRY if isinstance(error, Retry) else AttemptOutcome.FAILED


def _described(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
