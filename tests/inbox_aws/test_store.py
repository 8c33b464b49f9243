import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier

import pytest
from msgspec import structs

from almahook.errors import ConfigurationError, InboxUnavailableError, NotFoundError
from almahook.inbox import EventFilter, NewEvent, RunState
from almahook.inbox.aws import keys
from almahook.inbox.aws.store import AWSInbox
from almahook.testing.inbox_contract.given import (
    COALESCED,
    LATER,
    NOW,
    SOON,
    add,
    assigned,
    ending,
    hour,
    new_event,
    refused,
    settle,
    spool,
    states,
    take,
    take_one,
    to,
)
from aws_local.stack import Stack
from inbox_aws.looking import before_each_transaction, items, objects, partitions

LARGE = b"\x00" * 500_000


def every_seq(inbox: AWSInbox, **page: int) -> list[int]:
    return [event.seq for event in inbox.events(EventFilter(), limit=1000, **page)]


# What is too large for an item


def test_a_body_that_is_too_large_for_an_item_is_an_object(stack: Stack, inbox: AWSInbox) -> None:
    (receipt,) = inbox.append([new_event(body=LARGE)])
    assert len(objects(stack)) == 1
    assert inbox.event(receipt.seq).body == LARGE
    assert inbox.events(EventFilter(), limit=1)[0].body == LARGE


def test_a_duplicate_leaves_the_object_of_the_event_alone(stack: Stack, inbox: AWSInbox) -> None:
    (first,) = inbox.append([new_event(body=LARGE)])
    inbox.append([new_event(body=LARGE)])
    inbox.append([new_event(body=LARGE + b"other")])
    assert inbox.event(first.seq).body == LARGE
    assert len(objects(stack)) == 1


def test_whatever_is_too_large_is_kept_and_comes_back(inbox: AWSInbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    inbox.save_step(lease, "text", LARGE)
    assert inbox.load_step(lease, "text") == LARGE
    inbox.settle([ending(lease, traceback="x" * 500_000, log=["y" * 500] * 1000)])
    (attempt,) = inbox.attempts(lease.run_id)
    assert (len(attempt.traceback), len(attempt.log)) == (500_000, 1000)


def test_a_large_refused_body_is_kept_if_that_is_wanted(open_inbox) -> None:
    inbox = open_inbox(rejection_body_bytes=1_000_000)
    inbox.reject([refused(body=LARGE, size=len(LARGE))])
    (found,) = inbox.rejections(limit=1)
    assert found.body == LARGE


def test_a_replay_has_the_large_steps_of_the_run_before(inbox: AWSInbox) -> None:
    (seq,) = add(inbox, new_event())
    inbox.save_step(take_one(inbox), "text", LARGE)
    inbox.replay(seq, [assigned()], fresh=None, now=NOW)
    assert inbox.load_step(take_one(inbox), "text") == LARGE


def test_a_step_may_have_any_name(inbox: AWSInbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    names = ["", "é#\x00", "n" * 5000, "n" * 4999]
    for number, name in enumerate(names):
        inbox.save_step(lease, name, str(number).encode())
    assert [inbox.load_step(lease, name) for name in names] == [b"0", b"1", b"2", b"3"]


# Many at once


def test_the_version_changes_once_an_event_is_there_and_not_only_before(open_inbox) -> None:
    watching, writing = open_inbox(), open_inbox()
    seen: list[int] = []
    before_each_transaction(writing, lambda: seen.append(watching.version()))
    writing.append([new_event()])
    assert len(seen) == 1
    assert watching.version() not in seen


def test_more_events_than_a_transaction_takes_are_stored_and_read(inbox: AWSInbox) -> None:
    seqs = [receipt.seq for receipt in inbox.append([new_event(str(n)) for n in range(130)])]
    assert seqs == sorted(set(seqs))
    assert every_seq(inbox, after=0) == seqs
    assert inbox.dispatch(to("texts"), limit=1000) == 130
    assert len(inbox.runs(seqs)) == 130


def test_events_of_more_bytes_than_a_page_has_are_all_listed(inbox: AWSInbox) -> None:
    # An answer of DynamoDB's ends at 1 MB.
    seqs = add(inbox, *[new_event(str(n), body=bytes(60_000)) for n in range(40)])
    assert every_seq(inbox) == seqs[::-1]
    assert inbox.backlog().waiting == 40


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "EVENTS_PER_PAGE", 3)


def test_a_listing_goes_from_page_to_page(small_pages: None, inbox: AWSInbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(10)])
    assert every_seq(inbox) == seqs[::-1]
    assert every_seq(inbox, before=seqs[5]) == seqs[4::-1]
    assert every_seq(inbox, after=seqs[5]) == seqs[6:]
    assert every_seq(inbox, after=seqs[2], before=seqs[7]) == seqs[3:7]


