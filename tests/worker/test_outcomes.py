import math

import pytest

from almahook.inbox import AttemptOutcome, RunState

BOTH = pytest.mark.parametrize("kind", ["def", "async def"])

ENDINGS = {
    "return None": (RunState.SUCCEEDED, AttemptOutcome.SUCCEEDED, ""),
    "return 'something else'": (RunState.SUCCEEDED, AttemptOutcome.SUCCEEDED, ""),
    "return Skip('nothing to do')": (RunState.SKIPPED, AttemptOutcome.SKIPPED, "nothing to do"),
    "raise GiveUp('no such shelf')": (RunState.PARKED, AttemptOutcome.GAVE_UP, "no such shelf"),
    "return GiveUp('no such shelf')": (RunState.PARKED, AttemptOutcome.GAVE_UP, "no such shelf"),
}
FAILURES = {
    "raise ValueError('odd')": "ValueError: odd",
    "raise KeyError": "KeyError",
    "1 / 0": "ZeroDivisionError: division by zero",
    "import sys; sys.exit(3)": "SystemExit: 3",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise GeneratorExit": "GeneratorExit",
    "raise asyncio.CancelledError": "CancelledError",
    "raise TimeoutError('of another service')": "TimeoutError: of another service",
    "raise Unspeakable": "Unspeakable: an error whose text cannot be had",
    "return Skip(Unspeakable())": "ValueError: no words",
    "raise ValueError('half \\ud83d and \\0')": "ValueError: half ? and ?",
}
CLASSES = """
class Unspeakable(Exception):
    def __str__(self): raise ValueError("no words")

"""


@BOTH
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_ending_of_a_handler_decides_what_becomes_of_the_run(shop, kind, ending):
    shop.write(loan=f"{kind} process(event):\n    {ending}")
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    (attempt,) = shop.attempts(seq)
    state, outcome, reason = ENDINGS[ending]
    assert (run.state, run.attempts, run.reason) == (state, 1, reason)
    assert (attempt.outcome, attempt.error) == (outcome, reason)


@BOTH
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_a_handler_raises_is_a_failure_with_its_traceback_and_stops_nothing(
    shop, kind, failure
):
    shop.write(
        loan=f"{CLASSES}@on('LOAN', retry=SOON)\n{kind} process(event):\n    {failure}",
        bib=f"{kind} process(event): pass",
    )
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    attempts = shop.attempts(seq)
    assert run.state is RunState.PARKED
    assert run.reason == f"gave up after 3 attempts: {FAILURES[failure]}"
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert {attempt.outcome for attempt in attempts} == {AttemptOutcome.FAILED}
    assert {attempt.error for attempt in attempts} == {FAILURES[failure]}
    assert all("loan.py" in attempt.traceback for attempt in attempts)
    (later,) = shop.send("BIB")
    assert [run.state for run in shop.until_final(later)] == [RunState.SUCCEEDED]


@BOTH
def test_a_failed_async_or_plain_handler_does_not_lose_its_other_runs(shop, desk, kind):
    shop.write(
        loan=f"""
@on("LOAN", retry=RetryPolicy(attempts=1), concurrency=2)
{kind} process(event):
    raise KeyboardInterrupt
"""
    )
    shop.start()
    seqs = shop.send(count=20)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.PARKED}


def test_an_async_function_behind_a_plain_decorator_is_run_and_not_only_made(shop, desk):
    shop.write(
        loan="""
def logged(function):
    def call(event, ctx): return function(event, ctx)
    return call

@logged
async def process(event, ctx):
    await asyncio.sleep(0)
    desk.note("run")
    return Skip("really")
"""
    )
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert (run.state, run.reason) == (RunState.SKIPPED, "really")
    assert desk.notes == ["run"]


def test_a_task_that_an_async_handler_leaves_behind_cannot_end_its_loop(shop, desk):
    shop.write(
        loan="""
async def leave():
    desk.note("left")
    raise SystemExit

async def process(event):
    if "left" not in desk.notes:
        desk.task = asyncio.create_task(leave())
        desk.task.add_done_callback(lambda task: task.exception())
        while "left" not in desk.notes:
            await asyncio.sleep(0)
"""
    )
    shop.start()
    seqs = shop.send(count=10)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}


