import pytest

from almahook.inbox import AttemptOutcome, RunState
from almahook.worker import floor

TIMED_OUT = AttemptOutcome.TIMED_OUT


def outcomes(shop, seq):
    return [attempt.outcome for attempt in shop.attempts(seq)]


@pytest.fixture
def few(monkeypatch):
    """Take three stuck threads for too many."""
    monkeypatch.setattr(floor, "_MOST_STUCK", 3)


HANGS = {
    "a plain handler that hangs": """
@on("LOAN", timeout=0.2, retry=SOON)
def process(event, ctx):
    if ctx.attempt < 3:
        desk.wait_at("end")
""",
    "an async handler that waits too long": """
@on("LOAN", timeout=0.2, retry=SOON)
async def process(event, ctx):
    if ctx.attempt < 3:
        await asyncio.sleep(3600)
""",
    "an async handler that blocks its loop": """
@on("LOAN", timeout=0.2, retry=SOON)
async def process(event, ctx):
    if ctx.attempt < 3:
        desk.wait_at("end")
""",
    "an async handler that does not let itself be cancelled": """
@on("LOAN", timeout=0.2, retry=SOON)
async def process(event, ctx):
    while ctx.attempt < 3 and not desk.is_open("end"):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass
""",
}


@pytest.mark.parametrize("hangs", HANGS)
def test_an_execution_that_takes_too_long_is_given_up_and_tried_again(shop, hangs):
    shop.write(loan=HANGS[hangs])
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert run.state is RunState.SUCCEEDED
    assert outcomes(shop, seq) == [TIMED_OUT, TIMED_OUT, AttemptOutcome.SUCCEEDED]
    assert shop.attempts(seq)[0].error == "did not finish within 0.2 s"


