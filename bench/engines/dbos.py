"""DBOS: each job a workflow of a queue, on SQLite or PostgreSQL.

https://docs.dbos.dev/python/tutorials/queue-tutorial
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

from bench.engines import Job, Put
from bench.engines.mark import FOLDER_VARIABLE, handled

_QUEUE = "events"
_VERSION = "1"
# It looks for new jobs once a second by default, which is no use for its figures here.
_POLL_S = 0.01
_URL = os.environ.get("BENCH_POSTGRES") or f"sqlite:///{Path(os.environ[FOLDER_VARIABLE])}/dbos.db"

step = DBOS.step()(handled)


@DBOS.workflow()
def plain(event_id: str, _body: str) -> None:
    handled(event_id)


@DBOS.workflow()
def stepped(event_id: str, _body: str) -> None:
    step(event_id)


def _launch(at_once: int) -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": _URL,
        "log_level": "ERROR",
        "application_version": _VERSION,
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(_QUEUE, worker_concurrency=at_once, polling_interval_sec=_POLL_S)


@contextmanager
def opened() -> Iterator[Put]:
    """Open the queue."""
    workflow = "stepped" if os.environ.get("BENCH_KEEP_STEP") == "True" else "plain"
    options: EnqueueOptions = {
        "queue_name": _QUEUE,
        "workflow_name": workflow,
        "app_version": _VERSION,
    }
    DBOS.migrate(_URL)
    client = DBOSClient(system_database_url=_URL)

    def put(jobs: Sequence[Job]) -> None:
        for event_id, body in jobs:
            client.enqueue(options, event_id, body.decode())

    yield put
    client.destroy()


def work(at_once: int, *, keep_step: bool) -> None:
    """Run the worker."""
    del keep_step
    _launch(at_once)
    threading.Event().wait()
