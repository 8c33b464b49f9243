"""Where runs are executed: the jobs in hand, the threads they are on, and their time-outs."""

from collections.abc import Callable

from almahook.handlers import Handler, Registry
from almahook.worker.decide import Ended
from almahook.worker.execution import Clock, execute, execute_async, raised, timed_out
from almahook.worker.executor import Executor, LoopExecutor, ThreadExecutor
from almahook.worker.jobs import Job, Jobs
from almahook.worker.journal import Journal

# So many threads of one handler that never came back, and it gets no further runs here.
_MOST_STUCK = 32


class Floor:
    """Executes jobs, each handler's on threads of its own.

    Args:
        registry: The handlers there may be jobs of.
        on_end: Called when a job has ended, on any thread.
    """

    def __init__(
        self, registry: Registry, *, journal: Journal, clock: Clock, on_end: Callable[[], None]
    ) -> None:
        self.jobs = Jobs()
        self._journal = journal
        self._clock = clock
        self._on_end = on_end
        self._executors = {handler.name: self._executor(handler) for handler in registry}

    def begin(self, job: Job) -> bool:
        """Execute a job as soon as its handler has a thread; False when no more are taken."""
        if not self.jobs.add(job):
            return False
        try:
            self._executors[job.handler.name].submit(job)
        except RuntimeError as error:
            # The machine has no thread to give.
            self.end(job, raised(job, error, self._clock()))
        return True

    def end(self, job: Job, ended: Ended) -> bool:
        """Note how a job ended; False when it had ended before."""
        job.context.close()
        is_first = self.jobs.end(job, ended)
        self._on_end()
        return is_first

    def end_overdue(self) -> None:
        """End the jobs that run longer than they may, and leave their threads to themselves."""
        for job in self.jobs.overdue():
            if not self.end(job, timed_out(job, self._clock())):
                continue
            self._executors[job.handler.name].abandon(job)
            if self.stuck(job.handler) == _MOST_STUCK:
                self._journal.stuck(job.handler.name, _MOST_STUCK)

    def stuck(self, handler: Handler) -> int:
        """Count the handler's threads that were left and have still not come back."""
        return self._executors[handler.name].stuck

    def is_blocked(self, handler: Handler) -> bool:
        """Say whether so many of a handler's threads are stuck that it gets no further runs."""
        return self.stuck(handler) >= _MOST_STUCK

    def stop(self) -> None:
        """End the threads that are free."""
        for executor in self._executors.values():
            executor.stop()

    # On the handlers' threads

    def _executor(self, handler: Handler) -> Executor:
        if handler.is_async:
            return LoopExecutor(handler.name, handler.concurrency, self._run_async)
        return ThreadExecutor(handler.name, handler.concurrency, self._run_plain)

    def _run_plain(self, job: Job) -> None:
        if self._starts(job):
            self.end(job, execute(job, self._clock))

    async def _run_async(self, job: Job) -> None:
        if self._starts(job):
            self.end(job, await execute_async(job, self._clock))

    def _starts(self, job: Job) -> bool:
        return self.jobs.begin(job, at=self._clock())
