import threading
from pathlib import Path

import pytest

from almahook.app.housekeeping import Housekeeper, purge_all
from almahook.handlers import GiveUp, Retry
from almahook.inbox import EventFilter, RunState
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing.inbox_contract.given import NOW, add, new_event, refused, to
from listening import handler, locked_by_another_process, make_settings, message, until

DAY = 86_400.0
EVERY = EventFilter()


@pytest.fixture
def inbox(tmp_path: Path):
    inbox = SQLiteInbox(tmp_path / "inbox.db", busy_timeout_s=0.01)
    yield inbox
    inbox.close()


def ids(inbox: SQLiteInbox) -> list[str]:
    return [event.event_id for event in inbox.events(EVERY, limit=2000, after=0)]


def gives_up(*_: object) -> None:
    raise GiveUp


def asks_to_wait(*_: object) -> None:
    raise Retry(after=30 * DAY)


def test_what_is_finished_is_deleted_when_it_is_old_and_what_is_not_is_kept(listen) -> None:
    now = [NOW]
    first = listen(
        handler("done", "LOAN", lambda *_: None),
        handler("parked", "ITEM", gives_up),
        handler("waiting", "BIB", asks_to_wait),
        clock=lambda: now[0],
    )
    for action in "LOAN", "ITEM", "BIB", "USER":
        first.post(message(action, action=action))
    first.post(b"forged")
    settled = {RunState.SUCCEEDED, RunState.PARKED, RunState.WAITING}
    until(lambda: {run.state for run in first.runs() if run.attempts} == settled)
    first.listener.stop()
    now[0] += 8 * DAY
    second = listen(worker=False, retention_days=7.0, clock=lambda: now[0])
    until(lambda: ids(second.inbox) == ["BIB"])
    assert second.inbox.rejections(limit=9) == []


def test_a_day_before_its_time_nothing_is_deleted(inbox: SQLiteInbox) -> None:
    add(inbox, new_event("1"), new_event("2", received_at=NOW + DAY), match=to())
    assert purge_all(inbox, before=NOW).events == 0
    assert purge_all(inbox, before=NOW + DAY).events == 1
    assert ids(inbox) == ["2"]


def test_an_event_that_no_worker_has_looked_at_is_kept(inbox: SQLiteInbox) -> None:
    inbox.append([new_event("1")])
    assert purge_all(inbox, before=NOW + DAY).events == 0


def test_more_than_one_batch_is_deleted(inbox: SQLiteInbox) -> None:
    add(inbox, *(new_event(str(number)) for number in range(1000)), match=to())
    add(inbox, *(new_event(str(number)) for number in range(1000, 1200)), match=to())
    inbox.reject([refused() for _ in range(900)])
    purged = purge_all(inbox, before=NOW + DAY)
    assert (purged.events, purged.rejections) == (1200, 900)
    assert ids(inbox) == []


def test_a_purge_ends_when_it_is_told_to(inbox: SQLiteInbox) -> None:
    add(inbox, new_event("1"), match=to())
    stopping = threading.Event()
    stopping.set()
    assert purge_all(inbox, before=NOW + DAY, stopping=stopping).events == 0


def test_with_retention_0_everything_is_kept(inbox: SQLiteInbox) -> None:
    add(inbox, new_event("1"), match=to())
    housekeeper = Housekeeper(inbox, retention_days=0, clock=lambda: NOW + 10_000 * DAY)
    housekeeper.start()
    housekeeper.stop()
    assert ids(inbox) == ["1"]


def test_a_purge_that_fails_is_logged_and_ends_nothing(
    inbox: SQLiteInbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(inbox, new_event("1"), match=to())
    with locked_by_another_process(tmp_path / "inbox.db"):
        housekeeper = Housekeeper(inbox, retention_days=1, clock=lambda: NOW + 2 * DAY)
        housekeeper.start()
        until(lambda: "purge.failed" in caplog.messages)
        housekeeper.stop()
    assert ids(inbox) == ["1"]


def test_a_listener_purges_when_it_starts(listen, tmp_path: Path) -> None:
    old = SQLiteInbox(make_settings(tmp_path).path("inbox.db"))
    add(old, new_event("1"), match=to())
    old.close()
    listening = listen(worker=False, clock=lambda: NOW + 31 * DAY)
    until(lambda: ids(listening.inbox) == [])