@BOTH
def test_what_a_handler_logs_and_the_traceback_are_kept_with_the_attempt(shop, kind):
    shop.write(
        loan=f"""
@on("LOAN", retry=SOON)
{kind} process(event, ctx):
    ctx.log.info("attempt %s began", ctx.attempt)
    ctx.log.info("half \\ud83d")
    if ctx.attempt == 1:
        raise ValueError("the first time")
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    first, second = shop.attempts(seq)
    assert list(first.log) == ["INFO attempt 1 began", "INFO half ?"]
    assert list(second.log) == ["INFO attempt 2 began", "INFO half ?"]
    assert first.traceback.endswith("ValueError: the first time\n")
    assert "in process" in first.traceback
    assert second.traceback == ""
    assert first.started_at <= first.ended_at <= second.started_at


def test_an_error_text_without_end_is_cut_and_its_traceback_keeps_the_end(shop):
    shop.write(
        loan="""
@on("LOAN", retry=RetryPolicy(attempts=1))
def process(event):
    raise ValueError("x" * 10_000_000 + "the end")
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    (attempt,) = shop.attempts(seq)
    assert attempt.error.startswith("ValueError: xxx")
    assert len(attempt.error) + len(attempt.traceback) < 50_000
    assert attempt.traceback.endswith("the end\n")


@BOTH
def test_a_retry_comes_after_the_time_that_the_handler_asked_for(shop, kind):
    shop.write(
        loan=f"""
{kind} process(event, ctx):
    if ctx.attempt == 1:
        raise Retry("not there yet", after=timedelta(hours=1))
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_settled(seq)
    run, (attempt,) = shop.run(seq), shop.attempts(seq)
    assert (run.state, attempt.outcome) == (RunState.WAITING, AttemptOutcome.RETRY)
    assert run.due_at == pytest.approx(attempt.ended_at + 3600)
    shop.clock.ahead_s = 3601
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)


@pytest.mark.parametrize("after", ["'soon'", "float('nan')", "float('inf')", "10**400", "[]"])
def test_a_wait_that_makes_no_sense_leaves_it_to_the_policy(shop, after):
    shop.write(
        loan=f"""
@on("LOAN", retry=SOON)
def process(event, ctx):
    if ctx.attempt == 1:
        raise Retry("odd", after={after})
"""
    )
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert math.isfinite(run.due_at)


def test_a_policy_of_the_user_s_own_that_fails_is_replaced_by_the_usual_one(shop, caplog):
    shop.write(
        loan="""
class Broken(RetryPolicy):
    def wait_s(self, *, attempt, spread): raise LookupError

@on("LOAN", retry=Broken())
def process(event): raise ValueError
""",
        bib="def process(event): pass",
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_settled(seq)
    assert shop.run(seq).state is RunState.WAITING
    assert "retry.policy_failed" in [record.message for record in caplog.records]
    (later,) = shop.send("BIB")
    shop.until_final(later)


def test_a_run_is_parked_after_its_last_attempt_and_told_as_an_error(shop, caplog):
    shop.write(loan="@on('LOAN', retry=SOON)\ndef process(event): raise ValueError('why')")
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    (parked,) = [record for record in caplog.records if record.message == "run.parked"]
    assert parked.fields == {
        "event_seq": seq,
        "handler": "loan",
        "attempt": 3,
        "outcome": "failed",
        "state": "parked",
    }
    assert shop.inbox.backlog().parked == 1


@BOTH
def test_what_is_done_once_is_not_done_again_by_later_attempts(shop, desk, kind):
    wait = "await " if kind == "async def" else ""
    shop.write(
        loan=f"""
{kind} send(text):
    desk.note(text)
    return len(text)

@on("LOAN", retry=SOON)
{kind} process(event, ctx):
    first = {wait}ctx.once("first", send, "a text")
    if ctx.attempt == 1:
        raise ValueError
    second = {wait}ctx.once("second", send, "another")
    if ctx.attempt == 2:
        raise ValueError
    ctx.log.info("%s %s", first, second)
"""
    )
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 3)
    assert desk.notes == ["a text", "another"]
    assert list(shop.attempts(seq)[-1].log) == ["INFO 6 7"]


def test_an_observer_that_fails_stops_nothing(shop, desk, caplog):
    shop.write(loan="def process(event): pass")

    def broken(*_: object) -> None:
        desk.note("told")
        raise LookupError

    worker = shop.start(observe=broken)
    first = shop.send()
    desk.until_noted("told")
    seqs = [*first, *shop.send(count=3)]
    desk.until_noted("told", 4)
    assert {run.state for run in shop.runs(*seqs)} == {RunState.SUCCEEDED}
    worker.stop()
    messages = [record.message for record in caplog.records]
    assert messages.count("worker.observer_failed") == 4
