from collections.abc import Callable

import pytest

from almahook.errors import InboxUnavailableError
from almahook.inbox import Collected, RunState
from almahook.inbox.aws.message import Again, read_message, write_message
from almahook.inbox.aws.store import AWSInbox
from almahook.testing.inbox_contract.given import (
    NOW,
    add,
    assigned,
    new_event,
    settle,
    spool,
    take_one,
    to,
)
from aws_local.stack import Stack
from inbox_aws.looking import messages, objects, send

NOTHING = Collected(events=0, duplicates=0)


@pytest.fixture
def announcing(open_inbox: Callable[..., AWSInbox]) -> AWSInbox:
    return open_inbox(announces=True)


def parked(inbox: AWSInbox, event_id: str = "1") -> int:
    (seq,) = add(inbox, new_event(event_id))
    settle(inbox, take_one(inbox), RunState.PARKED)
    return seq


def replay(inbox: AWSInbox, seq: int) -> None:
    inbox.replay(seq, [assigned()], fresh=None, now=NOW)


def test_a_collected_event_leaves_the_queue_and_the_bucket(stack: Stack, inbox: AWSInbox) -> None:
    spool(inbox, [new_event("1"), new_event("2", body=bytes(2_000_000))])
    assert len(objects(stack)) == 1
    assert inbox.collect(limit=10) == Collected(events=2, duplicates=0)
    assert messages(stack) == []
    # What is left is the body that the event's item refers to.
    assert [key.partition("/")[0] for key in objects(stack)] == ["kept"]


def test_a_message_that_is_none_of_ours_holds_nobody_up_and_is_not_lost(
    stack: Stack, inbox: AWSInbox, caplog: pytest.LogCaptureFixture
) -> None:
    send(stack, "Amaranta")
    spool(inbox, [new_event()])
    assert inbox.collect(limit=10) == Collected(events=1, duplicates=0)
    waiting = stack.ministack.client("sqs").get_queue_attributes(
        QueueUrl=stack.queue_url, AttributeNames=["All"]
    )["Attributes"]
    assert waiting["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert [record.message for record in caplog.records] == ["spool.unreadable"]
    assert "Amaranta" not in str(vars(caplog.records[0]))


def test_a_message_whose_object_is_gone_holds_nobody_up(stack: Stack, inbox: AWSInbox) -> None:
    spool(inbox, [new_event("1", body=bytes(2_000_000)), new_event("2")])
    s3 = stack.ministack.client("s3")
    s3.delete_object(Bucket=stack.bucket, Key=objects(stack)[0])
    assert inbox.collect(limit=10) == Collected(events=1, duplicates=0)


def test_an_announcement_is_no_event_for_who_collects(stack: Stack, announcing: AWSInbox) -> None:
    replay(announcing, parked(announcing))
    assert announcing.collect(limit=10) == NOTHING
    assert messages(stack) == []
    assert take_one(announcing).number == 2


def test_a_replay_is_announced_in_the_queue(stack: Stack, announcing: AWSInbox) -> None:
    seq = parked(announcing)
    replay(announcing, seq)
    assert [read_message(one) for one in messages(stack)] == [Again(seq)]


def test_a_replay_of_nothing_is_not_announced(stack: Stack, announcing: AWSInbox) -> None:
    announcing.replay(parked(announcing), [], fresh=None, now=NOW)
    assert messages(stack) == []


def test_a_replayed_event_leaves_the_dead_letter_queue_and_the_others_stay(
    stack: Stack, announcing: AWSInbox
) -> None:
    seqs = [parked(announcing, str(n)) for n in range(14)]
    # Either the work function has put it there, or SQS after too many receipts.
    for seq in seqs[1:]:
        send(stack, write_message(Again(seq, parked=True)), stack.dead_letter_queue_url)
    send(stack, write_message(new_event("0")), stack.dead_letter_queue_url)
    send(stack, "none of ours", stack.dead_letter_queue_url)
    for seq in seqs[:12]:
        replay(announcing, seq)
    left = hidden(stack)
    assert left == 3
    announcing.close()


def hidden(stack: Stack) -> int:
    attributes = stack.ministack.client("sqs").get_queue_attributes(
        QueueUrl=stack.dead_letter_queue_url, AttributeNames=["All"]
    )["Attributes"]
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(attributes[name]) for name in names)


def test_a_replay_stands_though_the_dead_letter_queue_is_gone(
    stack: Stack, announcing: AWSInbox, caplog: pytest.LogCaptureFixture
) -> None:
    seq = parked(announcing)
    stack.ministack.client("sqs").delete_queue(QueueUrl=stack.dead_letter_queue_url)
    replay(announcing, seq)
    assert [run.state for run in announcing.runs([seq])] == [RunState.PARKED, RunState.WAITING]
    assert "parked.not_forgotten" in [record.message for record in caplog.records]


def test_who_cannot_announce_a_replay_says_so(stack: Stack, announcing: AWSInbox) -> None:
    seq = parked(announcing)
    stack.ministack.client("sqs").delete_queue(QueueUrl=stack.queue_url)
    with pytest.raises(InboxUnavailableError):
        replay(announcing, seq)


def test_what_is_spooled_is_counted_until_somebody_has_it(stack: Stack, inbox: AWSInbox) -> None:
    spool(inbox, [new_event(str(n)) for n in range(3)])
    assert inbox.backlog().pending == 3
    messages(stack)
    assert inbox.backlog().pending == 0


def test_an_event_without_handlers_can_be_claimed_again_and_again(inbox: AWSInbox) -> None:
    (receipt,) = inbox.append([new_event()])
    for _ in range(3):
        assert inbox.claim(receipt.seq, to(), now=NOW, until=NOW + 60, due=True).runs == 0
    assert inbox.backlog().pending == 0