def test_an_attempt_that_timed_out_keeps_what_it_had_logged(shop, desk):
    shop.write(
        loan="""
@on("LOAN", timeout=0.2, retry=RetryPolicy(attempts=1))
def process(event, ctx):
    ctx.log.info("about to wait")
    desk.wait_at("end")
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    (attempt,) = shop.attempts(seq)
    assert list(attempt.log) == ["INFO about to wait"]


def test_what_a_handler_returns_after_its_time_is_thrown_away(shop, desk, caplog):
    shop.write(
        loan="""
@on("LOAN", timeout=0.2, retry=RetryPolicy(attempts=1))
def process(event, ctx):
    desk.wait_at("end")
    desk.note("returned")
"""
    )
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    desk.open("end")
    desk.until_noted("returned")
    shop.until_final(*shop.send())
    assert shop.run(seq) == run
    assert "run.stale_result" not in [record.message for record in caplog.records]
    assert (run.state, outcomes(shop, seq)) == (RunState.PARKED, [TIMED_OUT])


def test_a_handler_that_was_given_up_sends_nothing_more(shop, desk):
    shop.write(
        loan="""
@on("LOAN", timeout=0.2, retry=RetryPolicy(attempts=1))
def process(event, ctx):
    desk.wait_at("end")
    try:
        ctx.notify.chat("too late")
    except Exception as error:
        desk.note(type(error).__name__)
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    desk.open("end")
    desk.until_noted("HandlerTimeoutError")
    assert shop.services.notify.outbox.messages == []


def test_a_step_that_ends_after_the_time_out_is_not_done_again(shop, desk):
    shop.write(
        loan="""
def send():
    desk.note("sent")
    if desk.notes.count("sent") == 1:
        desk.wait_at("end")

@on("LOAN", timeout=0.2, retry=RetryPolicy(attempts=2, first=timedelta(hours=1)))
def process(event, ctx):
    try:
        ctx.once("text", send)
    finally:
        desk.note(f"attempt {ctx.attempt} left")
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_settled(seq)
    desk.open("end")
    desk.until_noted("attempt 1 left")
    shop.clock.ahead_s = 3601
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert desk.notes.count("sent") == 1


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_handler_that_hangs_holds_no_other_handler_up(shop, desk, kind):
    shop.write(
        loan=f"{kind} process(event): desk.wait_at('end')", bib=f"{kind} process(event): pass"
    )
    shop.start()
    shop.send("LOAN", count=20)
    desk.until_noted("at end")
    seqs = shop.send("BIB", count=300)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("hangs", ["def", "async def"])
def test_further_runs_of_a_handler_go_on_beside_those_that_hang(shop, desk, hangs):
    shop.write(
        loan=f"""
@on("LOAN", concurrency=2, timeout=0.2, retry=RetryPolicy(attempts=1))
{hangs} process(event):
    if event.payload["title"] == "hangs":
        desk.wait_at("end")
"""
    )
    shop.start()
    hanging = shop.send(count=5, title="hangs")
    fine = shop.send(count=20, title="fine")
    shop.until_final(*hanging, *fine)
    assert {shop.run(seq).state for seq in hanging} == {RunState.PARKED}
    assert {shop.run(seq).state for seq in fine} == {RunState.SUCCEEDED}


def test_of_a_blocked_loop_what_has_begun_goes_on_and_what_has_not_begins_elsewhere(shop, desk):
    shop.write(
        loan="""
@on("LOAN", concurrency=2, timeout=1.5, retry=RetryPolicy(attempts=1))
async def process(event):
    title = event.payload["title"]
    if title == "blocks":
        await asyncio.sleep(0)
        desk.wait_at("end")
    if title == "innocent":
        desk.note("innocent began")
        while not desk.is_open("innocents"):
            await asyncio.sleep(0.01)
    desk.note(f"{title} ended")
"""
    )
    shop.start()
    blocks, innocent = shop.send(title="blocks") + shop.send(title="innocent")
    desk.until_noted("innocent began")
    others = shop.send(count=5, title="other")
    desk.until_noted("at end")
    shop.until_final(blocks)
    # The loop is free again before the innocent's own time is over, or it has timed out as well.
    desk.open("innocents")
    desk.open("end")
    shop.until_final(blocks, innocent, *others)
    assert outcomes(shop, blocks) == [TIMED_OUT]
    assert {shop.run(seq).state for seq in others} == {RunState.SUCCEEDED}
    assert [len(outcomes(shop, seq)) for seq in (innocent, *others)] == [1] * 6


def test_a_handler_whose_threads_all_hang_gets_no_further_runs_here_and_that_is_told(
    shop, desk, few, caplog
):
    shop.write(
        loan="""
@on("LOAN", concurrency=1, timeout=0.1, retry=RetryPolicy(attempts=1))
def process(event): desk.wait_at("end")
""",
        bib="def process(event): pass",
    )
    shop.start()
    seqs = shop.send(count=8)
    shop.until_final(*seqs[:3])
    (later,) = shop.send("BIB")
    shop.until_final(later)
    assert [record.fields for record in caplog.records if record.message == "handler.stuck"] == [
        {"handler": "loan", "threads": 3}
    ]
    waiting = [seq for seq in seqs if shop.run(seq).state is RunState.WAITING]
    assert waiting
    # Once the threads have come back the rest is handled.
    desk.open("end")
    shop.until_final(*seqs)
    assert {shop.run(seq).state for seq in waiting} == {RunState.SUCCEEDED}


def test_runs_that_end_just_when_their_time_is_over_leave_no_thread_counted_as_stuck(
    shop, desk, few
):
    shop.write(
        loan="""
@on("LOAN", concurrency=8, timeout=0.1, retry=RetryPolicy(attempts=1))
def process(event):
    if event.payload["title"] == "close":
        time.sleep(0.1)
"""
    )
    worker = shop.start()
    close = shop.send(count=60, title="close")
    shop.until_final(*close)
    (loan,) = worker._registry
    desk.eventually(lambda: worker._floor.stuck(loan) == 0)
    fine = shop.send(count=60, title="fine")
    assert {run.state for run in shop.until_final(*fine)} == {RunState.SUCCEEDED}
