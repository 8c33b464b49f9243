import asyncio
import signal

import pytest

from almahook.inbox import RunState

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

COUNT = 2000

QUICK = """
@on("LOAN", retry=SOON)
def process(event, ctx):
    ctx.once("note", note, event.id)
"""


def test_a_worker_s_death_is_not_noticed_by_alma_and_its_work_is_done_by_the_next(
    site, make_alma, thresholds
):
    site.write(loan=QUICK)
    site.serve("--no-worker")
    workers = [site.work(), site.work()]

    async def play():
        alma = make_alma(COUNT)
        sending = asyncio.create_task(alma.send_all())
        for threshold in thresholds(2, of=COUNT - 100):
            await alma.until(lambda after=threshold: len(alma.acknowledged) >= after)
            site.kill(workers.pop(0))
            workers.append(await asyncio.to_thread(site.work))
        await sending
        return alma

    alma = asyncio.run(play())
    assert alma.statuses == {200: COUNT}
    site.until_handled(COUNT)
    site.assert_each_succeeded(alma.ids)


def test_without_a_worker_events_are_stored_and_wait_for_one(site, make_alma):
    site.write(loan=QUICK)
    process = site.serve("--no-worker")

    async def play():
        await make_alma(50).send_all()

    asyncio.run(play())
    site.kill(process)
    assert {len(runs) for runs in site.stored().values()} == {0}
    assert site.notes == []
    site.work()
    site.until_handled(50)
    assert {run.state for (run,) in site.stored().values()} == {RunState.SUCCEEDED}
    assert len(site.notes) == 50
