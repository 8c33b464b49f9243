import threading

import pytest

from almahook.errors import InboxUnavailableError
from almahook.inbox import AttemptOutcome, RunState

KINDS = {
    "def": "desk.wait_at('end')",
    "async def": (
        "desk.note('at end')\n    while not desk.is_open('end'): await asyncio.sleep(0.001)"
    ),
}


@pytest.fixture
def stop(desk):
    """Stop a worker beside the test; return the thread, once the stop has begun."""
    threads = []

    def begin(worker, timeout_s=30.0):
        threads.append(threading.Thread(target=worker.stop, args=(timeout_s,)))
        threads[-1].start()
        assert worker._stopping.wait(30)
        return threads[-1]

    yield begin
    desk.open_all()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_waits_for_what_has_begun_and_returns_the_rest_uncounted(shop, desk, stop, kind):
    shop.write(loan=f"@on('LOAN', concurrency=2)\n{kind} process(event):\n    {KINDS[kind]}")
    worker = shop.start()
    # Quick runs first, so that more are leased ahead than can run.
    desk.open("end")
    quick = shop.send(count=50)
    shop.until_final(*quick)
    desk._gates["end"].clear()
    desk.notes.clear()
    seqs = shop.send(count=30)
    desk.until_noted("at end", 2)
    stopping = stop(worker)
    shop.inbox.append([shop.event()])
    desk.open("end")
    stopping.join()
    assert not worker.is_alive
    runs = shop.runs(*seqs)
    begun = [run for run in runs if run.state is RunState.SUCCEEDED]
    returned = [run for run in runs if run.state is RunState.WAITING]
    assert len(begun) == 2
    assert len(begun) + len(returned) == 30
    assert {run.attempts for run in returned} == {0}
    assert [shop.inbox.attempts(run.id) for run in returned] == [[]] * len(returned)
    assert desk.notes.count("at end") == 2
    shop.start()
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_end_in_time_is_given_up_and_runs_again_elsewhere(shop, desk, kind):
    shop.write(
        loan=f"""
@on("LOAN", retry=SOON)
{kind} process(event, ctx):
    desk.note("begun")
    {KINDS[kind]}
"""
    )
    worker = shop.start()
    (seq,) = shop.send()
    desk.until_noted("begun")
    worker.stop(timeout_s=0.05)
    assert shop.run(seq).state is RunState.WAITING
    (attempt,) = shop.attempts(seq)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.LOST, "the worker was stopped")
    desk.open("end")
    shop.start()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)


def test_nothing_is_leased_any_more_once_a_stop_has_begun(shop, desk, stop, watched):
    shop.write(loan="def process(event): desk.wait_at('end')")
    worker = shop.start(inbox=watched)
    shop.send()
    desk.until_noted("at end")
    stopping = stop(worker)
    shop.send(count=5)
    calls = watched.next_calls("version", 5)
    assert not {"dispatch", "lease", "expired"} & set(calls)
    desk.open("end")
    stopping.join()
    assert shop.inbox.backlog().pending == 5


def test_a_stop_that_waits_for_a_handler_does_not_spin(shop, desk, stop, watched):
    shop.write(loan="def process(event): desk.wait_at('end')")
    worker = shop.start(inbox=watched)
    shop.send()
    desk.until_noted("at end")
    stop(worker)
    watched.next_calls("version", 1)
    before = shop.clock.reads
    watched.next_calls("version", 10)
    assert shop.clock.reads - before <= 20


def test_leases_are_renewed_while_a_stop_waits(shop, desk, stop, watched):
    shop.write(loan="def process(event): desk.wait_at('end')")
    worker = shop.start(inbox=watched, lease_s=1.5)
    (seq,) = shop.send()
    desk.until_noted("at end")
    stopping = stop(worker)
    watched.next_calls("renew", 5)
    now = shop.clock()
    assert shop.open_inbox().expired(now=now, until=now) == []
    desk.open("end")
    stopping.join()
    assert shop.run(seq).state is RunState.SUCCEEDED


def test_a_worker_that_never_started_stops_at_once(shop):
    shop.write(loan="def process(event): pass")
    shop.worker().stop()


def test_a_worker_may_be_stopped_twice(shop):
    shop.write(loan="def process(event): pass")
    worker = shop.start()
    worker.stop()
    worker.stop()
    assert not worker.is_alive


def test_a_stop_ends_even_when_the_inbox_is_gone_and_the_runs_start_again_elsewhere(shop, desk):
    shop.write(loan="@on('LOAN', retry=SOON)\ndef process(event): desk.wait_at('end')")
    worker = shop.start(inbox=shop.open_inbox(busy_timeout_s=0.05), lease_s=0.5)
    (seq,) = shop.send()
    desk.until_noted("at end")
    with shop.locked():
        desk.open("end")
        worker.stop()
    assert not worker.is_alive
    assert shop.run(seq).state is RunState.RUNNING
    shop.start()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert shop.attempts(seq)[0].outcome is AttemptOutcome.LOST


def test_runs_are_returned_although_the_inbox_was_gone_for_a_moment(shop, desk, stop, watched):
    shop.write(loan="@on('LOAN', concurrency=1)\ndef process(event): desk.wait_at('end')")
    worker = shop.start(inbox=watched, dispatching=False)
    begun, waiting = shop.send(count=2)
    worker.run_now(claim(shop, begun))
    desk.until_noted("at end")
    worker.run_now(claim(shop, waiting))
    watched.errors["release"] = [InboxUnavailableError("gone for a moment")]
    stopping = stop(worker)
    desk.open("end")
    stopping.join()
    assert shop.run(begun).state is RunState.SUCCEEDED
    assert (shop.run(waiting).state, shop.run(waiting).attempts) == (RunState.WAITING, 0)


def test_a_request_whose_run_had_not_begun_is_answered_when_the_worker_stops(shop, desk, stop):
    shop.write(loan="@on('LOAN', concurrency=1)\ndef process(event): desk.wait_at('end')")
    worker = shop.start(dispatching=False)
    first, second, third = [claim(shop, seq) for seq in shop.send(count=3)]
    begun, waiting = worker.run_now(first), worker.run_now(second)
    desk.until_noted("at end")
    stopping = stop(worker)
    for future in (waiting, worker.run_now(third)):
        with pytest.raises(InboxUnavailableError, match="stopping"):
            future.result(30)
    desk.open("end")
    stopping.join()
    assert begun.result(30).state is RunState.SUCCEEDED
    assert [shop.run(lease.event.seq).attempts for lease in (second, third)] == [0, 0]


def claim(shop, seq):
    from almahook.inbox import Assignment

    shop.inbox.dispatch(lambda _: [], limit=100)
    now = shop.clock()
    match = [Assignment(handler="loan", due_at=now)]
    (lease,) = shop.inbox.claim(seq, lambda _: match, now=now, until=now + 60).leases
    return lease
