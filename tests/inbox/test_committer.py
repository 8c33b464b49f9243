import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

import pytest

from almahook.errors import InboxUnavailableError, OverloadedError, SchemaError
from almahook.inbox import GroupCommitter


class Disk:
    """Stores batches, and lets a test hold a batch while it is being stored."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.errors: list[Exception] = []
        self.poison = ""
        self.unwritable = ""
        self.entered = threading.Semaphore(0)
        self._may_go_on = threading.Event()
        self._may_go_on.set()

    def hold(self) -> None:
        self._may_go_on.clear()

    def go_on(self) -> None:
        self._may_go_on.set()

    def prepare(self, items: Sequence[str]) -> list[str]:
        if self.unwritable in items:
            raise ValueError("an item that cannot be written: " + self.unwritable)
        return list(items)

    def commit(self, groups: Sequence[list[str]]) -> list[str]:
        items = [item for group in groups for item in group]
        self.entered.release()
        self._may_go_on.wait()
        if self.errors:
            raise self.errors.pop(0)
        if self.poison in items:
            raise ValueError("an item that cannot be stored: " + self.poison)
        self.batches.append(list(items))
        return [f"stored {item}" for item in items]

    @property
    def stored(self) -> list[str]:
        return [item for batch in self.batches for item in batch]


Committer = GroupCommitter[str, list[str], str]
Make = Callable[..., Committer]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def make(disk: Disk) -> Iterator[Make]:
    made: list[Committer] = []

    def make_one(**more: Any) -> Committer:
        made.append(GroupCommitter(prepare=disk.prepare, commit=disk.commit, **more))
        return made[-1]

    yield make_one
    disk.go_on()
    for committer in made:
        committer.close()


def submit(committer: Committer, item: str) -> "Future[str]":
    """Store an item from this thread."""
    future: Future[str] = Future()
    if not committer.append_all([item], partial(finish, future)):
        raise OverloadedError
    return future


def finish(future: "Future[str]", results: Sequence[str | BaseException]) -> None:
    (result,) = results
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)


def hold_first(disk: Disk, committer: Committer) -> "Future[str]":
    """Submit an item and wait until it is being stored."""
    disk.hold()
    first = submit(committer, "first")
    disk.entered.acquire()
    return first


async def until_waiting(committer: Committer, count: int) -> None:
    """Let the tasks that were made run until so many items wait."""
    while committer.pending < count:  # noqa: ASYNC110 - the committer tells nobody how many wait
        await asyncio.sleep(0)
    # What the loop has gathered is handed over in its next round.
    await asyncio.sleep(0)


def test_a_lone_item_is_stored_at_once(make: Make, disk: Disk) -> None:
    assert submit(make(), "a").result(10) == "stored a"
    assert disk.batches == [["a"]]


def test_what_arrives_while_a_batch_is_stored_becomes_the_next_batch(
    make: Make, disk: Disk
) -> None:
    committer = make()
    first = hold_first(disk, committer)
    waiting = [submit(committer, item) for item in "abc"]
    assert committer.pending == 3
    disk.go_on()
    assert [future.result(10) for future in waiting] == ["stored a", "stored b", "stored c"]
    assert first.result(10) == "stored first"
    assert disk.batches == [["first"], ["a", "b", "c"]]


def test_a_batch_holds_no_more_than_its_limit(make: Make, disk: Disk) -> None:
    committer = make(max_batch=2)
    hold_first(disk, committer)
    waiting = [submit(committer, item) for item in "abcde"]
    disk.go_on()
    assert waiting[-1].result(10) == "stored e"
    assert disk.batches == [["first"], ["a", "b"], ["c", "d"], ["e"]]


def test_requests_of_an_event_loop_are_stored_together(make: Make, disk: Disk) -> None:
    committer = make()
    first = hold_first(disk, committer)

    async def append_all() -> list[str]:
        tasks = [asyncio.create_task(committer.append(item)) for item in "abc"]
        await until_waiting(committer, 3)
        disk.go_on()
        return await asyncio.gather(*tasks)

    assert asyncio.run(append_all()) == ["stored a", "stored b", "stored c"]
    assert first.result(10)
    assert disk.batches == [["first"], ["a", "b", "c"]]


def test_threads_and_event_loops_are_served_side_by_side(make: Make, disk: Disk) -> None:
    committer = make()

    async def append_many(name: str) -> list[str]:
        return await asyncio.gather(*(committer.append(f"{name}{n}") for n in range(50)))

    results: dict[str, list[str]] = {}

    def loop(name: str) -> None:
        results[name] = asyncio.run(append_many(name))

    threads = [threading.Thread(target=loop, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    futures = [submit(committer, f"z{n}") for n in range(50)]
    for thread in threads:
        thread.join()
    results["z"] = [future.result(10) for future in futures]
    assert results == {name: [f"stored {name}{n}" for n in range(50)] for name in "xyz"}
    assert len(disk.stored) == 150


def test_an_error_of_the_store_reaches_everybody_who_waits(make: Make, disk: Disk) -> None:
    committer = make()
    first = hold_first(disk, committer)
    waiting = [submit(committer, item) for item in "ab"]

    async def append() -> None:
        task = asyncio.create_task(committer.append("c"))
        await until_waiting(committer, 3)
        disk.errors = [SchemaError("no schema"), InboxUnavailableError("disk full")]
        disk.go_on()
        with pytest.raises(InboxUnavailableError, match="disk full"):
            await task

    asyncio.run(append())
    with pytest.raises(SchemaError):
        first.result(10)
    for future in waiting:
        with pytest.raises(InboxUnavailableError, match="disk full"):
            future.result(10)
    assert submit(committer, "later").result(10) == "stored later"
    assert disk.stored == ["later"]


def test_an_item_that_cannot_be_stored_does_not_take_its_neighbours_down(
    make: Make, disk: Disk
) -> None:
    disk.poison = "b"
    committer = make()
    hold_first(disk, committer)
    a, b, c = [submit(committer, item) for item in "abc"]
    disk.go_on()
    assert (a.result(10), c.result(10)) == ("stored a", "stored c")
    with pytest.raises(InboxUnavailableError, match="ValueError") as raised:
        b.result(10)
    assert "cannot be stored: b" not in str(raised.value)
    assert disk.stored == ["first", "a", "c"]


def test_an_item_that_cannot_be_written_does_not_take_its_neighbours_down(
    make: Make, disk: Disk
) -> None:
    disk.unwritable = "b"
    told: Future[Sequence[str | BaseException]] = Future()
    make().append_all(["a", "b", "c"], told.set_result)
    a, b, c = told.result(10)
    assert (a, c) == ("stored a", "stored c")
    assert isinstance(b, InboxUnavailableError)
    assert "cannot be written" not in str(b)


def test_a_store_that_returns_too_few_results_is_an_error_and_not_silence() -> None:
    committer: Committer = GroupCommitter(prepare=list, commit=lambda _groups: [])
    with pytest.raises(InboxUnavailableError):
        submit(committer, "a").result(10)
    committer.close()


def test_what_is_handed_over_together_is_stored_together(make: Make, disk: Disk) -> None:
    told: Future[Sequence[str | BaseException]] = Future()
    assert make(max_batch=2).append_all(["a", "b", "c"], told.set_result) == 3
    assert told.result(10) == ["stored a", "stored b", "stored c"]
    assert disk.batches == [["a", "b", "c"]]


def test_of_items_that_come_together_those_are_taken_that_there_is_room_for(
    make: Make, disk: Disk
) -> None:
    committer = make(max_pending=2)
    hold_first(disk, committer)
    told: Future[Sequence[str | BaseException]] = Future()
    assert committer.append_all(["a", "b", "c"], told.set_result) == 2
    assert committer.is_full
    disk.go_on()
    assert told.result(10) == ["stored a", "stored b"]
    assert disk.stored == ["first", "a", "b"]


def test_when_too_many_wait_further_ones_are_turned_away(make: Make, disk: Disk) -> None:
    committer = make(max_pending=2)
    hold_first(disk, committer)
    waiting = [submit(committer, item) for item in "ab"]
    with pytest.raises(OverloadedError):
        submit(committer, "c")

    async def append() -> None:
        with pytest.raises(OverloadedError):
            await committer.append("d")

    asyncio.run(append())
    disk.go_on()
    assert [future.result(10) for future in waiting] == ["stored a", "stored b"]
    assert submit(committer, "e").result(10) == "stored e"


def test_closing_stores_what_waits_and_turns_later_items_away(make: Make, disk: Disk) -> None:
    committer = make()
    hold_first(disk, committer)
    waiting = [submit(committer, item) for item in "abc"]
    closing = threading.Thread(target=committer.close)
    closing.start()
    disk.go_on()
    closing.join()
    assert [future.result(0) for future in waiting] == ["stored a", "stored b", "stored c"]
    with pytest.raises(InboxUnavailableError, match="closing"):
        submit(committer, "late")
    committer.close()


def test_a_waiter_that_was_cancelled_does_not_lose_its_item_nor_disturb_its_neighbours(
    make: Make, disk: Disk
) -> None:
    committer = make()

    async def append() -> str:
        hold_first(disk, committer)
        cancelled, kept = [asyncio.create_task(committer.append(item)) for item in "ab"]
        await until_waiting(committer, 2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        disk.go_on()
        return await kept

    assert asyncio.run(append()) == "stored b"
    assert disk.stored == ["first", "a", "b"]


def test_an_event_loop_that_has_closed_does_not_keep_the_others_waiting(
    make: Make, disk: Disk
) -> None:
    committer = make()
    hold_first(disk, committer)
    loop = asyncio.new_event_loop()
    task = loop.create_task(committer.append("gone"))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    here = submit(committer, "here")
    disk.go_on()
    assert here.result(10) == "stored here"
    assert disk.stored == ["first", "gone", "here"]


def test_an_answer_that_fails_leaves_no_other_unanswered(make: Make) -> None:
    async def scenario() -> object:
        loop = asyncio.get_running_loop()
        committer = make()
        answered: asyncio.Queue[object] = asyncio.Queue()
        committer.append_all(["a"], lambda _: 1 / 0, loop=loop)
        committer.append_all(["b"], answered.put_nowait, loop=loop)
        return await answered.get()

    assert asyncio.run(scenario()) == ["stored b"]


class Kernel:
    """Begins to store batches, and ends when a test says so."""

    def __init__(self) -> None:
        self.is_able = True
        self.begun: list[list[str]] = []
        self._ended: list[Callable[[Sequence[str] | None], None]] = []

    def begin(
        self,
        groups: Sequence[list[str]],
        loop: asyncio.AbstractEventLoop,
        ended: Callable[[Sequence[str] | None], None],
    ) -> bool:
        assert asyncio.get_running_loop() is loop
        if self.is_able:
            self.begun.append([item for group in groups for item in group])
            self._ended.append(ended)
        return self.is_able

    def end(self) -> None:
        self._ended.pop(0)([f"begun {item}" for item in self.begun[-1]])

    def fail(self) -> None:
        self._ended.pop(0)(None)

    def finish(self) -> None:
        while self._ended:
            self.end()


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def beginning(make: Make, kernel: Kernel) -> Committer:
    """Return a committer whose store can begin without waiting."""
    return make(begin=kernel.begin, finish=kernel.finish)


async def append_each(committer: Committer, *items: str) -> "list[asyncio.Future[str]]":
    """Append each in a round of its own."""
    tasks = []
    for item in items:
        tasks.append(asyncio.ensure_future(committer.append(item)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


def test_what_an_event_loop_can_begin_no_thread_stores(
    beginning: Committer, kernel: Kernel, disk: Disk
) -> None:
    async def check() -> None:
        (one,) = await append_each(beginning, "a")
        kernel.end()
        assert await one == "begun a"

    asyncio.run(check())
    assert disk.batches == []


def test_what_comes_before_that_has_ended_is_begun_together(
    beginning: Committer, kernel: Kernel
) -> None:
    async def check() -> None:
        tasks = await append_each(beginning, "a", "b", "c")
        assert kernel.begun == [["a"]]
        kernel.end()
        assert kernel.begun == [["a"], ["b", "c"]]
        assert await tasks[0] == "begun a"
        assert not tasks[1].done()
        kernel.end()
        assert await asyncio.gather(*tasks[1:]) == ["begun b", "begun c"]

    asyncio.run(check())


def test_no_more_is_begun_at_once_than_a_batch_holds(make: Make, kernel: Kernel) -> None:
    committer = make(begin=kernel.begin, finish=kernel.finish, max_batch=2)

    async def check() -> None:
        tasks = await append_each(committer, "a", "b", "c", "d")
        kernel.end()
        kernel.end()
        assert kernel.begun == [["a"], ["b", "c"], ["d"]]
        kernel.end()
        await asyncio.gather(*tasks)

    asyncio.run(check())


def test_what_was_begun_and_failed_the_thread_stores_with_all_behind_it(
    beginning: Committer, kernel: Kernel, disk: Disk
) -> None:
    async def check() -> None:
        tasks = await append_each(beginning, "a", "b")
        kernel.fail()
        assert await asyncio.gather(*tasks) == ["stored a", "stored b"]

    asyncio.run(check())
    assert kernel.begun == [["a"]]
    assert disk.stored == ["a", "b"]


def test_what_cannot_be_begun_the_thread_stores_until_it_has_nothing_to_do(
    beginning: Committer, kernel: Kernel, disk: Disk
) -> None:
    async def check() -> None:
        kernel.is_able = False
        disk.hold()
        (first,) = await append_each(beginning, "a")
        kernel.is_able = True
        (second,) = await append_each(beginning, "b")
        assert kernel.begun == []
        disk.go_on()
        assert await asyncio.gather(first, second) == ["stored a", "stored b"]
        (third,) = await append_each(beginning, "c")
        kernel.end()
        assert await third == "begun c"

    asyncio.run(check())


def test_what_cannot_be_written_is_not_begun_and_takes_no_neighbour_down(
    beginning: Committer, kernel: Kernel, disk: Disk
) -> None:
    disk.unwritable = "bad"

    async def check() -> None:
        good, bad, other = await append_each(beginning, "good", "bad", "other")
        kernel.end()
        assert await asyncio.gather(good, other) == ["begun good", "stored other"]
        with pytest.raises(InboxUnavailableError):
            await bad

    asyncio.run(check())


def test_what_no_event_loop_hands_over_the_thread_stores_beside_what_was_begun(
    beginning: Committer, kernel: Kernel
) -> None:
    async def check() -> None:
        (begun,) = await append_each(beginning, "a")
        assert submit(beginning, "b").result(10) == "stored b"
        kernel.end()
        assert await begun == "begun a"

    asyncio.run(check())


def test_what_was_begun_waits_no_more_and_what_is_behind_it_does(
    make: Make, kernel: Kernel
) -> None:
    committer = make(begin=kernel.begin, finish=kernel.finish, max_pending=1)

    async def check() -> None:
        first, second, third = await append_each(committer, "a", "b", "c")
        assert (committer.pending, committer.is_full) == (1, True)
        with pytest.raises(OverloadedError):
            await third
        kernel.end()
        kernel.end()
        await asyncio.gather(first, second)
        assert committer.pending == 0

    asyncio.run(check())


def test_closing_ends_what_was_begun_and_stores_what_is_behind_it(
    beginning: Committer, disk: Disk
) -> None:
    async def check() -> None:
        tasks = await append_each(beginning, "a", "b")
        beginning.close()
        assert await asyncio.gather(*tasks) == ["begun a", "stored b"]

    asyncio.run(check())
    assert disk.stored == ["b"]


def test_closing_waits_for_another_thread_that_is_about_to_tell(make: Make, kernel: Kernel) -> None:
    # The store has ended, which its own finish() knows; the committer was not told.
    committer = make(begin=kernel.begin, finish=lambda: None)

    async def check() -> None:
        (one,) = await append_each(committer, "a")
        closing = asyncio.ensure_future(asyncio.to_thread(committer.close))
        await asyncio.sleep(0)
        kernel.end()
        await closing
        assert await one == "begun a"

    asyncio.run(check())


def test_an_event_loop_that_has_closed_holds_up_no_other(
    beginning: Committer, kernel: Kernel
) -> None:
    async def leave() -> None:
        (task,) = await append_each(beginning, "a")
        task.cancel()

    async def check() -> None:
        (one,) = await append_each(beginning, "b")
        assert await one == "stored b"

    asyncio.run(leave())
    asyncio.run(check())
    kernel.end()


def test_after_each_batch_it_is_said_where_it_was_begun(make: Make, kernel: Kernel) -> None:
    after: SimpleQueue[object] = SimpleQueue()
    committer = make(begin=kernel.begin, finish=kernel.finish, after=after.put)
    assert submit(committer, "a").result(10) == "stored a"
    assert after.get(timeout=10) is None

    async def check() -> None:
        told: list[Sequence[str | BaseException]] = []
        committer.append_all(["b"], told.append, loop=asyncio.get_running_loop())
        kernel.end()
        # Without a further round of the loop.
        assert told == [["begun b"]]
        assert after.get_nowait() is asyncio.get_running_loop()

    asyncio.run(check())


def test_a_batch_of_which_nothing_was_stored_is_not_spoken_of(make: Make, disk: Disk) -> None:
    after: SimpleQueue[object] = SimpleQueue()
    committer = make(after=after.put)
    disk.errors = [InboxUnavailableError("no")]
    with pytest.raises(InboxUnavailableError):
        submit(committer, "a").result(10)
    assert submit(committer, "b").result(10) == "stored b"
    committer.close()
    assert after.qsize() == 1
