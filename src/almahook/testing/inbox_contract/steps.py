"""Steps: what a handler has done once is kept for its next attempt."""
# ruff: noqa: D103 - a test is named as its sentence

import pytest

from almahook.errors import StaleLeaseError
from almahook.inbox import Inbox, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    SOON,
    OpenInbox,
    add,
    new_event,
    settle,
    take,
    take_one,
)


def test_a_step_that_was_not_done_is_none(inbox: Inbox) -> None:
    add(inbox, new_event())
    assert inbox.load_step(take_one(inbox), "text") is None


@pytest.mark.parametrize("result", [b"null", b"", b"\x00\xff"])
def test_the_result_of_a_step_is_kept_for_the_next_attempt(inbox: Inbox, result: bytes) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    inbox.save_step(lease, "text", result)
    assert inbox.load_step(lease, "text") == result
    settle(inbox, lease, RunState.WAITING, due_at=NOW)
    retry = take_one(inbox)
    assert inbox.load_step(retry, "text") == result
    assert inbox.load_step(retry, "mail") is None


def test_a_step_outlives_the_process_that_did_it(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    add(first, new_event())
    inbox_lease = take_one(first, until=SOON)
    first.save_step(inbox_lease, "text", b"1")
    first.close()
    second = open_inbox()
    (current,) = second.expired(now=LATER, until=LATER + 60)
    assert second.load_step(current, "text") == b"1"


def test_runs_do_not_share_their_steps(inbox: Inbox) -> None:
    add(inbox, new_event("1"), new_event("2"))
    one, other = take(inbox)
    inbox.save_step(one, "text", b"1")
    assert inbox.load_step(other, "text") is None


def test_a_step_that_is_saved_again_has_the_last_result(inbox: Inbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    inbox.save_step(lease, "text", b"1")
    inbox.save_step(lease, "text", b"2")
    assert inbox.load_step(lease, "text") == b"2"


def test_a_worker_that_lost_its_lease_hears_so_and_its_step_is_not_done_again(
    inbox: Inbox,
) -> None:
    add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    (current,) = inbox.expired(now=LATER, until=LATER + 60)
    with pytest.raises(StaleLeaseError):
        inbox.save_step(stale, "text", b"1")
    assert inbox.load_step(current, "text") == b"1"


def test_a_step_that_comes_too_late_does_not_replace_that_of_the_next_attempt(
    inbox: Inbox,
) -> None:
    add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    (current,) = inbox.expired(now=LATER, until=LATER + 60)
    inbox.save_step(current, "text", b"2")
    with pytest.raises(StaleLeaseError):
        inbox.save_step(stale, "text", b"1")
    assert inbox.load_step(current, "text") == b"2"


def test_a_step_that_ends_after_its_attempt_was_settled_is_kept_for_the_next(
    inbox: Inbox,
) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    settle(inbox, lease, RunState.WAITING, due_at=NOW)
    with pytest.raises(StaleLeaseError):
        inbox.save_step(lease, "text", b"1")
    assert inbox.load_step(take_one(inbox), "text") == b"1"


def test_a_step_of_an_event_that_was_deleted_is_refused(inbox: Inbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    settle(inbox, lease)
    inbox.purge(before=LATER, limit=10)
    with pytest.raises(StaleLeaseError):
        inbox.save_step(lease, "text", b"1")
    assert inbox.load_step(lease, "text") is None
