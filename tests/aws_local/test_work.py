"""The function that works, on a real queue; the inbox is a file, as the contract is one."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from almahook.app.functions.source import Source
from almahook.app.functions.work import WorkFunction
from almahook.errors import InboxUnavailableError, UnknownInvocationError
from almahook.handlers import GiveUp, Handler, Registry, Retry, RetryPolicy, Skip
from almahook.inbox import Attempt, AttemptOutcome, Run, RunState
from almahook.inbox.aws.message import Again, Kept, read_message, write_message
from almahook.inbox.event import NewEvent
from almahook.inbox.sqlite import SQLiteInbox
from almahook.notify import Notifier
from almahook.worker import Runner, assign
from aws_local.ministack import Ministack
from aws_local.pump import Pump, count, redrive

ENOUGH_S = 60.0
SOON = RetryPolicy(attempts=3, first=RetryPolicy().first / 1000)


class Services:
    """No Alma, and a dry run instead of texts."""

    notify = Notifier(dry_run=True)

    def alma(self, profile: str) -> Any:
        raise NotImplementedError(profile)


class Shop:
    """A queue, its dead-letter queue, an inbox, and a function with the test's handlers."""

    def __init__(self, ministack: Ministack, inbox: SQLiteInbox) -> None:
        self.ministack = ministack
        self.sqs = ministack.client("sqs")
        name = f"w{uuid4().hex[:20]}"
        # Long enough that only what the function asks for brings a message back in a test.
        hidden = {"VisibilityTimeout": "600"}
        self.parked_url = self.sqs.create_queue(QueueName=f"{name}-parked")["QueueUrl"]
        self.url = self.sqs.create_queue(QueueName=f"{name}-events", Attributes=hidden)["QueueUrl"]
        redrive(ministack, self.url, self.parked_url, receives=100)
        self.inbox: Any = inbox
        self.remaining_s = ENOUGH_S
        self.answers: list[Any] = []
        self._sources: list[Source] = []
        self._made = 0

    def pump(self, *handlers: Handler, batch_size: int = 10, inbox: Any = None) -> Pump:
        """Make the function, cold, and what gives it the queue's messages."""
        used = inbox or self.inbox
        runner = Runner(inbox=used, registry=Registry(handlers), services=Services())
        work = WorkFunction(inbox=used, runner=runner, open_source=self._source)

        def invoke(event: Mapping[str, Any]) -> Any:
            self.answers.append(work(event, remaining_s=self.remaining_s))
            return self.answers[-1]

        return Pump(self.ministack, self.url, invoke, batch_size=batch_size)

    def event(self, event_id: str = "", **changes: Any) -> NewEvent:
        self._made += 1
        given = {
            "profile": "main",
            "action": "LOAN",
            "event": "LOAN_RETURNED",
            "event_id": event_id or str(self._made),
            "institution": "01EXAMPLE_INST",
            "time": f"2024-11-05T16:20:36.{self._made:03}Z",
            "subject": f"loan-{self._made}",
            "content_type": "application/json",
            "body": b'{"id":"%d","action":"LOAN"}' % self._made,
            "received_at": time.time(),
            "secret_index": 0,
        }
        return NewEvent(**{**given, **changes})

    def send(self, said: NewEvent | Again | str) -> None:
        text = said if isinstance(said, str) else write_message(said)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text)

    def runs(self) -> list[Run]:
        return self.inbox.runs(range(1, 100))

    def run(self) -> Run:
        (run,) = self.runs()
        return run

    def attempts(self) -> list[Attempt]:
        return self.inbox.attempts(self.run().id)

    def outcomes(self) -> list[AttemptOutcome]:
        return [attempt.outcome for attempt in self.attempts()]

    def waiting(self) -> int:
        return count(self.sqs, self.url)

    def parked(self) -> list[str]:
        """Take all messages out of the dead-letter queue."""
        found = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.parked_url, MaxNumberOfMessages=10
        ).get("Messages"):
            found += [message["Body"] for message in messages]
        return found

    def redrive(self) -> None:
        """Move what is parked back, as a person does in the console of SQS."""
        for body in self.parked():
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def close(self) -> None:
        for source in self._sources:
            source.close()

    def _source(self, arn: str) -> Source:
        self._sources.append(Source(arn))
        return self._sources[-1]


