"""How events stand: their runs that count, and what that is in a word or two."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from almahook.app.replay import newest_runs
from almahook.inbox import EventFilter, Inbox, Run, RunState, StoredEvent

PENDING = "pending"
UNHANDLED = "unhandled"

# What a person should see comes first.
_ORDER = sorted(RunState, key=lambda state: state is not RunState.PARKED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """An event and how it stands.

    Attributes:
        event: The event without its body: a page of large bodies is not held in memory.
        size: Bytes of the body.
        runs: All its runs, oldest first.
        is_pending: It has not been given to handlers yet.
    """

    event: StoredEvent
    size: int
    runs: Sequence[Run]
    is_pending: bool = False

    @property
    def states(self) -> list[str]:
        """The states of the runs that count, each once; of an event without runs, its own."""
        return list(self._counted()) or [PENDING if self.is_pending else UNHANDLED]

    @property
    def summary(self) -> str:
        """The same in words: ``parked``, or ``1 parked, 2 succeeded``."""
        counted = self._counted()
        if sum(counted.values()) <= 1:
            return self.states[0]
        return ", ".join(f"{number} {state}" for state, number in counted.items())

    def _counted(self) -> dict[str, int]:
        found = Counter(run.state for run in newest_runs(self.runs))
        return {state.value: found[state] for state in _ORDER if found[state]}


def standings(inbox: Inbox, events: Sequence[StoredEvent]) -> list[Standing]:
    """Look up how events stand."""
    # In this order: an event that is given to its handlers in between is found with its runs.
    oldest = inbox.events(EventFilter(state=PENDING), limit=1, after=0)
    runs: dict[int, list[Run]] = {event.seq: [] for event in events}
    for run in inbox.runs(list(runs)):
        runs[run.event_seq].append(run)
    return [
        Standing(
            event=replace(event, body=b""),
            size=len(event.body),
            runs=runs[event.seq],
            is_pending=bool(oldest) and event.seq >= oldest[0].seq,
        )
        for event in events
    ]
