"""Direct mode: the handlers run while Alma waits, and their ending is the answer."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from almahook.app import Listener
from almahook.handlers import (
    GiveUp,
    Handler,
    Registry,
    Retry,
    Skip,
    load_handlers,
    make_filter,
)
from almahook.inbox import AttemptOutcome, RunState
from listening import WAIT_S, Listening, Wire, call, handler, make_settings, message, until

DONE = (200, b'"Done"')
FAILED = (500, b'"Handler failed"')
INVALID = (400, b'"Invalid action."')


def raising(error: Exception) -> Callable[..., None]:
    def process(*_: object) -> None:
        raise error

    return process


@pytest.fixture
def direct(listen: Callable[..., Listening]) -> Callable[..., Listening]:
    return lambda *handlers, **given: listen(*handlers, mode="direct", **given)


@pytest.mark.parametrize(
    ("process", "answer", "state", "outcome"),
    [
        (lambda *_: "anything", DONE, RunState.SUCCEEDED, AttemptOutcome.SUCCEEDED),
        (lambda *_: Skip("nothing to do"), DONE, RunState.SKIPPED, AttemptOutcome.SKIPPED),
        (raising(LookupError()), FAILED, RunState.PARKED, AttemptOutcome.FAILED),
        (raising(Retry(after=1)), FAILED, RunState.PARKED, AttemptOutcome.RETRY),
        (raising(GiveUp("useless")), FAILED, RunState.PARKED, AttemptOutcome.GAVE_UP),
    ],
)
def test_the_answer_is_how_the_handler_ended(direct, process, answer, state, outcome) -> None:
    listening = direct(handler("texts", "LOAN", process))
    assert listening.post(message("1")) == answer
    (run,) = listening.runs()
    assert (run.state, run.attempts) == (state, 1)
    assert [attempt.outcome for attempt in listening.inbox.attempts(run.id)] == [outcome]


def test_an_async_handler_is_awaited(direct) -> None:
    done = []

    async def process(*_: object) -> None:
        await asyncio.sleep(0)
        done.append("once")

    listening = direct(handler("texts", "LOAN", process, is_async=True))
    assert listening.post(message("1")) == DONE
    assert done == ["once"]


def test_a_handler_that_does_not_end_is_answered_at_its_time_out(direct, gate) -> None:
    listening = direct(handler("texts", "LOAN", gate, timeout_s=0.1))
    assert listening.post(message("1")) == FAILED
    (run,) = listening.runs()
    (attempt,) = listening.inbox.attempts(run.id)
    assert (run.state, attempt.outcome) == (RunState.PARKED, AttemptOutcome.TIMED_OUT)


def test_every_handler_of_an_event_has_to_succeed(direct) -> None:
    good, bad = (lambda *_: None), raising(LookupError())
    both = direct(handler("good", "LOAN", good), handler("bad", "LOAN", bad))
    assert both.post(message("1")) == FAILED


def test_what_is_sent_again_runs_only_the_handlers_that_have_not_succeeded(direct) -> None:
    ran: Counter[str] = Counter()

    def process(name: str, failures: int) -> Callable[..., None]:
        def count(*_: object) -> None:
            ran[name] += 1
            if ran[name] <= failures:
                raise LookupError

        return count

    listening = direct(
        handler("good", "LOAN", process("good", 0)), handler("flaky", "LOAN", process("flaky", 1))
    )
    answers = [listening.post(message("1")) for _ in range(3)]
    assert answers == [FAILED, DONE, DONE]
    assert ran == {"good": 1, "flaky": 2}


def test_an_action_without_a_handler_is_stored_and_handled_once_there_is_one(
    direct, tmp_path: Path
) -> None:
    listening = direct()
    assert [listening.post(message("1")) for _ in range(2)] == [INVALID, INVALID]
    listening.listener.stop()
    later = direct(handler("texts", "LOAN", lambda *_: None))
    assert later.post(message("1")) == DONE
    assert later.bodies() == [message("1")]


def test_a_handler_that_is_gone_since_the_first_attempt_is_passed_over(direct) -> None:
    listening = direct(handler("old", "LOAN", raising(LookupError())))
    assert listening.post(message("1")) == FAILED
    listening.listener.stop()
    without = direct()
    assert [without.post(message("1")) for _ in range(2)] == [INVALID, INVALID]
    without.listener.stop()
    renamed = direct(handler("new", "LOAN", lambda *_: None))
    assert [renamed.post(message("1")) for _ in range(2)] == [DONE, DONE]
    states = {run.handler: run.state for run in renamed.runs()}
    assert states == {"old": RunState.WAITING, "new": RunState.SUCCEEDED}


def test_while_a_handler_runs_the_same_message_has_to_be_sent_again_later(direct, gate) -> None:
    listening = direct(handler("texts", "LOAN", gate))
    with Wire(listening.url) as first:
        first.post(message("1"))
        assert gate.begun.acquire(timeout=WAIT_S)
        with Wire(listening.url) as second:
            second.post(message("1"))
            status, headers, _ = second.answer()
            assert (status, headers["retry-after"]) == (503, "60")
            gate.open.set()
            assert first.answer()[2] == DONE[1]
            second.post(message("1"))
            assert second.answer()[2] == DONE[1]
    assert gate.runs == 1


def test_the_same_message_many_times_at_once_runs_its_handler_once(direct, gate) -> None:
    gate.open.set()
    listening = direct(handler("texts", "LOAN", gate, concurrency=20))
    for number in range(10):
        body = message(str(number))
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _, body=body: listening.post(body), range(20)))
        assert {status for status, _ in answers} <= {200, 503}
        assert DONE in answers
    assert gate.runs == 10


def test_a_slow_handler_holds_up_no_other_event(direct, gate) -> None:
    listening = direct(
        handler("slow", "LOAN", gate), handler("quick", "ITEM", lambda *_: None), lease_s=0.2
    )
    with Wire(listening.url) as slow:
        slow.post(message("1"))
        assert gate.begun.acquire(timeout=WAIT_S)
        for number in range(20):
            assert listening.post(message(str(number), action="ITEM")) == DONE
        gate.open.set()
        assert slow.answer()[2] == DONE[1]


def test_when_alma_hangs_up_the_handler_still_finishes_and_is_not_run_again(direct, gate) -> None:
    listening = direct(handler("texts", "LOAN", gate))
    with Wire(listening.url) as wire:
        wire.post(message("1"))
        assert gate.begun.acquire(timeout=WAIT_S)
    gate.open.set()
    until(lambda: [run.state for run in listening.runs()] == [RunState.SUCCEEDED])
    assert listening.post(message("1")) == DONE
    assert gate.runs == 1


def test_when_the_app_around_cancels_a_request_its_handler_still_finishes(
    tmp_path: Path, gate
) -> None:
    registry = Registry([handler("texts", "LOAN", gate)])
    listener = Listener(make_settings(tmp_path, mode="direct"), registry=registry)

    async def cancelled_then_sent_again() -> list[int]:
        first = asyncio.create_task(call(listener, message("1")))
        await asyncio.to_thread(gate.begun.acquire, timeout=WAIT_S)
        first.cancel()
        await asyncio.wait([first])
        gate.open.set()
        return [await call(listener, message(event_id)) for event_id in ("2", "1")]

    statuses = asyncio.run(cancelled_then_sent_again())
    listener.stop()
    assert statuses[0] == 200
    assert statuses[1] in {200, 503}
    assert gate.runs == 2


def test_an_event_that_a_filter_leaves_out_is_well_and_an_action_nobody_is_for_is_invalid(
    direct,
) -> None:
    takes = make_filter("LOAN", fields={"library": "MAIN"})
    listening = direct(Handler(name="main", function=raising(LookupError()), takes=takes))
    assert listening.post(message("1")) == DONE
    assert listening.post(message("2", action="ITEM")) == INVALID


def test_a_handler_of_one_event_is_for_its_action(direct, tmp_path) -> None:
    folder = tmp_path / "of-one-event"
    folder.mkdir()
    (folder / "loan_returned.py").write_text("def process(event): raise LookupError")
    listening = direct(*load_handlers(folder))
    assert listening.post(message("1", more=',"event":{"value":"LOAN_RENEWED"}')) == DONE
    assert listening.runs() == []
