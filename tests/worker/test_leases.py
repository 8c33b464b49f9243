import pytest

from almahook.errors import InboxUnavailableError, StaleLeaseError
from almahook.inbox import AttemptOutcome, RunState

LONG = "def process(event): desk.wait_at('end')"


def as_another_worker(shop, *, until_s=-1.0, handler="loan"):
    """Lease what is due, as a worker that is killed then; the lease has run out already."""
    inbox = shop.open_inbox()
    inbox.dispatch(lambda event: assigned(event, handler), limit=100)
    now = shop.clock()
    leases = inbox.lease({handler: 100}, now=now, until=now + until_s)
    inbox.close()
    return leases


def assigned(event, handler):
    from almahook.inbox import Assignment

    return [Assignment(handler=handler, due_at=event.received_at)]


def take_over(shop, *, at):
    """Take over what has run out, as another worker does."""
    inbox = shop.open_inbox()
    leases = inbox.expired(now=at, until=at + 60)
    inbox.close()
    return leases


def test_a_run_of_a_worker_that_died_starts_again_once_its_lease_has_run_out(shop, caplog):
    shop.write(loan="@on('LOAN', retry=SOON)\ndef process(event): pass")
    (seq,) = shop.send()
    as_another_worker(shop)
    shop.start()
    (run,) = shop.until_final(seq)
    first, second = shop.attempts(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert (first.outcome, first.error) == (
        AttemptOutcome.LOST,
        "the worker that ran it was lost",
    )
    assert second.outcome is AttemptOutcome.SUCCEEDED
    assert "run.lost" in [record.message for record in caplog.records]


def test_a_run_of_a_worker_that_lives_is_left_to_it(shop, desk):
    shop.write(loan="def process(event): desk.note('run')")
    (seq,) = shop.send()
    (lease,) = as_another_worker(shop, until_s=3600)
    shop.start()
    (later,) = shop.send()
    shop.until_final(later)
    assert shop.run(seq).state is RunState.RUNNING
    assert desk.notes == ["run"]
    assert shop.inbox.load_step(lease, "x") is None


def test_a_run_that_was_lost_at_its_last_attempt_is_parked_and_told(shop, caplog):
    shop.write(loan="@on('LOAN', retry=RetryPolicy(attempts=1))\ndef process(event): pass")
    (seq,) = shop.send()
    as_another_worker(shop)
    shop.start()
    (run,) = shop.until_final(seq)
    assert run.state is RunState.PARKED
    assert "run.parked" in [record.message for record in caplog.records]
    assert [settled.state for _, settled in shop.settled] == [RunState.PARKED]


@pytest.mark.parametrize(("attempts", "least", "most"), [(1, 2, 2), (8, 3, 40)])
def test_runs_are_leased_ahead_unless_the_worker_s_death_would_use_up_their_only_attempt(
    shop, desk, attempts, least, most
):
    shop.write(
        loan=f"""
@on("LOAN", concurrency=2, retry=RetryPolicy(attempts={attempts}))
def process(event):
    if event.payload["title"] == "slow":
        desk.wait_at("end")
"""
    )
    quick = shop.send(count=100, title="quick")
    slow = shop.send(count=40, title="slow")
    shop.start()
    desk.until_noted("at end", 2)
    shop.until_final(*quick)
    running = [run for run in shop.runs(*slow) if run.state is RunState.RUNNING]
    assert least <= len(running) <= most
    desk.open("end")
    assert {run.state for run in shop.until_final(*slow)} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("poll_s", [0.05, 3600])
def test_the_lease_of_a_long_run_is_renewed_however_rarely_the_worker_polls(
    shop, desk, watched, poll_s
):
    shop.write(loan=LONG)
    shop.start(inbox=watched, lease_s=1.5, poll_s=poll_s)
    (seq,) = shop.send()
    desk.until_noted("at end")
    watched.next_calls("renew", 6)
    assert take_over(shop, at=shop.clock()) == []
    desk.open("end")
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 1)


def test_the_result_of_a_worker_that_lost_its_lease_is_refused_and_told(shop, desk, caplog):
    shop.write(
        loan="""
@on("LOAN", retry=SOON)
def process(event, ctx):
    desk.note("begun")
    if desk.notes.count("begun") == 1:
        desk.wait_at("end")
"""
    )
    worker = shop.start(lease_s=3600)
    (seq,) = shop.send()
    desk.until_noted("at end")
    (taken,) = take_over(shop, at=shop.clock() + 7200)
    desk.open("end")
    (settled,) = shop.inbox.settle([ending(taken)])
    assert settled
    worker.stop()
    assert "run.stale_result" in [record.message for record in caplog.records]
    assert shop.settled == []
    assert [attempt.error for attempt in shop.attempts(seq)] == ["the other worker's"]


