import asyncio
import os
import signal

import pytest

from almahook.inbox import AttemptOutcome, RunState

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

COUNT = 5000

QUICK = """
@on("LOAN", retry=SOON)
def process(event):
    note(event.id)
"""

HOLDS = {
    "def": """
@on("LOAN", retry=SOON, concurrency=4)
def process(event, ctx):
    ctx.once("first", note, f"first {event.id}")
    if int(event.id.removeprefix("event-")) >= 20 and not may_go():
        note(f"holds {event.id}")
        while not may_go():
            time.sleep(0.01)
    ctx.once("second", note, f"second {event.id}")
""",
    "async def": """
async def write(text):
    note(text)

@on("LOAN", retry=SOON, concurrency=4)
async def process(event, ctx):
    await ctx.once("first", write, f"first {event.id}")
    if int(event.id.removeprefix("event-")) >= 20 and not may_go():
        note(f"holds {event.id}")
        while not may_go():
            await asyncio.sleep(0.01)
    await ctx.once("second", write, f"second {event.id}")
""",
}


@pytest.mark.parametrize("who", ["the receiver and its worker", "the receiver"])
def test_killed_three_times_in_the_middle_of_a_load_it_loses_and_doubles_nothing(
    site, make_alma, thresholds, who
):
    kill = site.kill if who == "the receiver and its worker" else site.kill_receiver
    site.write(loan=QUICK)
    processes = [site.serve()]

    async def play():
        alma = make_alma(COUNT)
        sending = asyncio.create_task(alma.send_all())
        for threshold in thresholds(3, of=COUNT - 200):
            await alma.until(lambda after=threshold: len(alma.acknowledged) >= after)
            await alma.restarted(
                lambda: kill(processes[-1]), lambda: processes.append(site.serve())
            )
        await sending
        site.kill(processes[-1])
        return alma

    alma = asyncio.run(play())
    assert sorted(alma.acknowledged) == sorted(alma.ids)
    stored = site.stored()
    assert set(stored) == set(alma.ids)
    site.serve()
    site.until_handled(COUNT)
    site.assert_each_succeeded(alma.ids)


def test_its_worker_killed_three_times_is_not_noticed_by_alma_and_every_event_is_handled(
    site, make_alma, wait_for, thresholds
):
    site.write(loan=QUICK)
    process = site.serve()

    def kill_worker():
        killed = site.worker(process)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: site.worker(process) != killed)

    async def play():
        alma = make_alma(COUNT)
        sending = asyncio.create_task(alma.send_all())
        for threshold in thresholds(3, of=COUNT - 200):
            await alma.until(lambda after=threshold: len(alma.acknowledged) >= after)
            await asyncio.to_thread(kill_worker)
        await sending
        return alma

    alma = asyncio.run(play())
    assert alma.statuses == {200: COUNT}
    site.until_handled(COUNT)
    site.assert_each_succeeded(alma.ids)


@pytest.mark.parametrize("kind", HOLDS)
def test_killed_while_handlers_run_it_ends_every_run_and_repeats_no_step(
    site, make_alma, wait_for, kind
):
    site.write(loan=HOLDS[kind])
    process = site.serve()

    async def play():
        await make_alma(30).send_all()

    asyncio.run(play())
    quick = [f"second event-{n}" for n in range(20)]
    site.until_noted(*quick)
    wait_for(lambda: len(_held(site)) == 4)
    site.kill(process)
    site.let_go()
    site.serve()
    site.until_handled(30)
    runs = [run for (run,) in site.stored().values()]
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    done = [text for text in site.notes if not text.startswith("holds")]
    steps = [f"{step} event-{n}" for step in ("first", "second") for n in range(30)]
    assert sorted(done) == sorted(steps)
    inbox = site.inbox()
    lost = [
        attempt.outcome
        for run in runs
        for attempt in inbox.attempts(run.id)
        if attempt.outcome is not AttemptOutcome.SUCCEEDED
    ]
    inbox.close()
    assert set(lost) == {AttemptOutcome.LOST}
    assert 4 <= len(lost) <= 10


def _held(site):
    return [text.removeprefix("holds event-") for text in site.notes if text.startswith("holds")]
