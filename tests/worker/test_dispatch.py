import logging

import pytest
from msgspec.structs import replace

from almahook.inbox import Assignment, AttemptOutcome, Collected, EventFilter, RunState
from almahook.testing.inbox_contract.given import spool
from almahook.worker import assign_named

UNREADABLE = b'{"action": "LOAN"'


def paste_lines(caplog):
    return [record for record in caplog.records if record.message.startswith("event.unhandled")]


def test_an_event_is_given_to_each_handler_that_takes_it_and_to_no_other(shop, desk):
    shop.write(
        loan="def process(event): desk.note('loan')",
        loan_returned="def process(event): desk.note('loan_returned')",
        bib="def process(event): desk.note('bib')",
        circulation="""
@on("LOAN", event="LOAN_*")
def every_loan(event): desk.note("every_loan")

@on("LOAN", library="OTHER_LIB")
def other_library(event): desk.note("other_library")
""",
    )
    shop.start()
    (seq,) = shop.send("LOAN", event="LOAN_RETURNED")
    runs = shop.until_final(seq)
    assert {run.handler for run in runs} == {"loan", "loan_returned", "circulation.every_loan"}
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert sorted(desk.notes) == ["every_loan", "loan", "loan_returned"]


def test_one_handler_s_failure_leaves_the_other_handlers_of_the_event_alone(shop):
    shop.write(
        loan="""
@on("LOAN", retry=RetryPolicy(attempts=1))
def fails(event): raise ValueError

@on("LOAN")
def works(event): pass
"""
    )
    shop.start()
    (seq,) = shop.send()
    shop.until_final(seq)
    assert shop.run(seq, "loan.fails").state is RunState.PARKED
    assert shop.run(seq, "loan.works").state is RunState.SUCCEEDED


def test_events_that_waited_while_no_worker_ran_are_handled_when_one_starts(shop, desk):
    shop.write(loan="def process(event): desk.note(event.id)")
    seqs = shop.send(count=300)
    shop.start()
    runs = shop.until_final(*seqs)
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 300
    assert len(desk.notes) == 300


def test_an_event_that_another_process_stores_is_noticed_without_a_wake_up(shop, desk):
    shop.write(loan="def process(event): desk.note('handled')")
    shop.start(poll_s=3600)
    with shop.locked():
        pass
    receiver = shop.open_inbox()
    receiver.append([shop.event()])
    desk.until_noted("handled")
    receiver.close()


def test_what_is_collected_is_told_with_its_duplicates(shop, desk):
    shop.write(loan="def process(event): desk.note(event.id)")
    events = [shop.event(), shop.event()]
    spool(shop.inbox, [*events, events[0]])
    told = []
    shop.start(on_collected=told.append)
    desk.until(lambda notes: len(notes) == 2)
    assert [one for one in told if one.events] == [Collected(events=2, duplicates=1)]
    assert sum(one.duplicates for one in told) == 1


def test_who_is_told_of_what_is_collected_and_fails_stops_nothing(shop, desk, caplog):
    def broken(_):
        raise ValueError

    shop.write(loan="def process(event): desk.note(event.id)")
    spool(shop.inbox, [shop.event()])
    shop.start(on_collected=broken)
    desk.until(lambda notes: len(notes) == 1)
    assert "worker.observer_failed" in [record.message for record in caplog.records]


def test_while_more_is_spooled_than_is_collected_at_once_handlers_run_already(shop, desk, watched):
    shop.write(loan="@on('LOAN', concurrency=1)\ndef process(event): desk.note('run')")
    for _ in range(8):
        spool(shop.inbox, [shop.event() for _ in range(256)])
    shop.start(inbox=watched)
    desk.until_noted("run")
    assert [name for name in watched.calls if name in {"collect", "lease"}][:2] == [
        "collect",
        "lease",
    ]
    shop.until(lambda: len(shop.settled) == 8 * 256)


def test_the_handler_to_write_is_logged_once_for_each_kind_of_event(shop, caplog):
    shop.write(bib="def process(event): pass")
    shop.start()
    shop.send("LOAN", count=3)
    shop.send("LOAN", event="LOAN_DUE_DATE", count=3)
    (last,) = shop.send("BIB")
    shop.until_final(last)
    returned, due = paste_lines(caplog)
    assert "# handlers/loan_created.py" in returned.message
    assert "def process(event: LoanEvent, ctx: Context) -> None:" in returned.message
    assert returned.levelno == logging.WARNING
    assert due.fields["sub_event"] == "LOAN_DUE_DATE"
    unhandled = shop.inbox.events(EventFilter(state="unhandled"), limit=10)
    assert len(unhandled) == 6


