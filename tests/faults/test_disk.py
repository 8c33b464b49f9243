import asyncio
import resource
import sqlite3
from contextlib import closing

import pytest

COUNT = 1500

QUICK = """
@on("LOAN", retry=SOON)
def process(event, ctx):
    ctx.once("note", note, event.id)
"""


def assert_all_handled(site, alma):
    assert set(alma.statuses) <= {200, 503}
    assert alma.statuses[200] == len(alma.ids)
    site.until_handled(len(alma.ids))
    site.assert_each_succeeded(alma.ids)
    # Nothing was killed here, so no step may have been done twice.
    assert sorted(site.notes) == sorted(alma.ids)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_while_the_disk_is_full_alma_hears_503_and_what_was_acknowledged_is_there(site, make_alma):
    site.write(loan=QUICK)
    process = site.serve()

    def limit(size):
        limits = (size, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)

    async def play():
        alma = make_alma(COUNT)
        sending = asyncio.create_task(alma.send_all())
        await alma.until(lambda: len(alma.acknowledged) >= 300)
        # No file of the process can grow beyond one block any more.
        limit(4096)
        await alma.until(lambda: alma.statuses[503] >= 100)
        kept = len(site.stored())
        acknowledged = len(alma.acknowledged)
        limit(resource.RLIM_INFINITY)
        await sending
        return alma, kept, acknowledged

    alma, kept, acknowledged = asyncio.run(play())
    assert 300 <= acknowledged <= kept < COUNT
    assert_all_handled(site, alma)


def test_while_the_database_is_locked_events_are_taken_in_and_handled_afterwards(site, make_alma):
    site.write(loan=QUICK)
    site.serve()

    async def play():
        alma = make_alma(COUNT)
        sending = asyncio.create_task(alma.send_all())
        await alma.until(lambda: len(alma.acknowledged) >= 300)
        with closing(sqlite3.connect(site.folder / "inbox.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            taken = len(alma.acknowledged)
            await alma.until(lambda: len(alma.acknowledged) >= taken + 500)
            other.execute("ROLLBACK")
        await sending
        return alma

    alma = asyncio.run(play())
    assert alma.statuses == {200: COUNT}
    assert_all_handled(site, alma)
