"""Following an inbox whose events turn up some time after they got their numbers."""

from collections.abc import Sequence
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.cli import following
from almahook.cli.following import follow
from almahook.inbox import EventFilter, Run, StoredEvent
from almahook.testing.inbox_contract.given import new_event

LOOK_S = 0.2
LATEST_S = 9.9


class Slow:
    """An inbox and its clock: event 1 is there from the first of these times on, and so forth."""

    def __init__(self, there_from: Sequence[float]) -> None:
        self.there_from = there_from
        self.now = 0.0
        self.read = 0

    def version(self) -> int:
        return sum(at <= self.now for at in self.there_from)

    def events(
        self, where: EventFilter, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[StoredEvent]:
        there = [seq for seq, at in enumerate(self.there_from, 1) if at <= self.now]
        if after is None:
            there.reverse()
        page = [seq for seq in there if after is None or seq > after][:limit]
        self.read += len(page)
        event = msgspec.structs.asdict(new_event())
        return [StoredEvent(seq=seq, **event) for seq in page]

    def runs(self, seqs: Sequence[int]) -> list[Run]:
        return []


class Until:
    """Ends at a time; waiting moves the clock of the inbox."""

    def __init__(self, inbox: Slow, end: float) -> None:
        self.inbox = inbox
        self.end = end

    @property
    def is_over(self) -> bool:
        return self.inbox.now > self.end

    def wait(self) -> None:
        self.inbox.now += LOOK_S


def followed(inbox: Slow, *, until: float, after: int = 0) -> list[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "time", SimpleNamespace(monotonic=lambda: inbox.now))
        found = follow(inbox, EventFilter(), after=after, ending=Until(inbox, until))
        return [standing.event.seq for standing in found]


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, LATEST_S)), max_size=30))
def test_each_event_is_given_once_however_late_it_turns_up(pauses_and_delays):
    numbered_at, there_from = 0.0, []
    for pause, delay in pauses_and_delays:
        numbered_at += pause
        there_from.append(numbered_at + delay)
    found = followed(Slow(there_from), until=max(there_from, default=0) + 1)
    assert sorted(found) == list(range(1, len(there_from) + 1))


def test_what_is_there_is_given_before_what_turns_up_behind_it():
    assert followed(Slow([3.0, 1.0, 2.0]), until=5) == [2, 3, 1]


def test_what_was_there_before_is_not_given_however_often_it_is_looked_at():
    assert followed(Slow([0.0, 0.0, 4.0, 3.0]), until=60, after=2) == [4, 3]


def test_what_was_stored_by_somebody_who_failed_to_tell_is_given_too(monkeypatch):
    monkeypatch.setattr(Slow, "version", lambda _: 0)
    assert followed(Slow([0.0, 3.0]), until=30) == [1, 2]


def test_a_flood_is_not_read_again_and_again():
    inbox = Slow([0.0] * 5000 + [1.0 + n for n in range(5)])
    assert followed(inbox, until=7) == list(range(1, 5006))
    assert inbox.read < 5000 + 6 * 1200