def test_a_worker_that_lost_its_lease_cannot_keep_steps_as_its_own(shop, desk):
    shop.write(
        loan="""
def process(event, ctx):
    desk.wait_at("end")
    try:
        ctx.once("text", desk.note, "sent")
    except Exception as error:
        desk.note(type(error).__name__)
"""
    )
    shop.start(lease_s=3600)
    (seq,) = shop.send()
    desk.until_noted("at end")
    (taken,) = take_over(shop, at=shop.clock() + 7200)
    desk.open("end")
    desk.until_noted(StaleLeaseError.__name__)
    # What was done is done: the one who has the run now does not send again.
    assert shop.inbox.load_step(taken, "text") is not None
    shop.inbox.settle([ending(taken)])
    assert shop.run(seq).state is RunState.SUCCEEDED


@pytest.mark.parametrize("leap_s", [-86_400, 86_400])
def test_a_clock_that_is_set_while_handlers_run_loses_no_run_and_runs_none_twice(
    shop, desk, watched, leap_s
):
    shop.write(loan="def process(event):\n    desk.note('begun')\n    desk.wait_at('end')")
    shop.start(inbox=watched, lease_s=2.0)
    seqs = shop.send(count=4)
    desk.until_noted("begun", 4)
    shop.clock.ahead_s = leap_s
    watched.next_calls("version", 10)
    desk.open("end")
    runs = shop.until_final(*seqs)
    assert [(run.state, run.attempts) for run in runs] == [(RunState.SUCCEEDED, 1)] * 4
    assert desk.notes.count("begun") == 4


def test_after_a_leap_of_the_clock_the_runs_of_another_worker_are_left_to_it_for_a_while(
    shop, watched
):
    shop.write(loan="def process(event): pass")
    (seq,) = shop.send()
    (lease,) = as_another_worker(shop, until_s=1000)
    shop.start(inbox=watched, lease_s=1000)
    watched.next_calls("expired", 2)
    shop.clock.ahead_s = 86_400
    watched.next_calls("version", 10)
    assert shop.run(seq).state is RunState.RUNNING
    shop.inbox.renew([lease], until=shop.clock() + 1000)
    assert shop.inbox.settle([ending(lease)]) == [True]


def test_events_are_handled_after_the_clock_was_set_back(shop):
    shop.write(loan="def process(event): pass")
    shop.start()
    shop.clock.ahead_s = -86_400
    seqs = shop.send(count=3)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}


def test_a_request_whose_run_somebody_else_has_taken_over_is_not_told_that_it_is_done(shop, desk):
    shop.write(loan=LONG)
    worker = shop.start(lease_s=3600, dispatching=False)
    (seq,) = shop.send()
    lease = claim(shop, seq)
    future = worker.run_now(lease)
    desk.until_noted("at end")
    (taken,) = take_over(shop, at=shop.clock() + 7200)
    desk.open("end")
    with pytest.raises(InboxUnavailableError, match="Somebody else"):
        future.result(30)
    assert taken.token > lease.token


def test_a_request_that_went_away_does_not_disturb_the_worker(shop, desk):
    shop.write(loan=LONG)
    worker = shop.start(dispatching=False)
    first, second = shop.send(count=2)
    future = worker.run_now(claim(shop, first))
    assert future.cancel() is False
    desk.open("end")
    assert future.result(30).state is RunState.SUCCEEDED
    assert worker.run_now(claim(shop, second)).result(30).state is RunState.SUCCEEDED


def test_a_request_for_a_handler_that_is_gone_is_answered_and_its_run_waits(shop, desk, watched):
    shop.write(loan=LONG)
    worker = shop.start(inbox=watched, dispatching=False)
    (seq,) = shop.send()
    future = worker.run_now(claim(shop, seq, handler="gone"))
    with pytest.raises(InboxUnavailableError, match="gone is not loaded"):
        future.result(30)
    worker.wake()
    watched.next_calls("dispatch", 2)
    assert (shop.run(seq).state, shop.run(seq).attempts) == (RunState.WAITING, 0)


def claim(shop, seq, handler="loan"):
    shop.inbox.dispatch(lambda _: [], limit=100)
    now = shop.clock()
    match = lambda event: assigned(event, handler)  # noqa: E731 - a match is a function
    (lease,) = shop.inbox.claim(seq, match, now=now, until=now + 60).leases
    return lease


def ending(lease):
    from almahook.inbox import Attempt, Settlement

    return Settlement(
        run_id=lease.run_id,
        token=lease.token,
        state=RunState.SUCCEEDED,
        attempt=Attempt(
            number=lease.attempt,
            started_at=0.0,
            ended_at=1.0,
            outcome=AttemptOutcome.SUCCEEDED,
            error="the other worker's",
        ),
    )
