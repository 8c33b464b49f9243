"""Claiming: whoever stored an event executes its runs at once (direct mode)."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from almahook.errors import NotFoundError
from almahook.inbox import Inbox, RunState
from almahook.testing.inbox_contract.given import (
    COALESCED,
    LATER,
    NOW,
    ORDERED,
    SOON,
    OpenInbox,
    add,
    ending,
    hour,
    new_event,
    run_of,
    settle,
    states,
    take_one,
    to,
)


def test_a_claim_makes_and_leases_the_runs_of_an_event(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    claim = inbox.claim(receipt.seq, to("texts", "prints"), now=NOW, until=SOON)
    assert (claim.runs, claim.busy) == (2, False)
    assert {lease.handler for lease in claim.leases} == {"texts", "prints"}
    assert all(settle(inbox, lease) for lease in claim.leases)


def test_a_claim_does_not_wait_for_the_due_time(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    assert inbox.claim(receipt.seq, to("texts", wait_s=60), now=NOW, until=SOON).leases


def test_a_claim_leases_again_what_was_parked_and_leaves_what_succeeded(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    match = to("texts", "prints", "shelves")
    for lease in inbox.claim(receipt.seq, match, now=NOW, until=SOON).leases:
        ends = {"texts": RunState.PARKED, "prints": RunState.SUCCEEDED, "shelves": RunState.SKIPPED}
        settle(inbox, lease, ends[lease.handler])
    again = inbox.claim(receipt.seq, match, now=NOW, until=SOON)
    assert [(lease.handler, lease.attempt) for lease in again.leases] == [("texts", 2)]
    assert (again.runs, again.busy) == (3, False)


def test_a_claim_of_what_somebody_else_executes_is_busy(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON)
    claim = inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON)
    assert (claim.runs, list(claim.leases), claim.busy) == (1, [], True)


def test_a_claim_takes_over_what_a_dead_worker_executed(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    (stale,) = inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON).leases
    (current,) = inbox.claim(receipt.seq, to("texts"), now=SOON + 1, until=LATER).leases
    assert settle(inbox, stale) is False
    assert settle(inbox, current) is True


def test_a_claim_of_an_event_without_handlers_has_no_runs(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    claim = inbox.claim(receipt.seq, to(), now=NOW, until=SOON)
    assert (claim.runs, list(claim.leases), claim.busy) == (0, [], False)


def test_a_claim_of_an_event_that_was_unhandled_makes_its_runs(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to())
    assert inbox.claim(seq, to("texts"), now=NOW, until=SOON).runs == 1


def test_claiming_and_dispatching_make_each_run_once(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON)
    inbox.dispatch(to("texts"), limit=10)
    assert len(inbox.runs([receipt.seq])) == 1


def test_a_coalescing_run_that_was_claimed_and_released_does_not_supersede_itself(
    inbox: Inbox,
) -> None:
    (receipt,) = inbox.append([new_event()])
    inbox.release(inbox.claim(receipt.seq, COALESCED, now=NOW, until=SOON).leases)
    inbox.dispatch(COALESCED, limit=10)
    assert states(inbox, [receipt.seq]) == [RunState.WAITING]
    assert inbox.claim(receipt.seq, COALESCED, now=NOW, until=SOON).leases


def test_a_claim_keeps_to_the_order_of_the_lane(inbox: Inbox) -> None:
    older, newer = inbox.append([new_event(str(n), time=hour(n)) for n in (1, 2)])
    (lease,) = inbox.claim(older.seq, ORDERED, now=NOW, until=SOON).leases
    held_up = inbox.claim(newer.seq, ORDERED, now=NOW, until=SOON)
    assert (list(held_up.leases), held_up.busy) == ([], True)
    inbox.settle([ending(lease)])
    assert inbox.claim(newer.seq, ORDERED, now=NOW, until=SOON).leases


def test_a_claimed_run_that_failed_can_be_left_to_the_workers(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    (lease,) = inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON).leases
    settle(inbox, lease, RunState.WAITING, due_at=NOW)
    assert take_one(inbox).attempt == 2
    assert run_of(inbox, receipt.seq).attempts == 2


def test_a_claim_of_what_is_due_leaves_what_is_due_later(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    match = to("texts", wait_s=10)
    early = inbox.claim(receipt.seq, match, now=NOW + 9, until=SOON, due=True)
    assert (early.runs, list(early.leases), early.busy) == (1, [], True)
    (lease,) = inbox.claim(receipt.seq, match, now=NOW + 10, until=SOON, due=True).leases
    settle(inbox, lease, RunState.WAITING, due_at=LATER)
    assert inbox.claim(receipt.seq, match, now=LATER - 1, until=LATER, due=True).leases == []
    (again,) = inbox.claim(receipt.seq, match, now=LATER, until=LATER + 60, due=True).leases
    assert again.attempt == 2


def test_a_claim_of_what_is_due_leaves_what_is_parked(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    match = to("texts", "prints")
    for lease in inbox.claim(receipt.seq, match, now=NOW, until=SOON).leases:
        ends = {"texts": RunState.PARKED, "prints": RunState.WAITING}
        settle(inbox, lease, ends[lease.handler], due_at=NOW)
    again = inbox.claim(receipt.seq, match, now=NOW, until=SOON, due=True)
    assert [lease.handler for lease in again.leases] == ["prints"]
    assert (again.runs, again.busy) == (2, False)


def test_a_claim_of_what_is_due_takes_over_what_a_dead_worker_executed(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON)
    held = inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON, due=True)
    assert (list(held.leases), held.busy) == ([], True)
    assert inbox.claim(receipt.seq, to("texts"), now=SOON + 1, until=LATER, due=True).leases


def test_two_claims_of_one_event_at_once_lease_its_run_once(open_inbox: OpenInbox) -> None:
    inboxes = open_inbox(), open_inbox()
    (receipt,) = inboxes[0].append([new_event()])
    together = Barrier(2)

    def claim(inbox: Inbox) -> int:
        together.wait()
        return len(inbox.claim(receipt.seq, to("texts"), now=NOW, until=SOON).leases)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(claim, inboxes)) == [0, 1]


def test_claiming_an_event_that_is_not_there_is_an_error(inbox: Inbox) -> None:
    with pytest.raises(NotFoundError):
        inbox.claim(7, to("texts"), now=NOW, until=SOON)
