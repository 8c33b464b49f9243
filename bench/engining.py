"""An engine with its database, in a folder of its own."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engines import Engine, mark
from bench.figures import BenchError
from bench.process import environment, last_words, process, wait_until
from bench.service import Service, service
from bench.usage import Usage, tree_usage

_ENQUEUE_S = 300.0
_WORK_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How an engine is used.

    Attributes:
        at_once: How many jobs it may run at once.
        keep_step: Whether each job keeps the result of a step.
    """

    at_once: int
    keep_step: bool = False

    def __str__(self) -> str:
        return f"{self.at_once} at once" + (", each with a kept step" if self.keep_step else "")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An engine whose database runs."""

    engine: Engine
    setting: Setting
    folder: Path
    services: list[Service]
    env: Mapping[str, str]

    @property
    def log(self) -> Path:
        """What its worker says."""
        return self.folder / "worker.log"

    def enqueue(self, count: int, size: int, every_s: float = 0.0) -> None:
        """Store jobs.

        Raises:
            BenchError: They could not be stored.
        """
        done = subprocess.run(
            self.enqueuing(count, size, every_s),
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=_ENQUEUE_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [""]
            raise BenchError(f"it could not store jobs: {said[-1][:200]}")

    def enqueuing(self, count: int, size: int, every_s: float = 0.0) -> list[str]:
        """Return the command that stores jobs."""
        return self._command("enqueue", count, size, every_s)

    @contextmanager
    def working(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run its worker until the block ends."""
        command = self._command("work", self.setting.at_once, self.setting.keep_step)
        with process(command, log=self.log, env=self.env) as started:
            yield started

    def await_handled(self, count: int, worker: "subprocess.Popen[bytes]") -> None:
        """Wait until so many jobs have been handled.

        Raises:
            BenchError: They are not in time.
        """
        try:
            wait_until(
                lambda: mark.count_handled(self.folder) >= count,
                f"all of {count} handled",
                of=worker,
                seconds=_WORK_S,
            )
        except BenchError as error:
            got = mark.count_handled(self.folder)
            raise BenchError(f"{error}, but {got}{last_words(self.log)}") from None

    def usage(self, worker: "subprocess.Popen[bytes]") -> Usage:
        """Return what the worker and the database have used."""
        return tree_usage([worker.pid, *(service.pid for service in self.services)])

    def _command(self, action: str, *given: object) -> list[str]:
        module = self.engine.module
        return [sys.executable, "-m", "bench.engines", module, action, *map(str, given)]


@contextmanager
def ready(engine: Engine, setting: Setting, folder: Path, **options: object) -> Iterator[Ready]:
    """Start what the engine stores in.

    Raises:
        BenchError: It is not installed, or does not start.
    """
    with ExitStack() as stack:
        services = [stack.enter_context(service(name, folder)) for name in engine.services]
        urls = {
            f"BENCH_{name.upper()}": running.url
            for name, running in zip(engine.services, services, strict=True)
        }
        env = environment(
            **{mark.FOLDER_VARIABLE: folder, "BENCH_KEEP_STEP": setting.keep_step},
            **urls,
            **options,
        )
        yield Ready(engine=engine, setting=setting, folder=folder, services=services, env=env)
