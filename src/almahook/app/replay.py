"""Having events handled again: what is run for which event is pure, the store carries it out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from almahook.errors import AlmaHookError, InboxUnavailableError, NoHandlerError
from almahook.handlers import Registry
from almahook.inbox import Assignment, EventFilter, Inbox, Run, RunState, StoredEvent
from almahook.worker import assign, assign_named

ReplayState = Literal["parked", "unhandled"]

_PAGE = 200
_PARKED = frozenset({RunState.PARKED})
_UNFINISHED = frozenset({RunState.PARKED, RunState.WAITING})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person wants to be run again.

    Attributes:
        handlers: These and no others; empty leaves it to the event's runs and the filters.
        state: The events were chosen by this state, so that only what is in it is run again.
        fresh: Whether finished steps are forgotten; None keeps them unless the run succeeded.
    """

    handlers: Sequence[str] = ()
    state: ReplayState | None = None
    fresh: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is run for one event.

    Attributes:
        missing: Handlers that are to run and are no longer loaded.
    """

    assignments: Sequence[Assignment]
    missing: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """An event and its new runs."""

    seq: int
    runs: Sequence[Run]


@dataclass(frozen=True, kw_only=True, slots=True)
class NotReplayed:
    """An event that could not be replayed, or not for every handler."""

    seq: int
    error: AlmaHookError = field(repr=False)


def newest_runs(runs: Sequence[Run]) -> list[Run]:
    """Return of each handler the run that counts: the one that no replay has followed."""
    newest = {run.handler: run for run in sorted(runs, key=lambda run: run.number)}
    return list(newest.values())


def find(inbox: Inbox, registry: Registry, where: EventFilter, wish: Wish) -> list[int]:
    """Return the numbers of the events that a wish is about, oldest first.

    An event that no handler takes is not among them.
    """
    seqs: list[int] = []
    after = 0
    while page := inbox.events(where, limit=_PAGE, after=after):
        runs: dict[int, list[Run]] = {event.seq: [] for event in page}
        for run in inbox.runs(list(runs)):
            runs[run.event_seq].append(run)
        seqs += [event.seq for event in page if _is_wanted(registry, event, runs[event.seq], wish)]
        after = page[-1].seq
    return seqs


def plan(registry: Registry, event: StoredEvent, runs: Sequence[Run], wish: Wish) -> Plan:
    """Decide what is run for one event.

    Of an event that has something unfinished (parked, or waiting for its next attempt) only that
    is run: what a finished handler has done is not done twice unless somebody names it.
    """
    if wish.state == "parked":
        return _again(registry, event, _in_state(runs, _PARKED), only=wish.handlers)
    if wish.state == "unhandled" and runs:
        return Plan(assignments=())
    if wish.handlers:
        return Plan(assignments=assign_named(registry, wish.handlers, event))
    if wish.state is None and (unfinished := _in_state(runs, _UNFINISHED)):
        return _again(registry, event, unfinished)
    return Plan(assignments=assign(registry, event))


def replay(
    inbox: Inbox, registry: Registry, seqs: Sequence[int], wish: Wish, *, now: float
) -> Iterator[Replayed | NotReplayed]:
    """Make the new runs, event by event; a worker runs them.

    Raises:
        InboxUnavailableError: The store cannot be written now; what was yielded is replayed.
    """
    for seq in seqs:
        try:
            yield from _replay(inbox, registry, seq, wish, now)
        except InboxUnavailableError:
            raise
        except AlmaHookError as error:
            yield NotReplayed(seq=seq, error=error)


def _replay(
    inbox: Inbox, registry: Registry, seq: int, wish: Wish, now: float
) -> Iterator[Replayed | NotReplayed]:
    planned = plan(registry, inbox.event(seq), inbox.runs([seq]), wish)
    if planned.assignments:
        runs = inbox.replay(seq, planned.assignments, fresh=wish.fresh, now=now)
        yield Replayed(seq=seq, runs=runs)
    elif not planned.missing:
        yield NotReplayed(seq=seq, error=NoHandlerError("There is no handler that takes it."))
    for name in planned.missing:
        error = NoHandlerError(f"No handler is called {name} any more, so its run stays as it is.")
        yield NotReplayed(seq=seq, error=error)


def _is_wanted(registry: Registry, event: StoredEvent, runs: Sequence[Run], wish: Wish) -> bool:
    try:
        planned = plan(registry, event, runs, wish)
    except AlmaHookError:
        # It is replayed, and then reported with its reason.
        return True
    return bool(planned.assignments or planned.missing)


def _in_state(runs: Sequence[Run], states: Collection[RunState]) -> list[str]:
    return [run.handler for run in newest_runs(runs) if run.state in states]


def _again(
    registry: Registry, event: StoredEvent, names: Sequence[str], *, only: Sequence[str] = ()
) -> Plan:
    wanted = [name for name in names if not only or name in only]
    loaded = [name for name in wanted if registry.get(name) is not None]
    return Plan(
        assignments=assign_named(registry, loaded, event),
        missing=[name for name in wanted if name not in loaded],
    )