def test_pages_that_became_empty_long_ago_are_passed_over(
    small_pages: None, monkeypatch: pytest.MonkeyPatch, inbox: AWSInbox
) -> None:
    monkeypatch.setattr("almahook.inbox.aws.log._PAGES_KEPT", 2)
    seqs = add(inbox, *[new_event(str(n), received_at=NOW + n) for n in range(12)], match=to())
    assert inbox.purge(before=NOW + 10, limit=100).events == 10
    assert [inbox.purge(before=NOW, limit=100).events for _ in range(5)] == [0] * 5
    assert inbox._log.pages() == range(3, 5)
    assert every_seq(inbox) == seqs[:9:-1]
    (new,) = add(inbox, new_event("new"))
    assert every_seq(inbox) == [new, *seqs[:9:-1]]


def test_a_burst_that_two_dispatch_at_once_leaves_one_run(open_inbox) -> None:
    inboxes = [open_inbox() for _ in range(4)]
    receipts = inboxes[0].append([new_event(str(n), time=hour(n)) for n in range(20)])
    together = Barrier(4)

    def claim(number: int) -> None:
        together.wait()
        for receipt in receipts[number::4]:
            inboxes[number].claim(receipt.seq, COALESCED, now=NOW, until=SOON, due=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, range(4)))
    found = states(inboxes[0], [receipt.seq for receipt in receipts])
    assert found == [RunState.SUPERSEDED] * 19 + [RunState.WAITING]


def test_a_newer_event_supersedes_more_runs_than_a_transaction_takes(inbox: AWSInbox) -> None:
    seqs = add(inbox, *[new_event(str(n), time=hour(1)) for n in range(40)], match=to("texts"))
    for seq in seqs:
        inbox.replay(seq, [assigned(lane=new_event().subject)], fresh=None, now=NOW)
    (newest,) = add(inbox, new_event("newest", time=hour(2)), match=COALESCED)
    assert states(inbox, [*seqs, newest]) == [RunState.SUPERSEDED] * 40 + [RunState.WAITING]


def test_an_event_supersedes_the_runs_that_several_handlers_have_of_another(
    inbox: AWSInbox,
) -> None:
    match = to("texts", "prints", "shelves", coalesce=True, wait_s=10)
    old, new = [
        seq for n in (1, 2) for seq in add(inbox, new_event(str(n), time=hour(n)), match=match)
    ]
    assert {run.state for run in inbox.runs([old])} == {RunState.SUPERSEDED}
    assert {run.state for run in inbox.runs([new])} == {RunState.WAITING}


# What is left behind


def finished(inbox: AWSInbox, event: NewEvent) -> None:
    add(inbox, event, match=to("texts", in_lane=True))
    settle(inbox, take_one(inbox))


def test_what_is_finished_costs_the_backlog_nothing(stack: Stack, inbox: AWSInbox) -> None:
    for number in range(3):
        finished(inbox, new_event(str(number)))
    assert partitions(stack) == {"events", "id", "subject", "work", "handlers", "meta"}


def test_a_purge_leaves_nothing_of_an_event(stack: Stack, inbox: AWSInbox) -> None:
    add(inbox, new_event(body=LARGE), match=to("texts", in_lane=True))
    lease = take_one(inbox)
    inbox.save_step(lease, "text", LARGE)
    inbox.settle([ending(lease, RunState.WAITING, due_at=NOW, traceback="x" * 100_000)])
    settle(inbox, take_one(inbox), RunState.PARKED)
    add(inbox, new_event("2", body=LARGE), match=to())
    inbox.reject([refused()])
    assert inbox.purge(before=LATER, limit=10).events == 2
    assert objects(stack) == []
    assert partitions(stack) == {"handlers", "meta"}


