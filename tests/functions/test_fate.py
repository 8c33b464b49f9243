"""When a message is wanted again: from what became of its event's runs."""

import pytest

from almahook.app.functions.fate import after_failure, needs_person, wanted_again
from almahook.inbox import Run, RunState
from almahook.inbox.aws.resources import MAX_RECEIVES

NOW = 1_700_000_000.0
FINAL = set(RunState) - {RunState.WAITING, RunState.RUNNING}


def run(state: RunState, **changes: float) -> Run:
    given = {
        "id": 1,
        "event_seq": 1,
        "handler": "texts",
        "number": 1,
        "state": state,
        "attempts": 1,
        "created_at": NOW,
        "due_at": NOW,
        "settled_at": NOW,
        "reason": "",
    }
    return Run(**{**given, **changes})


def test_an_event_with_nothing_left_to_do_is_never_wanted_again() -> None:
    assert wanted_again([run(state) for state in FINAL], now=NOW, receives=1) is None
    assert wanted_again([], now=NOW, receives=1) is None


def test_an_event_is_wanted_when_the_first_of_its_runs_is_due() -> None:
    runs = [run(RunState.WAITING, due_at=NOW + wait_s) for wait_s in (3600, 60, 7200)]
    assert wanted_again(runs, now=NOW, receives=7) == 60


@pytest.mark.parametrize("state", [RunState.WAITING, RunState.RUNNING])
def test_what_somebody_else_has_or_whose_turn_it_is_not_is_wanted_soon(state: RunState) -> None:
    assert wanted_again([run(state)], now=NOW, receives=1) == 1.0


def test_who_waits_for_his_turn_for_two_hours_is_not_taken_for_a_poisoned_message() -> None:
    waits = [
        wanted_again([run(RunState.RUNNING)], now=NOW, receives=receives) or 0.0
        for receives in range(1, MAX_RECEIVES)
    ]
    assert waits == sorted(waits)
    assert sum(waits[:10]) < 60
    assert sum(waits) > 2 * 3600


def test_after_a_failure_the_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [after_failure(receives=receives) for receives in (1, 2, 3)] == [15, 30, 60]
    assert after_failure(receives=10_000) == 900


def test_a_person_is_called_when_a_run_is_parked_and_at_the_end_once_more() -> None:
    parked, waiting = run(RunState.PARKED, settled_at=NOW + 1), run(RunState.WAITING)
    assert needs_person([parked, waiting], since=NOW)
    assert not needs_person([parked, waiting], since=NOW + 2)
    assert needs_person([parked, run(RunState.SUCCEEDED)], since=NOW + 2)


def test_nobody_is_called_for_what_is_well() -> None:
    assert not needs_person([run(state) for state in FINAL - {RunState.PARKED}], since=NOW)
    assert not needs_person([], since=NOW)
