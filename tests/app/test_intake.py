import asyncio
import threading
import time

import pytest

from almahook.app.intake import Intake, _Now, rejection
from almahook.errors import SignatureMismatchError
from almahook.protocol import Refused, Request
from almahook.receivers.reception import Refusal
from almahook.testing.inbox_contract.given import new_event

LONG = "x" * 10_000


def refusal(body: bytes) -> Refusal:
    error = SignatureMismatchError()
    return Refusal(
        refused=Refused(error=error, status=error.status),
        request=Request(
            method="POST", signature=LONG, body=body, content_type=LONG, query="secret=1"
        ),
        profile="main",
        size=len(body),
        at=1.0,
    )


def test_while_it_waits_a_refusal_holds_no_more_than_is_kept_of_it() -> None:
    kept = rejection(refusal(b"a" * 5000), body_bytes=100)
    assert (kept.body, kept.size) == (b"a" * 100, 5000)
    assert max(len(kept.signature), len(kept.content_type)) <= 100


def test_a_refused_body_within_the_bound_is_kept_whole() -> None:
    assert rejection(refusal(b"abc"), body_bytes=100).body == b"abc"


class Packing:
    """An inbox that notes on which thread its events are packed."""

    def __init__(self) -> None:
        self.here = threading.current_thread()
        self.packed_here: list[bool] = []
        self.spooled: list[object] = []

    def pack(self, events: object) -> object:
        self.packed_here.append(threading.current_thread() is self.here)
        return events

    def begin_spool(self, packed: list[object], loop: object, ended: object) -> bool:
        return False

    def spool(self, packed: list[object]) -> None:
        self.spooled += packed

    def finish_spool(self) -> None:
        """Nothing was begun."""


@pytest.mark.parametrize(("size", "is_here"), [(2048, True), (2 * 1024 * 1024, False)])
def test_the_event_loop_packs_what_is_small_and_never_waits_for_what_is_large(
    size, is_here
) -> None:
    inbox = Packing()
    intake = Intake(
        inbox,
        deliver=None,
        max_pending=10,
        refusal_bytes=0,
        clock=time.time,
        on_stored=lambda: None,
        on_not_recorded=lambda: None,
    )
    try:
        asyncio.run(intake.take_in(new_event(body=bytes(size))))
    finally:
        intake.close()
    assert inbox.packed_here == [is_here]
    assert len(inbox.spooled) == 1


def test_something_stored_is_told_at_once_and_what_follows_in_a_moment_together() -> None:
    told: list[float] = []

    async def check() -> None:
        loop = asyncio.get_running_loop()
        again = asyncio.Event()

        def tell() -> None:
            told.append(loop.time())
            if len(told) == 2:
                again.set()

        now = _Now(tell)
        now.tell(loop)
        assert len(told) == 1
        for _ in range(10):
            now.tell(loop)
        assert len(told) == 1
        await again.wait()

    asyncio.run(check())
    assert len(told) == 2


def test_after_a_quiet_moment_it_is_told_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almahook.app.intake._TOLD_EVERY_S", 0)
    told: list[str] = []

    async def check() -> None:
        loop = asyncio.get_running_loop()
        now = _Now(lambda: told.append("stored"))
        later = asyncio.Event()
        now.tell(loop)
        loop.call_later(0, later.set)
        await later.wait()
        now.tell(loop)
        assert told == ["stored", "stored"]

    asyncio.run(check())


def test_what_a_thread_has_stored_is_told_at_once() -> None:
    told: list[str] = []
    now = _Now(lambda: told.append("stored"))
    now.tell(None)
    now.tell(None)
    assert told == ["stored", "stored"]
