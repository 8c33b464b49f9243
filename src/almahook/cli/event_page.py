"""An event with everything that became of it, as lines for a person: pure."""

from collections.abc import Iterator, Mapping, Sequence

from almahook.app.patron import MASK, shown_subject
from almahook.cli.moment import local_time
from almahook.cli.output import fact, paragraph, plain, plain_lines
from almahook.cli.standing import PENDING, UNHANDLED, Standing
from almahook.inbox import Attempt, Run, RunState

_WITHOUT_RUNS = {
    PENDING: "not given to the handlers yet. Does almahook serve or almahook work run?",
    UNHANDLED: "no handler took it. Once there is one: almahook events replay {number}",
}


def event_page(
    standing: Standing, attempts: Mapping[int, Sequence[Attempt]], *, reveal: bool
) -> Iterator[str]:
    """Write an event, its runs, and the attempts of each run by the run's id."""
    event = standing.event
    yield f"Event {event.seq}"
    for label, text in _facts(standing, reveal=reveal):
        yield from fact(label, text)
    for run in standing.runs:
        yield ""
        yield from _run(run, attempts[run.id])
    if not standing.runs:
        yield ""
        (state,) = standing.states
        yield from paragraph(f"{state}: {_WITHOUT_RUNS[state].format(number=event.seq)}")


def _facts(standing: Standing, *, reveal: bool) -> Iterator[tuple[str, str]]:
    event = standing.event
    about = shown_subject(event.action, event.subject, reveal=reveal)
    hidden = " (a reader's id, shown with --reveal)" if about == MASK else ""
    yield "profile", event.profile
    yield "action", event.action
    yield "event", event.event
    yield "id", event.event_id
    yield "institution", event.institution
    yield "time", f"{event.time} (as Alma wrote it)" if event.time else ""
    yield "about", about + hidden
    yield "received", local_time(event.received_at)
    yield "secret", f"number {event.secret_index + 1} of profiles.{event.profile}.secrets"
    yield "body", f"{standing.size:,} bytes, {event.content_type or 'of no type'} (--body)"


def _run(run: Run, attempts: Sequence[Attempt]) -> Iterator[str]:
    again = f", run {run.number}" if run.number > 1 else ""
    yield f"{plain(run.handler)}{again}: {_state(run)}"
    if run.reason and not (attempts and attempts[-1].error == run.reason):
        yield from paragraph(run.reason, indent=2)
    for attempt in attempts:
        yield from _attempt(attempt)
    # Attempts of one run fail alike, so that the last says it all.
    if attempts and attempts[-1].traceback:
        yield from ("    " + line for line in plain_lines(attempts[-1].traceback))


def _state(run: Run) -> str:
    if run.state is RunState.WAITING:
        return f"{run.state}, due {local_time(run.due_at)}"
    if run.settled_at is None:
        return run.state.value
    return f"{run.state}, {local_time(run.settled_at)}"


def _attempt(attempt: Attempt) -> Iterator[str]:
    took_s = max(0.0, attempt.ended_at - attempt.started_at)
    how = attempt.outcome.replace("_", " ")
    yield f"  attempt {attempt.number}, {local_time(attempt.started_at)}, {took_s:,.1f} s: {how}"
    for text in (attempt.error, *attempt.log):
        yield from paragraph(text, indent=4)
