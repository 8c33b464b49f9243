import asyncio
import threading
import time

import pytest

from almahook.app.intake import Intake, rejection
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
