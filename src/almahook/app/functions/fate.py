"""When a message is wanted again, from what became of its event's runs: pure."""

from collections.abc import Sequence

from almahook.inbox import OPEN_STATES, Run, RunState

# Somebody else has the run, or it is not its turn: mostly that is over in a moment. It grows by so
# little that a burst about one thing is through soon, and by so much that whoever waits for hours
# is not taken for a poisoned message (resources.MAX_RECEIVES).
_SOON_S, _SOON_GROWTH, _LONGEST_SOON_S = 1.0, 1.3, 120.0

# The inbox, or what it stands on, is not there.
_FAILED_S, _FAILED_GROWTH, _LONGEST_FAILED_S = 15.0, 2.0, 900.0


def wanted_again(newest: Sequence[Run], *, now: float, receives: int) -> float | None:
    """Return after how many seconds there is something to do for an event; None when never.

    Args:
        newest: Of each of its handlers the run that counts.
        now: Seconds since the epoch.
        receives: How often the message was handed out.
    """
    waits = [
        wait_s for run in newest if (wait_s := _wait_s(run, now=now, receives=receives)) is not None
    ]
    return min(waits, default=None)


def needs_person(newest: Sequence[Run], *, since: float) -> bool:
    """Say whether the message that calls a person is to be sent for an event now.

    It is sent when something is parked, and once more at the event's end: a function that dies in
    between has not sent it.

    Args:
        newest: Of each of its handlers the run that counts.
        since: When the batch began, seconds since the epoch.
    """
    parked = [run for run in newest if run.state is RunState.PARKED]
    if any(run.state in OPEN_STATES for run in newest):
        return any((run.settled_at or 0.0) >= since for run in parked)
    return bool(parked)


def after_failure(*, receives: int) -> float:
    """Return after how many seconds a message is tried again that could not be worked on."""
    return min(_FAILED_S * _FAILED_GROWTH ** _counted(receives), _LONGEST_FAILED_S)


def _wait_s(run: Run, *, now: float, receives: int) -> float | None:
    if run.state is RunState.WAITING and run.due_at > now:
        return run.due_at - now
    if run.state in {RunState.WAITING, RunState.RUNNING}:
        return min(_SOON_S * _SOON_GROWTH ** _counted(receives), _LONGEST_SOON_S)
    return None


def _counted(receives: int) -> int:
    # 2.0 ** 1024 overflows.
    return min(receives - 1, 60)