@pytest.fixture
def shop(ministack: Ministack, aws_environment: object, tmp_path: Path) -> Iterator[Shop]:
    with closing(SQLiteInbox(tmp_path / "inbox.db")) as inbox:
        shop = Shop(ministack, inbox)
        yield shop
        shop.close()


def handler(function: Callable[..., Any], name: str = "texts", **options: Any) -> Handler:
    options = {"retry": SOON, "timeout_s": 30.0} | options
    return Handler(name=name, function=function, takes=lambda _: True, **options)


def raising(*errors: BaseException) -> Callable[..., None]:
    """Make a handler that raises one error after another, then succeeds."""
    left = list(errors)

    def process(*_: object) -> None:
        if left:
            raise left.pop(0)

    return process


def test_an_event_is_stored_handled_and_gone_from_the_queue(shop: Shop) -> None:
    seen = []
    shop.send(shop.event())
    pump = shop.pump(handler(lambda event, _: seen.append(event.id)))
    assert pump.once() == 1
    assert seen == ["1"]
    assert (shop.run().state, shop.waiting()) == (RunState.SUCCEEDED, 0)
    assert shop.answers == [{"batchItemFailures": []}]


def test_an_async_handler_is_awaited(shop: Shop) -> None:
    async def process(*_: object) -> Skip:
        return Skip("nothing to do")

    shop.send(shop.event())
    shop.pump(handler(process, is_async=True)).once()
    assert (shop.run().state, shop.waiting()) == (RunState.SKIPPED, 0)


def test_of_a_batch_only_what_failed_stays_in_the_queue(shop: Shop) -> None:
    def process(event: Any, _: object) -> None:
        if event.id == "bad":
            raise LookupError

    for event_id in ("1", "bad", "3"):
        shop.send(shop.event(event_id))
    shop.pump(handler(process, retry=RetryPolicy())).once()
    states = Counter(run.state for run in shop.runs())
    assert states == {RunState.SUCCEEDED: 2, RunState.WAITING: 1}
    (answer,) = shop.answers
    assert (len(answer["batchItemFailures"]), shop.waiting()) == (1, 1)


def test_a_handler_that_raises_is_tried_again_when_it_is_due(shop: Shop) -> None:
    shop.send(shop.event())
    shop.pump(handler(raising(LookupError()))).until_empty()
    assert shop.outcomes() == [AttemptOutcome.FAILED, AttemptOutcome.SUCCEEDED]


def test_a_retry_comes_after_the_time_that_the_handler_asked_for_and_not_before(
    shop: Shop,
) -> None:
    shop.send(shop.event())
    shop.pump(handler(raising(Retry(after=2)))).until_empty()
    first, second = shop.attempts()
    assert (first.outcome, second.outcome) == (AttemptOutcome.RETRY, AttemptOutcome.SUCCEEDED)
    assert second.started_at >= first.ended_at + 2


def test_a_duplicate_that_comes_meanwhile_does_not_run_what_is_due_later(shop: Shop) -> None:
    shop.send(event := shop.event())
    pump = shop.pump(handler(raising(Retry(after=3600))))
    pump.once()
    shop.send(event)
    pump.once()
    assert shop.outcomes() == [AttemptOutcome.RETRY]
    assert shop.run().state is RunState.WAITING


def test_what_is_due_later_than_sqs_can_wait_comes_back_before_and_waits_on(shop: Shop) -> None:
    shop.send(shop.event())
    pump = shop.pump(handler(raising(Retry(after=13 * 3600))))
    pump.once()
    assert (shop.run().state, shop.waiting()) == (RunState.WAITING, 1)


