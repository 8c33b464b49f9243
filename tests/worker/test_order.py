import random
from collections import defaultdict

import pytest

from almahook.inbox import RunState


def hour(number: int) -> str:
    return f"2024-11-05T{number:02}:00:00.000Z"


KINDS = {"def": "time.sleep(0.0005)", "async def": "await asyncio.sleep(0.0005)"}


@pytest.mark.parametrize("kind", KINDS)
def test_events_about_one_loan_never_run_at_once_nor_out_of_order(shop, desk, kind):
    shop.write(
        loan=f"""
@on("LOAN", ordered=True, concurrency=8)
{kind} process(event, ctx):
    with desk.busy(event.payload["loan_id"]):
        desk.note(f"{{event.payload['loan_id']}} {{event.payload['title']}}")
        {KINDS[kind]}
"""
    )
    loans = [str(loan) for loan in range(12)]
    chance = random.Random(kind)
    expected, events = defaultdict(list), []
    for number in range(600):
        loan = chance.choice(loans)
        expected[loan].append(str(number))
        events.append(shop.event(loan_id=loan, title=str(number), subject=loan))
    seqs = []
    workers = [shop.start(inbox=shop.open_inbox()) for _ in range(2)]
    for start in range(0, 600, 50):
        seqs += [receipt.seq for receipt in shop.inbox.append(events[start : start + 50])]
        for worker in workers:
            worker.wake()
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}
    happened = defaultdict(list)
    for note in desk.notes:
        loan, number = note.split()
        happened[loan].append(number)
    assert happened == expected
    assert set(desk.most.values()) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_fails_keeps_its_place_in_the_order_until_it_is_parked(shop, desk, kind):
    shop.write(
        loan=f"""
@on("LOAN", ordered=True, retry=SOON)
{kind} process(event, ctx):
    desk.note(event.payload["title"])
    if event.payload["title"] == "first":
        raise ValueError
"""
    )
    first = shop.send(title="first", subject="7")
    second = shop.send(title="second", subject="7")
    shop.start()
    runs = shop.until_final(*first, *second)
    assert [run.state for run in runs] == [RunState.PARKED, RunState.SUCCEEDED]
    assert desk.notes == ["first", "first", "first", "second"]


def test_what_waits_in_order_holds_nothing_else_up(shop, desk):
    shop.write(
        loan="""
@on("LOAN", ordered=True)
def process(event):
    if event.payload["title"] == "slow":
        desk.wait_at("end")
"""
    )
    slow, behind = shop.send(title="slow", subject="7") + shop.send(title="behind", subject="7")
    others = [seq for n in range(20) for seq in shop.send(title="other", subject=f"other {n}")]
    shop.start()
    shop.until_final(*others)
    assert shop.run(slow).state is RunState.RUNNING
    assert shop.run(behind).state is RunState.WAITING
    desk.open("end")
    shop.until_final(slow, behind)


def test_the_oldest_event_goes_first_in_whichever_order_they_arrived(shop, desk):
    shop.write(
        loan="""
@on("LOAN", ordered=True)
def process(event): desk.note(event.payload["title"])
"""
    )
    seqs = [
        seq
        for number in (5, 3, 9, 1)
        for seq in shop.send(title=str(number), time=hour(number), subject="7")
    ]
    shop.start()
    shop.until_final(*seqs)
    assert desk.notes == ["1", "3", "5", "9"]


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_burst_about_one_record_only_the_newest_event_is_run(shop, desk, kind):
    shop.write(
        bib=f"""
@on("BIB", coalesce=0.5)
{kind} process(event): desk.note(event.payload["title"])
"""
    )
    shop.start()
    burst = [seq for n in range(20) for seq in shop.send("BIB", title=f"a{n}", subject="a")]
    (other,) = shop.send("BIB", title="b", subject="b")
    shop.until_final(*burst, other)
    assert sorted(desk.notes) == ["a19", "b"]
    states = [shop.run(seq).state for seq in burst]
    assert states == [RunState.SUPERSEDED] * 19 + [RunState.SUCCEEDED]


def test_an_event_that_arrives_while_the_one_before_it_runs_is_run_after_it(shop, desk):
    shop.write(
        bib="""
@on("BIB", coalesce=0.05)
def process(event):
    desk.note(event.payload["title"])
    if event.payload["title"] == "first":
        desk.wait_at("end")
"""
    )
    shop.start()
    first = shop.send("BIB", title="first", subject="a")
    desk.until_noted("at end")
    second = shop.send("BIB", title="second", subject="a")
    third = shop.send("BIB", title="third", subject="a")
    desk.eventually(lambda: [run.state for run in shop.runs(*second)] == [RunState.SUPERSEDED])
    desk.open("end")
    shop.until_final(*first, *second, *third)
    assert [note for note in desk.notes if note != "at end"] == ["first", "third"]