def test_an_event_that_cannot_be_read_is_told_and_does_not_stop_the_worker(shop, caplog):
    shop.write(loan="def process(event): pass")
    # Of an event without an id of its own even the envelope is read from the body.
    unreadable = replace(shop.event(), body=UNREADABLE, event_id="sha256:1")
    bad, fine = [receipt.seq for receipt in shop.inbox.append([unreadable, shop.event()])]
    shop.start()
    (run,) = shop.until_final(fine)
    assert run.state is RunState.SUCCEEDED
    (record,) = [record for record in caplog.records if record.message == "event.unreadable"]
    assert record.fields == {"event_seq": bad, "code": "body.json"}
    assert shop.runs(bad) == []


@pytest.mark.parametrize("event_id", ["1", "sha256:1"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_run_of_an_event_that_cannot_be_read_is_parked_with_the_reason(shop, kind, event_id):
    shop.write(loan=f"@on('LOAN', retry=SOON, concurrency=1)\n{kind} process(event): event.payload")
    unreadable = replace(shop.event(), body=UNREADABLE, event_id=event_id)
    (bad,) = [receipt.seq for receipt in shop.inbox.append([unreadable])]
    shop.inbox.dispatch(lambda _: [], limit=10)
    # Nobody has given it to the handler but a person, by name.
    assignments = assign_named(shop.load(), ["loan"], shop.inbox.event(bad))
    shop.inbox.replay(bad, assignments, fresh=True, now=0.0)
    shop.start()
    (run,) = shop.until_final(bad)
    assert run.state is RunState.PARKED
    assert "JSONError" in run.reason
    assert [attempt.outcome for attempt in shop.attempts(bad)] == [AttemptOutcome.FAILED] * 3
    # Its threads are still there for other events.
    later = shop.send(count=20)
    assert {run.state for run in shop.until_final(*later)} == {RunState.SUCCEEDED}


def test_a_filter_that_fails_does_not_match_and_stops_nothing(shop):
    shop.write(
        loan="""
@on("LOAN", where={"item_loan.title": lambda title: 1 / 0})
def odd(event): pass

@on("LOAN")
def plain(event): pass
"""
    )
    shop.start()
    (seq,) = shop.send()
    assert [run.handler for run in shop.until_final(seq)] == ["loan.plain"]


def test_runs_of_a_handler_that_is_gone_wait_and_harm_nothing(shop, desk):
    shop.write(loan="def process(event): desk.note('loan')")
    (seq,) = shop.send()
    shop.inbox.dispatch(lambda _: [Assignment(handler="gone", due_at=0.0)], limit=10)
    shop.start()
    (later,) = shop.send()
    shop.until_final(later)
    assert shop.run(seq).state is RunState.WAITING
    assert shop.run(seq).attempts == 0
    assert shop.inbox.backlog().waiting == 1


def test_a_lost_run_of_a_handler_that_is_gone_waits_again(shop):
    shop.write(loan="def process(event): pass")
    (seq,) = shop.send()
    shop.inbox.dispatch(lambda _: [Assignment(handler="gone", due_at=0.0)], limit=10)
    now = shop.clock()
    shop.inbox.lease({"gone": 1}, now=now, until=now - 1)
    shop.start()
    shop.until_settled(seq)
    assert shop.run(seq).state is RunState.WAITING
    assert [attempt.outcome for attempt in shop.attempts(seq)] == [AttemptOutcome.LOST]
    assert shop.run(seq).reason == "the worker that ran it was lost"


def test_the_events_of_a_burst_are_handled_with_their_bodies(shop, desk):
    shop.write(loan="def process(event): desk.note(event.id)")
    events = [shop.event() for _ in range(300)]
    spool(shop.inbox, events)
    shop.start()
    shop.until(lambda: len(desk.notes) == 300)
    assert sorted(desk.notes) == sorted(event.event_id for event in events)


def test_what_a_burst_left_to_do_is_done_once_it_is_over(shop, watched):
    spool(shop.inbox, [shop.event() for _ in range(150)])
    shop.start(inbox=watched)
    watched.next_calls("tidy", 2)
    before = watched.calls[: watched.calls.index("tidy")]
    # The second look finds that nothing more has come.
    assert before.count("dispatch") == 2
    assert shop.inbox.tidy(limit=1) == 0