def test_what_a_handler_gives_up_is_parked_and_its_number_is_in_the_dead_letter_queue(
    shop: Shop,
) -> None:
    shop.send(shop.event())
    shop.pump(handler(raising(GiveUp("useless")))).once()
    assert (shop.run().state, shop.waiting()) == (RunState.PARKED, 0)
    (body,) = shop.parked()
    assert read_message(body) == Again(shop.run().event_seq, parked=True)


def test_after_the_last_attempt_a_run_is_parked(shop: Shop) -> None:
    shop.send(shop.event())
    shop.pump(handler(raising(*[LookupError()] * 9))).until_empty()
    assert shop.outcomes() == [AttemptOutcome.FAILED] * 3
    assert (shop.run().state, len(shop.parked())) == (RunState.PARKED, 1)


def test_a_duplicate_of_what_is_parked_is_not_run(shop: Shop) -> None:
    shop.send(event := shop.event())
    pump = shop.pump(handler(raising(GiveUp())))
    pump.once()
    shop.send(event)
    pump.once()
    assert (shop.outcomes(), shop.waiting()) == ([AttemptOutcome.GAVE_UP], 0)


def test_what_a_person_moves_back_from_the_dead_letter_queue_is_run_once_more(
    shop: Shop,
) -> None:
    shop.send(shop.event())
    pump = shop.pump(handler(raising(*[LookupError()] * 4)))
    pump.until_empty()
    shop.redrive()
    pump.once()
    assert (shop.run().state, shop.run().attempts) == (RunState.PARKED, 4)
    shop.redrive()
    pump.once()
    assert (shop.run().state, shop.parked()) == (RunState.SUCCEEDED, [])


def test_one_handler_that_fails_does_not_run_another_again(shop: Shop) -> None:
    ran: list[str] = []
    good, given_up = (lambda *_: ran.append("good")), raising(GiveUp())
    shop.send(shop.event())
    shop.pump(
        handler(good, "good"), handler(given_up, "hopeless"), handler(raising(Retry()), "flaky")
    ).until_empty()
    states = {run.handler: (run.state, run.attempts) for run in shop.runs()}
    assert states == {
        "good": (RunState.SUCCEEDED, 1),
        "hopeless": (RunState.PARKED, 1),
        "flaky": (RunState.SUCCEEDED, 2),
    }
    assert ran == ["good"]


def test_a_step_that_succeeded_is_not_repeated_by_the_retry(shop: Shop) -> None:
    done = []

    def process(_: object, ctx: Any) -> None:
        ctx.once("text", lambda: done.append("sent"))
        if ctx.attempt == 1:
            raise LookupError

    shop.send(shop.event())
    shop.pump(handler(process)).until_empty()
    assert (done, shop.run().attempts) == (["sent"], 2)


def test_a_handler_is_stopped_in_time_to_settle_before_lambda_ends_the_function(
    shop: Shop,
) -> None:
    never = threading.Event()
    shop.remaining_s = 1.0
    shop.send(shop.event())
    began = time.monotonic()
    shop.pump(handler(lambda *_: never.wait(30), retry=RetryPolicy())).once()
    assert time.monotonic() - began < shop.remaining_s
    never.set()
    assert shop.outcomes() == [AttemptOutcome.TIMED_OUT]
    assert (shop.run().state, shop.waiting()) == (RunState.WAITING, 1)


def test_what_there_was_no_time_to_begin_has_not_been_tried(shop: Shop) -> None:
    never = threading.Event()
    shop.remaining_s = 1.0
    for _ in range(2):
        shop.send(shop.event())
    shop.pump(handler(lambda *_: never.wait(30), concurrency=1, retry=RetryPolicy())).once()
    never.set()
    assert sorted(run.attempts for run in shop.runs()) == [0, 1]
    assert shop.waiting() == 2


