import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from almahook import Context
from almahook.errors import (
    ConfigurationError,
    HandlerError,
    HandlerTimeoutError,
    StepResultError,
)

Make = Callable[..., Context]


class Counter:
    """Counts how often it was called."""

    def __init__(self, result: Any = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.result = result

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((*args, *kwargs.values()))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class AsyncCounter(Counter):
    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return super().__call__(*args, **kwargs)


@pytest.mark.parametrize(
    "result", [None, True, 0, 1.5, "Ana Méndez", [], ["a", 2], {"sent": {"id": "1"}}, 2**70]
)
def test_a_finished_step_is_not_repeated_and_keeps_its_result(
    result: Any, make_context: Make
) -> None:
    send = Counter(result)
    answers = [make_context(attempt=n).once("text", send, "a", to="b") for n in (1, 2, 3)]
    assert answers == [result] * 3
    assert send.calls == [("a", "b")]


def test_a_step_that_raised_is_called_again(make_context: Make) -> None:
    send = Counter(TimeoutError())
    with pytest.raises(TimeoutError):
        make_context().once("text", send)
    send.result = "sent"
    assert make_context(attempt=2).once("text", send) == "sent"


def test_a_step_that_raised_may_be_tried_again_in_the_same_attempt(make_context: Make) -> None:
    ctx = make_context()
    with pytest.raises(TimeoutError):
        ctx.once("text", Counter(TimeoutError()))
    assert ctx.once("text", Counter("sent")) == "sent"


def test_a_name_used_twice_in_one_attempt_is_refused(make_context: Make) -> None:
    ctx = make_context()
    ctx.once("text", Counter())
    second = Counter()
    with pytest.raises(HandlerError, match="a step called text already"):
        ctx.once("text", second)
    assert second.calls == []


@pytest.mark.parametrize("name", ["", None, print])
def test_a_step_without_a_name_is_refused(name: Any, make_context: Make) -> None:
    with pytest.raises(HandlerError, match="needs a name"):
        make_context().once(name, Counter())


class Weird:
    def __eq__(self, other: object) -> bool:
        raise OSError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "result",
    [object(), Weird(), b"bytes", (1, 2), {1: "a"}, float("nan"), "\ud800", {"a": {1}}],
)
def test_a_result_that_cannot_be_kept_fails_once_and_the_step_is_not_repeated(
    result: Any, make_context: Make
) -> None:
    send = Counter(result)
    with pytest.raises(StepResultError, match=f"Step text .*{type(result).__name__}"):
        make_context().once("text", send)
    retried = make_context(attempt=2)
    assert retried.once("text", send) is None
    assert len(send.calls) == 1
    assert "could not be kept" in retried.log.lines[0]


def test_an_async_step_is_awaited_once_and_again_awaitable(make_context: Make) -> None:
    send = AsyncCounter("sent")

    async def attempt(number: int) -> Any:
        return await make_context(attempt=number).once("text", send, "a")

    assert [asyncio.run(attempt(1)), asyncio.run(attempt(2))] == ["sent", "sent"]
    assert send.calls == [("a",)]


def test_an_async_step_that_raised_is_called_again(make_context: Make) -> None:
    send = AsyncCounter(TimeoutError())

    async def attempt() -> Any:
        return await make_context().once("text", send)

    with pytest.raises(TimeoutError):
        asyncio.run(attempt())
    send.result = "sent"
    assert asyncio.run(attempt()) == "sent"


def test_async_steps_may_run_side_by_side(make_context: Make) -> None:
    async def attempt() -> list[Any]:
        ctx = make_context()
        steps = [ctx.once(name, AsyncCounter(name)) for name in ("a", "b")]
        return await asyncio.gather(*steps)

    assert asyncio.run(attempt()) == ["a", "b"]


def test_after_the_attempt_nothing_more_is_done(make_context: Make) -> None:
    ctx = make_context(make_alma=Counter())
    ctx.close()
    send = Counter()
    for use in (lambda: ctx.once("text", send), lambda: ctx.alma, lambda: ctx.notify):
        with pytest.raises(HandlerTimeoutError):
            use()
    assert send.calls == []


def test_a_step_that_outlives_its_attempt_is_kept_and_its_handler_stopped(
    make_context: Make,
) -> None:
    late = make_context()
    with pytest.raises(HandlerTimeoutError):
        late.once("text", late.close)
    again = Counter()
    assert make_context(attempt=2).once("text", again) is None
    assert again.calls == []


def test_the_rest_client_is_made_at_its_first_use_and_once(make_context: Make) -> None:
    make = Counter(object())
    ctx = make_context(make_alma=make)
    assert make.calls == []
    assert ctx.alma is ctx.alma
    assert make.calls == [()]


def test_without_an_api_key_the_setting_is_named(make_context: Make) -> None:
    with pytest.raises(ConfigurationError, match=r"profiles\.sandbox\.api_key"):
        _ = make_context(profile="sandbox").alma


def test_the_log_goes_to_the_handlers_logger_and_is_kept(
    make_context: Make, caplog: pytest.LogCaptureFixture
) -> None:
    ctx = make_context(handler="loan", run_id=7)
    with caplog.at_level(logging.INFO, logger="almahook.handler.loan"):
        ctx.log.info("done %d of %d", 1, 2)
    assert ctx.log.lines == ["INFO done 1 of 2"]
    (record,) = caplog.records
    assert (record.name, record.run_id, record.attempt) == ("almahook.handler.loan", 7, 1)


def test_lines_are_kept_even_if_the_process_logs_errors_only(make_context: Make) -> None:
    ctx = make_context(handler="quiet")
    ctx.log.logger.setLevel(logging.ERROR)
    ctx.log.info("kept")
    ctx.log.debug("not kept")
    assert ctx.log.lines == ["INFO kept"]


def test_kept_lines_are_bounded_in_number_and_length(make_context: Make) -> None:
    log = make_context().log
    for number in range(300):
        log.info("line %d\n%s", number, "x" * 1000)
    assert len(log.lines) == 100
    assert log.lines[98].startswith("INFO line 98 x")
    assert log.lines[99].startswith("…")
    assert max(map(len, log.lines)) == 500


def test_a_log_call_with_wrong_arguments_is_kept_as_it_is(
    make_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log = make_context().log
    log.info("%d readers", "many")
    assert log.lines == ["INFO '%d readers' with arguments that do not fit"]


def test_an_exception_is_logged_with_its_kind(make_context: Make) -> None:
    log = make_context().log
    try:
        raise KeyError
    except KeyError:
        log.exception("no title")
    assert log.lines == ["ERROR no title (KeyError)"]
