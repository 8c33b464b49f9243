import subprocess
import sys
from collections.abc import Iterator

import pytest

from almahook.errors import ConfigurationError, InboxUnavailableError
from almahook.inbox import NewEvent
from almahook.inbox.aws.message import Kept, read_message
from almahook.inbox.aws.spool import MAX_MESSAGE_BYTES, SQSSpool, packed_events
from almahook.testing.inbox_contract.given import new_event
from aws_local.stack import Stack
from inbox_aws.looking import messages, objects


@pytest.fixture
def spool(stack: Stack) -> Iterator[SQSSpool]:
    opened = open_spool(stack)
    yield opened
    opened.close()


def open_spool(stack: Stack, **changes: object) -> SQSSpool:
    settings = {
        "queue_url": stack.queue_url,
        "bucket": stack.bucket,
        "environment": stack.ministack.environment,
    }
    return SQSSpool(**{**settings, **changes})


@pytest.mark.parametrize("body", [b"", b"\x00\xff", "né €".encode()])
def test_an_event_is_in_the_queue_when_the_call_returns(
    stack: Stack, spool: SQSSpool, body: bytes
) -> None:
    spool.put(packed_events([new_event(body=body)]))
    (message,) = messages(stack)
    assert read_message(message) == new_event(body=body)


def test_more_events_than_one_call_takes_are_sent_in_several(stack: Stack, spool: SQSSpool) -> None:
    events = [new_event(str(n)) for n in range(25)]
    spool.put(packed_events(events))
    assert sorted(read_message(one).event_id for one in messages(stack)) == sorted(
        event.event_id for event in events
    )


def test_events_that_are_too_large_together_are_sent_in_several_calls(
    stack: Stack, spool: SQSSpool
) -> None:
    spool.put(packed_events([new_event(str(n), body=bytes(400_000)) for n in range(3)]))
    assert len(messages(stack)) == 3
    assert objects(stack) == []


def sized(size: int) -> NewEvent:
    """Make an event whose message has about this many bytes."""
    return new_event(body=bytes(size * 3 // 4))


def test_the_largest_message_that_the_queue_takes_needs_no_bucket(
    stack: Stack, spool: SQSSpool
) -> None:
    spool.put(packed_events([sized(MAX_MESSAGE_BYTES - 400)]))
    assert len(messages(stack)) == 1
    assert objects(stack) == []


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES, 3_000_000])
def test_a_larger_event_is_in_the_bucket_and_its_place_in_the_queue(
    stack: Stack, spool: SQSSpool, size: int
) -> None:
    spool.put(packed_events([sized(size)]))
    kept = read_message(*messages(stack))
    assert isinstance(kept, Kept)
    assert objects(stack) == [kept.key]
    found = stack.ministack.client("s3").get_object(Bucket=kept.bucket, Key=kept.key)
    assert read_message(found["Body"].read().decode()) == sized(size)


def test_the_bucket_keeps_each_event_once_also_when_two_are_the_same(
    stack: Stack, spool: SQSSpool
) -> None:
    spool.put(packed_events([sized(2_000_000), sized(2_000_000)]))
    assert len(objects(stack)) == 2


def test_nothing_is_sent_when_there_is_nothing_to_send(stack: Stack, spool: SQSSpool) -> None:
    spool.put([])
    assert messages(stack) == []


def test_a_queue_that_is_not_there_is_unavailable(stack: Stack) -> None:
    spool = open_spool(stack, queue_url=f"{stack.queue_url}-gone")
    with pytest.raises(InboxUnavailableError, match=r"QueueDoesNotExist|NonExistentQueue"):
        spool.put(packed_events([new_event()]))
    spool.close()


def test_a_bucket_that_is_not_there_is_unavailable_and_nothing_is_sent(stack: Stack) -> None:
    spool = open_spool(stack, bucket="gone")
    with pytest.raises(InboxUnavailableError, match="NoSuchBucket"):
        spool.put(packed_events([sized(2_000_000)]))
    spool.close()
    assert messages(stack) == []


def test_a_service_that_cannot_be_reached_is_unavailable(stack: Stack) -> None:
    environment = {**stack.ministack.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(InboxUnavailableError, match="could not be reached"):
        open_spool(stack, environment=environment).put(packed_events([new_event()]))


def test_without_credentials_the_variable_is_named(stack: Stack) -> None:
    environment = {**stack.ministack.environment}
    del environment["AWS_SECRET_ACCESS_KEY"]
    with pytest.raises(ConfigurationError, match="AWS_SECRET_ACCESS_KEY"):
        open_spool(stack, environment=environment).put(packed_events([new_event()]))


def test_spooling_loads_neither_an_sdk_nor_a_store() -> None:
    code = "import sys; from almahook.inbox.aws.spool import SQSSpool; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "almahook.inbox.aws.spool" in loaded
    heavy = {"boto3", "botocore", "asyncio", "dataclasses", "sqlite3", "almahook.inbox.contract"}
    assert loaded & heavy == set()
