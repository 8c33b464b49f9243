"""Events, runs and refused requests as the JSON of the commands: these keys are stable."""

from collections.abc import Sequence
from typing import Any

from almahook.app.patron import shown_subject
from almahook.cli.moment import utc_time
from almahook.cli.standing import Standing
from almahook.inbox import Attempt, Rejection, Run

Entry = dict[str, Any]


def event_entry(standing: Standing, *, reveal: bool) -> Entry:
    """Write an event, without its body."""
    event = standing.event
    return {
        "number": event.seq,
        "profile": event.profile,
        "action": event.action,
        "event": event.event,
        "id": event.event_id,
        "institution": event.institution,
        "time": event.time,
        "subject": shown_subject(event.action, event.subject, reveal=reveal),
        "received_at": utc_time(event.received_at),
        "content_type": event.content_type,
        "size": standing.size,
        "secret_index": event.secret_index,
        "states": standing.states,
        "runs": [run_entry(run) for run in standing.runs],
    }


def run_entry(run: Run) -> Entry:
    """Write a run."""
    return {
        "handler": run.handler,
        "number": run.number,
        "state": run.state.value,
        "attempts": run.attempts,
        "created_at": utc_time(run.created_at),
        "due_at": utc_time(run.due_at),
        "settled_at": None if run.settled_at is None else utc_time(run.settled_at),
        "reason": run.reason,
    }


def run_entry_with_history(run: Run, attempts: Sequence[Attempt]) -> Entry:
    """Write a run with its attempts."""
    return {**run_entry(run), "history": [attempt_entry(attempt) for attempt in attempts]}


def attempt_entry(attempt: Attempt) -> Entry:
    """Write an attempt."""
    return {
        "number": attempt.number,
        "started_at": utc_time(attempt.started_at),
        "ended_at": utc_time(attempt.ended_at),
        "outcome": attempt.outcome.value,
        "error": attempt.error,
        "traceback": attempt.traceback,
        "log": list(attempt.log),
    }


def rejection_entry(rejection: Rejection) -> Entry:
    """Write a refused request, without its body and its signature."""
    return {
        "number": rejection.id,
        "at": utc_time(rejection.at),
        "profile": rejection.profile,
        "method": rejection.method,
        "status": rejection.status,
        "code": rejection.code,
        "reason": rejection.reason,
        "content_type": rejection.content_type,
        "size": rejection.size,
        "kept": len(rejection.body),
    }
