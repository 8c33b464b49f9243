"""Celery on a Redis that syncs each write; prefork, the default.

https://docs.celeryq.dev/en/stable/userguide/optimizing.html
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery

from bench.engines import Job, Put
from bench.engines.mark import handled

app = Celery("bench", broker=os.environ["BENCH_REDIS"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@app.task
def handle(event_id: str, _body: str) -> None:
    handled(event_id)


@contextmanager
def opened() -> Iterator[Put]:
    """Open the queue."""
    yield _put


def _put(jobs: Sequence[Job]) -> None:
    for event_id, body in jobs:
        handle.delay(event_id, body.decode())


def work(at_once: int, *, keep_step: bool) -> None:
    """Run the worker."""
    del keep_step
    app.worker_main(["worker", f"--concurrency={at_once}", "--loglevel=ERROR"])
