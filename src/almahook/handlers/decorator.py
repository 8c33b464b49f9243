"""``@on``: says which events a function takes, and how it is run."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypedDict, TypeGuard, TypeVar

from almahook.errors import FilterError
from almahook.handlers.filters import Filter, make_filter, require_no_misspelling
from almahook.handlers.handler import Handler
from almahook.handlers.pattern import Pattern
from almahook.handlers.policy import RetryPolicy

OPTIONS = (
    "event",
    "name",
    "timeout",
    "concurrency",
    "retry",
    "ordered",
    "coalesce",
    "profile",
    "institution",
    "where",
)

# Under this name a decorated function carries its registrations until the loader collects them.
_MARK = "__almahook_on__"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

F = TypeVar("F", bound=Callable[..., Any])


class _Changes(TypedDict, total=False):
    timeout_s: float
    concurrency: int
    retry: RetryPolicy
    ordered: bool
    coalesce_s: float | None


@dataclass(frozen=True, slots=True)
class Registration:
    """What one ``@on`` said: a filter, perhaps a name, and the options that were given."""

    takes: Filter
    name: str | None
    options: _Changes

    def handler(self, name: str, function: Callable[..., Any], *, is_async: bool) -> Handler:
        """Make the handler, under its own name if it was given one."""
        plain = Handler(
            name=self.name or name, function=function, takes=self.takes, is_async=is_async
        )
        return replace(plain, **self.options)


def on(
    action: str | Sequence[str],
    *,
    event: str | Sequence[str] | None = None,
    name: str | None = None,
    timeout: float | timedelta | None = None,
    concurrency: int | None = None,
    retry: RetryPolicy | None = None,
    ordered: bool = False,
    coalesce: float | timedelta | None = None,
    profile: str | Sequence[str] | None = None,
    institution: str | Sequence[str] | None = None,
    where: Mapping[str, Pattern] | None = None,
    **fields: Pattern,
) -> Callable[[F], F]:
    """Make a function a handler of the events that meet every filter.

    A filter is text (with ``*`` and ``?``, upper and lower case alike), a number, True, False,
    None for what is absent or empty, a function of the value, or a list of alternatives. Where a
    path leads through a list, one element that matches is enough.

    Args:
        action: For example ``JOB_END``.
        event: The sub-event, for example ``LOAN_RETURNED``.
        name: The handler's name; without it, the file's and the function's.
        timeout: Seconds, or a timedelta, after which an execution counts as failed.
        concurrency: How many executions there are at once in one worker.
        retry: How often, and after what waits, a failed execution is tried again.
        ordered: Events about the same thing run one at a time, oldest first.
        coalesce: Seconds, or a timedelta: of the events about one thing that arrive within it,
            only the newest is run.
        profile: The profile that the event came from.
        institution: The institution's code.
        where: Filters by dotted path of the whole message:
            ``{"job_instance.counter.type": "label.new.records"}``.
        **fields: Filters by field of the payload; ``a__b`` is field b of a. A coded value is
            compared by its code. ``job`` of JOB_END is the job's id or its name.

    Raises:
        FilterError: A filter or an option can never work; the text says what to write.
    """
    require_no_misspelling(fields, options=OPTIONS)
    registration = Registration(
        takes=make_filter(
            action,
            event=event,
            profile=profile,
            institution=institution,
            where=where,
            fields=fields,
        ),
        name=_checked_name(name),
        options=_options(timeout, concurrency, retry, ordered=ordered, coalesce=coalesce),
    )
    return lambda function: _marked(function, registration)


def registrations(function: object) -> Sequence[Registration]:
    """Return what ``@on`` said of a function; nothing when it is not decorated."""
    marks = getattr(function, "__dict__", {}).get(_MARK, ())
    return marks if isinstance(marks, tuple) else ()


def _marked(function: F, registration: Registration) -> F:
    # The decorator nearest to the function runs first; a reader lists them from the top.
    vars(function)[_MARK] = (registration, *registrations(function))
    return function


def _checked_name(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FilterError(
            "name= is the handler's own name: letters, digits, and . _ - only. To filter on a "
            'payload\'s field "name", write job= for a job, or where={"job_instance.name": …}.'
        )
    return name


def _options(
    timeout: object, concurrency: object, retry: object, *, ordered: object, coalesce: object
) -> _Changes:
    changes: _Changes = {"ordered": _flag("ordered", ordered)}
    if timeout is not None:
        changes["timeout_s"] = _seconds("timeout", timeout)
    if concurrency is not None:
        changes["concurrency"] = _count("concurrency", concurrency)
    if retry is not None:
        changes["retry"] = _policy(retry)
    if coalesce is not None:
        changes["coalesce_s"] = _seconds("coalesce", coalesce)
    return changes


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FilterError(f"{option}= must be True or False.")
    return value


def _seconds(option: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not _is_number(seconds) or not 0 < seconds < math.inf:
        raise FilterError(f"{option}= must be seconds above 0, or a timedelta: {option}=30.")
    return float(seconds)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(option: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FilterError(f"{option}= must be a whole number from 1: {option}=2.")
    return value


def _policy(value: object) -> RetryPolicy:
    if not isinstance(value, RetryPolicy):
        raise FilterError("retry= must be a policy: retry=RetryPolicy(attempts=3).")
    _count("retry=RetryPolicy(attempts)", value.attempts)
    return value