def test_an_event_without_a_handler_is_kept_and_gone_from_the_queue(shop: Shop) -> None:
    shop.send(shop.event())
    shop.pump().once()
    assert (shop.runs(), shop.inbox.event(1).event_id, shop.waiting()) == ([], "1", 0)


def test_two_messages_of_one_event_in_a_batch_are_handled_once(shop: Shop) -> None:
    ran = []
    event = shop.event()
    for _ in range(3):
        shop.send(event)
    shop.pump(handler(lambda *_: ran.append(1))).once()
    assert (ran, shop.waiting()) == ([1], 0)


def test_two_functions_that_get_an_event_at_once_handle_it_once(shop: Shop) -> None:
    ran = []
    both = threading.Barrier(2)
    inside = threading.Event()

    def process(*_: object) -> None:
        ran.append(1)
        assert inside.wait(30)

    event = shop.event()
    for _ in range(2):
        shop.send(event)
    pumps = [shop.pump(handler(process), batch_size=1) for _ in range(2)]

    def work(pump: Pump) -> None:
        both.wait()
        pump.once()
        inside.set()

    threads = [threading.Thread(target=work, args=[pump]) for pump in pumps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pumps[0].until_empty()
    assert (ran, shop.run().state) == ([1], RunState.SUCCEEDED)


def test_in_a_lane_the_newer_event_waits_for_its_turn_and_comes_back_soon(shop: Shop) -> None:
    ran: list[str] = []
    errors = [LookupError()]

    def process(event: Any, _: object) -> None:
        if errors:
            raise errors.pop()
        ran.append(event.id)

    for event_id in ("older", "newer"):
        shop.send(shop.event(event_id, subject="one loan"))
    pump = shop.pump(handler(process, ordered=True), batch_size=1)
    pump.until_empty()
    assert ran == ["older", "newer"]


def test_of_a_batch_the_events_of_one_lane_are_handled_one_after_another(shop: Shop) -> None:
    ran: list[str] = []
    ids = [str(number) for number in range(5)]
    for event_id in ids:
        shop.send(shop.event(event_id, subject="one loan"))
    pump = shop.pump(handler(lambda event, _: ran.append(event.id), ordered=True))
    assert pump.once() == len(ids)
    assert (ran, shop.waiting()) == (ids, 0)


def test_of_a_burst_about_one_thing_a_coalescing_handler_sees_the_newest_only(shop: Shop) -> None:
    ran: list[str] = []
    for event_id in ("1", "2", "3"):
        shop.send(shop.event(event_id, subject="one loan"))
    pump = shop.pump(handler(lambda event, _: ran.append(event.id), coalesce_s=1.0))
    pump.once()
    assert ran == []
    pump.until_empty()
    assert ran == ["3"]


def test_a_message_that_nobody_can_read_goes_to_the_dead_letter_queue_at_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.send('{"hello":"Blessing Okafor"}')
    shop.send(shop.event())
    shop.pump(handler(lambda *_: None)).once()
    assert (shop.run().state, shop.waiting()) == (RunState.SUCCEEDED, 0)
    assert shop.parked() == ['{"hello":"Blessing Okafor"}']
    assert "message.unreadable" in caplog.messages
    assert "Okafor" not in f"{[vars(record) for record in caplog.records]}"


def test_a_message_whose_object_is_gone_goes_to_the_dead_letter_queue(shop: Shop) -> None:
    bucket = f"b{uuid4().hex[:20]}"
    shop.ministack.client("s3").create_bucket(Bucket=bucket)
    shop.send(write_message(Kept(bucket, "spool/gone")))
    shop.pump().once()
    assert shop.waiting() == 0
    assert [read_message(body) for body in shop.parked()] == [Kept(bucket, "spool/gone")]


def test_a_message_whose_object_cannot_be_had_now_stays_in_the_queue(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    shop.send(write_message(Kept("bucket", "spool/there")))
    shop.pump().once()
    assert (shop.waiting(), shop.parked()) == (1, [])


def test_a_replay_is_run_at_once(shop: Shop) -> None:
    shop.send(shop.event())
    ran = []
    texts = handler(lambda *_: ran.append(1))
    pump = shop.pump(texts)
    pump.once()
    (seq,) = {run.event_seq for run in shop.runs()}
    again = assign(Registry([texts]), shop.inbox.event(seq))
    shop.inbox.replay(seq, again, fresh=None, now=time.time())
    shop.send(Again(seq))
    pump.once()
    assert (len(ran), shop.waiting()) == (2, 0)


def test_a_replay_of_an_event_that_was_purged_is_let_go(shop: Shop) -> None:
    shop.send(Again(7))
    shop.pump(handler(lambda *_: None)).once()
    assert (shop.waiting(), shop.parked()) == (0, [])


class Gone:
    """An inbox of which one method does not answer."""

    def __init__(self, inbox: SQLiteInbox, method: str, times: int = 1) -> None:
        self._inbox = inbox
        self._method = method
        self._times = times

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._times:
            self._times -= 1
            raise InboxUnavailableError("gone for a moment")
        return getattr(self._inbox, name)


@pytest.mark.parametrize("method", ["append", "claim", "runs"])
def test_while_the_inbox_is_gone_the_message_stays_in_the_queue(shop: Shop, method: str) -> None:
    ran = []
    shop.send(shop.event())
    inbox = Gone(shop.inbox, method)
    shop.pump(handler(lambda *_: ran.append(1)), inbox=inbox).once()
    assert shop.waiting() == 1
    (answer,) = shop.answers
    assert len(answer["batchItemFailures"]) == 1


def test_a_result_that_cannot_be_stored_at_once_is_stored_a_moment_later(shop: Shop) -> None:
    ran = []
    shop.send(shop.event())
    inbox = Gone(shop.inbox, "settle", times=2)
    shop.pump(handler(lambda *_: ran.append(1)), inbox=inbox).once()
    assert (ran, shop.run().state, shop.waiting()) == ([1], RunState.SUCCEEDED, 0)


def test_a_run_whose_function_dies_each_time_is_parked_after_its_last_attempt(
    shop: Shop,
) -> None:
    """A function that died has leased the run and not settled it."""
    ran = []
    texts = handler(lambda *_: ran.append(1), retry=RetryPolicy(attempts=2))
    event = shop.event()
    (receipt,) = shop.inbox.append([event])
    match = lambda stored: assign(Registry([texts]), stored)  # noqa: E731 - one line says it
    for now in (time.time() - 200, time.time() - 100):
        shop.inbox.claim(receipt.seq, match, now=now, until=now + 60)
    shop.send(event)
    shop.pump(texts).once()
    assert (ran, shop.run().state, shop.waiting()) == ([], RunState.PARKED, 0)
    assert shop.outcomes() == [AttemptOutcome.LOST]
    assert len(shop.parked()) == 1


def test_a_handler_that_is_not_loaded_is_waited_for(shop: Shop) -> None:
    texts = handler(raising(LookupError()), retry=SOON)
    shop.send(shop.event())
    shop.pump(texts).once()
    shop.pump().until(lambda: shop.run().attempts == 2)
    assert shop.run().reason == "the handler texts is not loaded"
    assert (shop.run().state, shop.waiting()) == (RunState.WAITING, 1)


@pytest.mark.parametrize(
    "event", [None, {}, {"Records": []}, {"Records": [{"eventSource": "aws:s3"}]}, {"body": "{}"}]
)
def test_what_is_no_batch_of_sqs_is_refused(shop: Shop, event: object) -> None:
    runner = Runner(inbox=shop.inbox, registry=Registry(), services=Services())
    with pytest.raises(UnknownInvocationError):
        WorkFunction(inbox=shop.inbox, runner=runner)(event, remaining_s=1)
