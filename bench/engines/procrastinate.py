"""procrastinate on PostgreSQL; its tasks are coroutines, as its documentation advises.

https://procrastinate.readthedocs.io/
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from bench.engines import Job, Put
from bench.engines.mark import handled

_URL = os.environ["BENCH_POSTGRES"]
app = App(connector=PsycopgConnector(conninfo=_URL, max_size=20))


@app.task(name="handle")
async def handle(event_id: str, _body: str) -> None:
    handled(event_id)


@contextmanager
def opened() -> Iterator[Put]:
    """Open the queue."""
    with app.replace_connector(SyncPsycopgConnector(conninfo=_URL)) as sync, sync.open():
        if not sync.check_connection():
            sync.schema_manager.apply_schema()
        task = sync.tasks["handle"]

        def put(jobs: Sequence[Job]) -> None:
            task.batch_defer(*({"event_id": job[0], "_body": job[1].decode()} for job in jobs))

        yield put


def work(at_once: int, *, keep_step: bool) -> None:
    """Run the worker."""
    del keep_step
    app.run_worker(concurrency=at_once)
