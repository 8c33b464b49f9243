"""huey on SQLite with fsync on, and threads.

https://huey.readthedocs.io/en/latest/api.html#SqliteHuey
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huey import SqliteHuey

from bench.engines import Job, Put
from bench.engines.mark import FOLDER_VARIABLE, handled

queue = SqliteHuey(filename=str(Path(os.environ[FOLDER_VARIABLE]) / "huey.db"), fsync=True)


@queue.task()
def handle(event_id: str, _body: bytes) -> None:
    handled(event_id)


@contextmanager
def opened() -> Iterator[Put]:
    """Open the queue."""
    yield _put


def _put(jobs: Sequence[Job]) -> None:
    for job in jobs:
        handle(*job)


def work(at_once: int, *, keep_step: bool) -> None:
    """Run the consumer."""
    del keep_step
    queue.create_consumer(workers=at_once, worker_type="thread").run()
