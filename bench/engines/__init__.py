"""What runs handlers: almahook, and task queues that a library would use instead.

Each is a module with ``opened()``, a context that gives a function which stores jobs durably, and
``work(at_once, keep_step)``, which runs its worker in this process. A job is an id and a body. The
handler is empty but for :func:`bench.engines.mark.handled`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Job = tuple[str, bytes]
Put = Callable[[Sequence[Job]], None]


class EngineModule(Protocol):
    """What the modules of this package offer."""

    def opened(self) -> AbstractContextManager[Put]:
        """Open the queue, making its tables first."""

    def work(self, at_once: int, *, keep_step: bool) -> None:
        """Run jobs until this process is stopped."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine.

    Attributes:
        module: Its module here.
        services: What it stores in.
        rate: Jobs per second that it may reach, for giving it enough to do.
        keeps_steps: Whether it offers steps whose results are kept.
    """

    title: str
    module: str
    rate: int
    services: tuple[str, ...] = ()
    keeps_steps: bool = False


ENGINES: Mapping[str, Engine] = {
    "almahook": Engine(title="**almahook**", module="almahook", rate=5000, keeps_steps=True),
    "huey": Engine(
        title="huey (SQLite, fsync on), which deletes a job before it runs",
        module="huey",
        rate=2000,
    ),
    "celery": Engine(
        title="Celery (Redis, appendfsync always), prefork",
        module="celery",
        rate=500,
        services=("redis",),
    ),
    "procrastinate": Engine(
        title="procrastinate (PostgreSQL)",
        module="procrastinate",
        rate=400,
        services=("postgres",),
    ),
    "dbos-sqlite": Engine(
        title="DBOS (SQLite), polling each 10 ms", module="dbos", rate=150, keeps_steps=True
    ),
    "dbos-postgres": Engine(
        title="DBOS (PostgreSQL), polling each 10 ms",
        module="dbos",
        rate=150,
        services=("postgres",),
        keeps_steps=True,
    ),
}
