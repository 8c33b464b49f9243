import asyncio
import threading
from functools import partial

import pytest

from almahook.inbox import RunState
from almahook.worker import assign
from almahook.worker.executor import LoopExecutor, ThreadExecutor
from almahook.worker.jobs import Job

KINDS = {
    "def": """
{options}
def process(event):
    with desk.busy("loan"):
        time.sleep(0.001)
""",
    "async def": """
{options}
async def process(event):
    with desk.busy("loan"):
        await asyncio.sleep(0.001)
""",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_executions_of_a_handler_run_at_once_than_it_allows(shop, desk, kind, limit):
    shop.write(loan=KINDS[kind].format(options=f"@on('LOAN', concurrency={limit})"))
    shop.start()
    seqs = shop.send(count=200)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}
    assert desk.most["loan"] <= limit


@pytest.mark.parametrize("kind", KINDS)
def test_executions_do_run_at_once_up_to_the_limit(shop, desk, kind):
    hold = "await asyncio.sleep(0.001)" if kind == "async def" else "time.sleep(0.001)"
    shop.write(
        loan=f"""
@on("LOAN", concurrency=5)
{kind} process(event):
    desk.note("in")
    while desk.notes.count("in") < 5:
        {hold}
"""
    )
    shop.start()
    seqs = shop.send(count=5)
    assert {run.state for run in shop.until_final(*seqs)} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("kind", KINDS)
def test_runs_that_requests_bring_keep_to_the_limit_too_and_each_is_answered(shop, desk, kind):
    shop.write(loan=KINDS[kind].format(options="@on('LOAN', concurrency=3)"))
    worker = shop.start(dispatching=False)
    seqs = shop.send(count=60)
    shop.inbox.dispatch(lambda _: [], limit=1000)
    match = partial(assign, shop.load())
    answers, together = {}, threading.Barrier(6)

    def request(mine):
        together.wait()
        for seq in mine:
            now = shop.clock()
            claim = shop.inbox.claim(seq, match, now=now, until=now + 30)
            answers[seq] = [worker.run_now(lease) for lease in claim.leases]

    threads = [threading.Thread(target=request, args=(seqs[n::6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [future.result(30).state for futures in answers.values() for future in futures]
    assert states == [RunState.SUCCEEDED] * 60
    assert desk.most["loan"] <= 3
    assert {run.state for run in shop.runs(*seqs)} == {RunState.SUCCEEDED}


class Room:
    """Runs jobs on an executor, and holds those that a test wants to hold."""

    def __init__(self, desk, kind, size):
        self.desk = desk
        make = ThreadExecutor if kind == "def" else LoopExecutor
        self.executor = make("loan", size, self.plain if kind == "def" else self.not_plain)

    def submit(self, name):
        # To an executor a job is only a thing to run.
        job = Job(lease=name, handler=None, context=None)
        self.executor.submit(job)
        return job

    def plain(self, job):
        with self.desk.busy("room"):
            if job.lease.startswith("held"):
                self.desk.wait_at(job.lease)
        self.desk.note(f"{job.lease} ended")

    async def not_plain(self, job):
        with self.desk.busy("room"):
            self.desk.note(f"at {job.lease}")
            while job.lease.startswith("held") and not self.desk.is_open(job.lease):  # noqa: ASYNC110 - the gate is a thread's
                await asyncio.sleep(0.001)
        self.desk.note(f"{job.lease} ended")


@pytest.fixture(params=KINDS)
def room(request, desk):
    rooms = []

    def make(size):
        rooms.append(Room(desk, request.param, size))
        return rooms[-1]

    yield make
    desk.open_all()
    for one in rooms:
        one.executor.stop()
        desk.eventually(lambda one=one: one.executor.stuck == 0)


def test_abandoning_a_job_that_has_just_ended_makes_no_room_and_leaves_nothing_stuck(room, desk):
    hall = room(2)
    for number in range(40):
        job = hall.submit(f"quick {number}")
        desk.until_noted(f"quick {number} ended")
        hall.executor.abandon(job)
    desk.eventually(lambda: hall.executor.stuck == 0)
    held = [hall.submit(f"held {number}") for number in range(2)]
    for job in held:
        desk.until_noted(f"at {job.lease}")
    last = hall.submit("last")
    desk.open("held 0")
    desk.until_noted("last ended")
    assert desk.most["room"] <= 2
    assert hall.executor.stuck == 0
    assert last.started is None


def test_an_abandoned_job_makes_room_for_another_and_is_stuck_until_it_comes_back(room, desk):
    hall = room(1)
    held = hall.submit("held")
    desk.until_noted("at held")
    hall.submit("next")
    hall.executor.abandon(held)
    desk.until_noted("next ended")
    # A thread hangs until the gate opens; a task was cancelled.
    desk.open("held")
    desk.eventually(lambda: hall.executor.stuck == 0)
    hall.executor.abandon(held)
    assert hall.executor.stuck == 0


def test_threads_that_submit_and_abandon_at_once_lose_no_job_and_exceed_nothing(room, desk):
    hall = room(3)
    together = threading.Barrier(4)

    def submit(name):
        together.wait()
        for number in range(100):
            hall.submit(f"{name}{number}")

    def abandon():
        together.wait()
        for number in range(100):
            hall.executor.abandon(hall.submit(f"z{number}"))

    work = [partial(submit, "x"), partial(submit, "y"), partial(submit, "w"), abandon]
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "xyw":
        for number in range(100):
            desk.until_noted(f"{name}{number} ended")
    desk.eventually(lambda: hall.executor.stuck == 0)
    assert len(desk.notes) == len(set(desk.notes))


def test_a_blocked_loop_that_comes_free_again_closes_in_good_order(desk):
    async def run(job):
        if job.lease.startswith("blocks"):
            desk.wait_at(job.lease)
        desk.note(f"{job.lease} ended")

    for number in range(20):
        executor = LoopExecutor("loan", 3, run)
        blocking = Job(lease=f"blocks {number}", handler=None, context=None)
        executor.submit(blocking)
        desk.until_noted(f"at blocks {number}")
        for name in ("one", "other"):
            executor.submit(Job(lease=f"{name} {number}", handler=None, context=None))
        executor.abandon(blocking)
        desk.until_noted(f"other {number} ended")
        desk.open(f"blocks {number}")
        executor.stop()
        desk.eventually(lambda executor=executor: executor.stuck == 0)
    assert len(desk.notes) == len(set(desk.notes)) == 20 * 4


def test_when_no_thread_can_be_started_a_job_is_refused_and_the_next_is_not(
    room, desk, monkeypatch
):
    hall = room(2)
    start = threading.Thread.start

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        hall.submit("first")
    monkeypatch.setattr(threading.Thread, "start", start)
    hall.submit("second")
    desk.until_noted("second ended")


def test_a_run_for_which_there_is_no_thread_has_failed_and_comes_again(shop, monkeypatch):
    shop.write(loan="@on('LOAN', retry=SOON)\ndef process(event): pass")
    start = threading.Thread.start
    refused = []

    def refuse_once(thread):
        if thread.name == "almahook-handler-loan" and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    shop.start()
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert shop.attempts(seq)[0].error == "RuntimeError: can't start new thread"