def test_a_purge_that_was_broken_off_is_finished_by_the_next(
    stack: Stack, inbox: AWSInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(inbox, new_event("1", body=LARGE))
    add(inbox, new_event("2"), match=to())

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(inbox._table, "transact", die)
        with pytest.raises(KeyboardInterrupt):
            inbox.purge(before=LATER, limit=10)
    assert inbox.purge(before=LATER, limit=10).events == 2
    assert partitions(stack) == {"handlers", "meta"}
    assert objects(stack) == []


def test_an_event_that_is_purged_within_a_claim_is_gone_and_nobody_has_it(open_inbox) -> None:
    inbox, purging = open_inbox(), open_inbox()
    (seq,) = add(inbox, new_event(), match=to())

    def purged_meanwhile(event):
        purging.purge(before=LATER, limit=1)
        return to("texts")(event)

    with pytest.raises(NotFoundError):
        inbox.claim(seq, purged_meanwhile, now=NOW, until=SOON)
    assert take(inbox) == []


def test_an_event_that_somebody_claims_while_it_is_purged_is_either_kept_or_gone(
    open_inbox,
) -> None:
    purging, claiming = open_inbox(), open_inbox()
    seqs = add(purging, *[new_event(str(n)) for n in range(10)], match=to())
    together = Barrier(2)

    def purge() -> int:
        together.wait()
        return purging.purge(before=LATER, limit=100).events

    def claim() -> int:
        together.wait()
        claimed = 0
        for seq in reversed(seqs):
            with suppress(NotFoundError):
                claimed += len(claiming.claim(seq, to("texts"), now=NOW, until=SOON).leases)
        return claimed

    with ThreadPoolExecutor(2) as pool:
        gone, claimed = pool.submit(purge), pool.submit(claim)
        assert gone.result() + claimed.result() == 10
    assert purging.backlog().running == claimed.result()
    assert len(every_seq(purging)) == claimed.result()


# When it cannot be used


def test_a_table_that_is_not_there_is_unavailable_and_not_made(
    stack: Stack, aws_environment
) -> None:
    inbox = AWSInbox("not-there")
    with pytest.raises(InboxUnavailableError, match="ResourceNotFoundException"):
        inbox.append([new_event()])
    with pytest.raises(ConfigurationError, match="almahook aws deploy"):
        inbox.require_table()
    inbox.close()


def test_a_service_that_cannot_be_reached_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, aws_environment
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("almahook.inbox.aws.clients._TRIES", 1)
    inbox = AWSInbox("hooks")
    with pytest.raises(InboxUnavailableError, match="EndpointConnectionError"):
        inbox.backlog()
    with pytest.raises(InboxUnavailableError):
        inbox.append([new_event()])
    inbox.close()


def test_without_credentials_it_is_unavailable_and_says_so(
    monkeypatch: pytest.MonkeyPatch, aws_environment
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    inbox = AWSInbox("hooks")
    with pytest.raises(InboxUnavailableError, match="NoCredentialsError"):
        inbox.append([new_event()])
    with pytest.raises(InboxUnavailableError, match="no AWS credentials"):
        spool(inbox, [new_event()])
    inbox.close()


def test_without_a_region_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, aws_environment
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        AWSInbox("hooks")


@pytest.mark.parametrize("name", ["", "a", "Hooks", "1hooks", "hooks-", "a b", "h" * 33, "a/b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="aws:almahook"):
        AWSInbox(name)


def test_without_the_sdk_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['botocore'] = None\n"
        "from almahook.inbox.aws.store import AWSInbox\n"
        "from almahook.errors import MissingExtraError\n"
        "try: AWSInbox('hooks')\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'almahook[aws]'" in done.stdout


def test_the_sdk_logs_no_body_even_when_everything_is_logged(
    stack: Stack, inbox: AWSInbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = new_event(body=b"Amaranta", subject="Amaranta")
    (receipt,) = inbox.append([secret])
    spool(inbox, [structs.replace(secret, event_id="2")])
    inbox.event(receipt.seq)
    inbox.collect(limit=10)
    assert "Amaranta" not in caplog.text
    assert "QW1hcmFudGE" not in caplog.text


def test_no_id_of_a_patron_is_in_a_key(stack: Stack, inbox: AWSInbox) -> None:
    finished(inbox, new_event("Amaranta-id", subject="Amaranta"))
    add(inbox, new_event("Amaranta-2", subject="Amaranta"), match=to("texts", in_lane=True))
    inbox.settle([replace(ending(lease), reason="") for lease in take(inbox)])
    assert not [item for item in items(stack) if "Amaranta" in str(item)]
