"""Storing events: durably, in order, each once, byte for byte."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest

from almahook.inbox import EventFilter, Inbox, StoredEvent
from almahook.testing.inbox_contract.given import LATER, OpenInbox, add, new_event, refused, to


def test_every_field_of_an_event_comes_back_as_it_was_stored(inbox: Inbox) -> None:
    stored = new_event(
        'é"\\1',
        profile="sandbox",
        action="JOB_END",
        event="",
        institution="01EXAMPLE_INST 'x'",
        time="2024-11-05T07:27:10.961Z",
        subject="Ana Méndez \U0001f4da\nsecond line",
        content_type="application/xml; charset=utf-8",
        received_at=1_730_791_630.25,
        secret_index=1,
    )
    (receipt,) = inbox.append([stored])
    found = inbox.event(receipt.seq)
    assert found == StoredEvent(**msgspec.structs.asdict(stored), seq=receipt.seq)


def test_receipts_come_in_the_order_of_the_events_and_count_up(inbox: Inbox) -> None:
    receipts = inbox.append([new_event(str(n)) for n in (3, 1, 2)])
    found = [inbox.event(receipt.seq).event_id for receipt in receipts]
    assert found == ["3", "1", "2"]
    assert receipts[0].seq < receipts[1].seq < receipts[2].seq
    assert not any(receipt.duplicate for receipt in receipts)


def test_of_many_events_each_keeps_its_own_body(inbox: Inbox) -> None:
    events = [new_event(str(number), body=b"body %d" % number) for number in range(201)]
    receipts = inbox.append(events)
    assert len({receipt.seq for receipt in receipts}) == 201
    assert [inbox.event(receipt.seq).body for receipt in receipts[::40]] == [
        event.body for event in events[::40]
    ]
    assert inbox.event(receipts[-1].seq).event_id == "200"


def test_storing_nothing_gives_no_receipt(inbox: Inbox) -> None:
    assert inbox.append([]) == []


def test_what_was_stored_is_there_after_the_store_was_closed(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    (receipt,) = first.append([new_event(body=b"kept")])
    first.close()
    assert open_inbox().event(receipt.seq).body == b"kept"


def test_another_process_sees_what_was_stored_at_once(open_inbox: OpenInbox) -> None:
    first, second = open_inbox(), open_inbox()
    (receipt,) = first.append([new_event()])
    assert second.event(receipt.seq).event_id == "1"


def test_the_same_event_twice_is_kept_once(inbox: Inbox) -> None:
    (first,) = inbox.append([new_event(body=b"first")])
    (second,) = inbox.append([new_event(body=b"second")])
    assert (second.seq, second.duplicate) == (first.seq, True)
    assert inbox.event(first.seq).body == b"first"
    assert len(inbox.events(EventFilter(), limit=10)) == 1


def test_an_event_that_is_twice_in_one_batch_is_kept_once(inbox: Inbox) -> None:
    one, again = inbox.append([new_event(body=b"first"), new_event(body=b"second")])
    assert (one.duplicate, again.duplicate, again.seq) == (False, True, one.seq)
    assert inbox.event(one.seq).body == b"first"


def test_new_events_beside_duplicates_are_told_apart(inbox: Inbox) -> None:
    old, _ = inbox.append([new_event("1"), new_event("2")])
    receipts = inbox.append([new_event(n) for n in ("3", "1", "4", "4", "5")])
    assert [receipt.duplicate for receipt in receipts] == [False, True, False, True, False]
    assert receipts[1].seq == old.seq
    assert receipts[3].seq == receipts[2].seq
    assert [inbox.event(receipt.seq).event_id for receipt in receipts] == ["3", "1", "4", "4", "5"]


def test_a_duplicate_is_told_whatever_was_written_last(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.append([new_event(str(n)) for n in range(5)])
    inbox.reject([refused()])
    (after_another_table,) = inbox.append([new_event("4")])
    inbox.close()
    (after_opening,) = open_inbox().append([new_event("4")])
    assert after_another_table.duplicate
    assert after_opening.duplicate


@pytest.mark.parametrize("field", ["profile", "action", "event"])
def test_the_same_id_under_another_profile_action_or_event_is_another_event(
    inbox: Inbox, field: str
) -> None:
    first, second = inbox.append([new_event(), new_event(**{field: "OTHER"})])
    assert not second.duplicate
    assert first.seq != second.seq


def test_the_same_event_from_sixteen_threads_at_once_is_kept_once(inbox: Inbox) -> None:
    together = Barrier(16)

    def append(number: int) -> bool:
        together.wait()
        own, shared = inbox.append([new_event(f"own-{number}"), new_event("shared")])
        return not own.duplicate and shared.duplicate

    with ThreadPoolExecutor(16) as pool:
        duplicates = list(pool.map(append, range(16)))
    assert sorted(duplicates) == [False] + [True] * 15
    assert len(inbox.events(EventFilter(), limit=100)) == 17


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"a\x00b\x00", b"\xff\xfe\x80", "né".encode(), bytes(range(256)) * 8192],
    ids=["empty", "NUL", "NUL inside", "not UTF-8", "UTF-8", "2 MB"],
)
def test_a_body_is_kept_byte_for_byte(inbox: Inbox, body: bytes) -> None:
    neighbours = [new_event("0", body=b"before"), new_event("2", body=b"after")]
    before, receipt, after = inbox.append([neighbours[0], new_event(body=body), neighbours[1]])
    assert inbox.event(receipt.seq).body == body
    assert inbox.event(before.seq).body == b"before"
    assert inbox.event(after.seq).body == b"after"


def test_a_number_is_not_given_again_after_a_purge(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    (old,) = add(inbox, new_event(), match=to())
    assert inbox.purge(before=LATER, limit=10).events == 1
    inbox.close()
    (new,) = open_inbox().append([new_event()])
    assert not new.duplicate
    assert new.seq > old
