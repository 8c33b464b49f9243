import pytest

from almahook.inbox import RunState
from almahook.testing.inbox_contract.given import spool
from almahook.worker import pace
from almahook.worker.pace import STEP, Pace


def next_at(number: int, *, took: float, stored: float | None = None) -> float:
    """Say when to dispatch again after a step that began at 10; all in seconds."""
    tells = Pace()
    if stored is not None:
        tells.stored(at=stored)
    tells.dispatched(number, began=10.0, ended=10.0 + took)
    return tells.next_at


def test_who_finds_nothing_may_look_again_at_once():
    assert next_at(0, took=0.01) <= 10.01


def test_what_follows_a_few_events_is_let_gather_longer_in_a_burst():
    assert 10.0 < next_at(1, took=0.001) < next_at(STEP - 1, took=0.001)


def test_more_than_a_step_takes_is_dispatched_at_once_when_nobody_receives():
    assert next_at(STEP, took=0.01) == 10.01
    assert next_at(STEP, took=0.01, stored=9.0) == 10.01


def test_more_than_a_step_takes_waits_most_of_the_time_while_somebody_receives():
    assert next_at(STEP, took=0.01, stored=10.005) == pytest.approx(10.06)


def test_a_step_that_had_to_wait_is_followed_by_no_long_pause():
    assert next_at(STEP, took=2.0, stored=12.0) < 13.0


def test_a_worker_steps_back_while_more_is_received_than_it_takes_and_then_catches_up(
    shop, desk, watched, monkeypatch
):
    shop.write(loan="def process(event): desk.note(event.id)")
    for _ in range(4):
        spool(shop.inbox, [shop.event() for _ in range(STEP // 2)])
    with monkeypatch.context() as for_ever:
        for name in ("_LEFT_TO_RECEIVER", "_LONGEST_PAUSE_S", "_MOMENT_S"):
            for_ever.setattr(pace, name, 10**9)
        worker = shop.worker(inbox=watched)
        worker.wake()
        worker.start()
        shop.until(lambda: len(desk.notes) == STEP)
        assert watched.next_calls("expired", 3)["dispatch"] == 0
        worker.stop()
    shop.start()
    shop.until(lambda: len(desk.notes) == 2 * STEP)
    assert {settled.state for _, settled in shop.settled} == {RunState.SUCCEEDED}
